"""`long`: fifteen to sixty calls. Requests for every row of a sort ("all pending orders"), questions about several
rows, and single goals, turn after turn, until the plan is long enough."""

from __future__ import annotations

import random
from typing import Any

from rubrics.normal import same
from synth.goals.clauses import Piece, spoken_field, write_clause
from synth.goals.describe import is_state, sayable, told_field
from synth.goals.desk import Act, Desk, free_choice, names_row_of, pointer
from synth.goals.draw import Aim, draw_write, settle
from synth.goals.ground import Chosen, Look, Origin, Seen, free_rest, records
from synth.goals.kinds.basic import same_question
from synth.goals.kinds.draft import TRIES, Draft, add_aim, row_keys
from synth.goals.story import LONGEST_TURN, DeadEnd, Story
from synth.goals.verbs import awkward
from synth.goals.words import plural
from synth.worlds.state import RowData, thaw

FEWEST, MOST = 15, 60  # calls
MOST_TURNS = 14
FAILS = 18  # parts that led nowhere
GROUP = (3, 18)  # rows of one request
MOST_PAGES = 5
IDS = 0.5


def long(desk: Desk, rng: random.Random) -> Draft:
    """Goals are added until the plan has the wanted number of calls."""
    story = Story(desk, rng, ids=rng.random() < IDS)
    wanted, fails = rng.choice([15, 15, 18, 20, 25, 30, 40]), 0
    while len(story.steps) < wanted and len(story.turns) < MOST_TURNS and fails < FAILS:
        mark = story.mark()
        story.finder.spent = story.finder.work = 0
        story.new_turn()
        try:
            part(story)
            if len(story.steps) > MOST:
                raise DeadEnd("too many calls")
            if sum(len(c.vp or c.q) for c in story.turns[-1]) > LONGEST_TURN:
                raise DeadEnd("more words than a person says at once")
        except DeadEnd:
            story.back_to(mark)
            fails += 1
    if len(story.steps) < FEWEST:
        raise DeadEnd("too few calls")
    return Draft(story)


def part(story: Story) -> None:
    """What one turn asks for."""
    draw = story.rng.random()
    if draw < 0.5 and story.desk.writes:
        every_row(story)
    elif draw < 0.75:
        same_question(story, story.rng.choice([3, 4, 5]))
    else:
        for _ in range(story.rng.choice([1, 2, 2])):
            add_aim(story, 0.3)


def every_row(story: Story) -> None:
    """The same write on every row with a value in common; the rows are found by a list, page by page."""
    desk, rng = story.desk, story.rng
    acts = [a for a in desk.writes if a.op in ("update", "move", "delete") and a.of and one_key(desk, a)]
    for _ in range(TRIES if acts else 0):
        aim = draw_write(desk, story.state, rng, acts, [], 0.0)
        if aim is None or not all(free_choice(desk.cw, aim.act, n, v) or n in row_keys(desk, aim.act)
                                  or names_row_of(desk, aim.act, aim.act.params[n]) is None
                                  for n, v in aim.values.items()):  # fmt: skip
            continue
        groups = groups_of(story, aim)
        rng.shuffle(groups)
        for field, value, rows in groups[:3]:
            if touched(story, str(aim.act.of), rows):
                continue
            aims = on_each(story, aim, rows)
            found = None if aims is None else listed(story, str(aim.act.of), field, value, rows)
            if aims is not None and found is not None:
                commit(story, aims, found, field, value)
                return
    raise DeadEnd("no sort of rows to work through")


def one_key(desk: Desk, act: Act) -> bool:
    keys = [n for n, p in act.params.items() if p.role == "key"]
    return len(keys) == 1 and row_keys(desk, act) == keys and len(desk.entity(str(act.of)).keys) == 1


def groups_of(story: Story, aim: Aim) -> list[tuple[str, Any, list[RowData]]]:
    """(field, value, rows): rows with a closed-list value in common that the write does not set."""
    desk, entity = story.desk, str(aim.act.of)
    changed = {f for c in aim.changes for f, v in (c.after or {}).items() if c.before and c.before.get(f) != v}
    out = []
    for name, spec in desk.entity(entity).fields.items():
        if spec.type != "enum" or name in changed - {str(getattr(desk.entity(entity).lifecycle, "field", ""))}:
            continue
        if awkward(name, spec.type, entity):
            continue
        for value in spec.of or ():
            rows = [r for r in story.state.rows(entity).values() if r.get(name) == value]
            if GROUP[0] <= len(rows) <= GROUP[1] and sayable(value):
                out.append((name, value, rows))
    return out


def touched(story: Story, entity: str, rows: list[RowData]) -> bool:
    key = story.desk.entity(entity).keys[0]
    worked = {(c.entity, c.key) for a in story.aims for c in a.changes}
    return any((entity, r[key]) in worked for r in rows)


def on_each(story: Story, aim: Aim, rows: list[RowData]) -> list[Aim] | None:
    """The write on each row, one after another; None where it works on some only."""
    desk, state = story.desk, story.state
    name, key = row_keys(desk, aim.act)[0], desk.entity(str(aim.act.of)).keys[0]
    out = []
    for row in rows:
        one = settle(desk, state, aim.act, {**aim.values, name: thaw(row[key])})
        if one is None or len(one.changes) != 1:
            return None
        _, state = desk.execute(state, aim.act, one.values)
        out.append(one)
    return out


def listed(
    story: Story, entity: str, field: str, value: Any, rows: list[RowData]
) -> tuple[list[Look], dict[Any, Seen]] | None:
    """Calls of one list that show every row of the sort, and where each key stands."""
    desk, key = story.desk, story.desk.entity(entity).keys[0]
    wanted = {thaw(r[key]) for r in rows}
    acts = [a for a in desk.reads_of(entity, "list", "search") if not any(p.required for p in a.params.values())]
    story.rng.shuffle(acts)
    for act in acts:
        narrow = [n for n, p in act.params.items() if p.role == "filter" and p.field == field and p.compare == "eq"
                  and p.entity in (None, entity)]  # fmt: skip
        given: dict[str, Any] = {narrow[0]: value} if narrow else {}
        origins: dict[str, Origin] = {}
        if narrow:
            origins[pointer(narrow[0], act.params[narrow[0]])] = told_field(desk, entity, field, value)
        looks, seen = pages(story, act, given, origins, key, wanted)
        if wanted <= seen.keys() and all(shows(seen[k], field, value) for k in wanted):
            return looks, seen
    return None


def pages(
    story: Story, act: Act, given: dict[str, Any], origins: dict[str, Origin], key: str, wanted: set[Any]
) -> tuple[list[Look], dict[Any, Seen]]:
    """The list from its beginning until all wanted keys are seen or nothing new comes."""
    turn = next((n for n, p in act.params.items() if p.role in ("page", "offset")), None)
    looks: list[Look] = []
    seen: dict[Any, Seen] = {}
    for number in range(MOST_PAGES):
        values, from_ = dict(given), dict(origins)
        if number and turn is not None:
            values[turn] = number + 1 if act.params[turn].role == "page" else len(seen)
            from_[pointer(turn, act.params[turn])] = Chosen("the next page")
        look = story.finder.look(act, values, from_)
        before = len(seen)
        for path, record in records(look.result) if look is not None else ():
            if key in record and not isinstance(record[key], dict | list) and look is not None:
                seen.setdefault(record[key], Seen(look, (*path, key)))
        if look is None or len(seen) == before:
            break
        looks.append(look)
        if wanted <= seen.keys() or turn is None:
            break
    return looks, seen


def shows(where: Seen, field: str, value: Any) -> bool:
    """Whether the record shows the value that the rows have in common."""
    record: Any = where.call.result
    for step in where.path[:-1]:
        record = record[step]
    return field in record and same(record[field], value)


def commit(story: Story, aims: list[Aim], found: tuple[list[Look], dict[Any, Seen]], field: str, value: Any) -> None:
    """The list calls, then one call per row; one clause for all."""
    desk, (looks, seen) = story.desk, found
    act = aims[0].act
    entity, name = str(act.of), row_keys(desk, act)[0]
    shown = {id(look): story.commit(look) for look in looks}
    told = told_field(desk, entity, field, value)
    story.hear(told)
    pieces: list[Piece] = []
    payload: dict[str, Origin] = {}
    for n, v in aims[0].values.items():
        if n == name:
            continue
        at = pointer(n, act.params[n])
        if free_choice(desk.cw, act, n, v):
            payload[at] = Chosen("a choice of the caller")
            continue
        piece, said = story.payload(act, n, v, spoken_field(desk, act, n))
        payload[at] = said
        pieces.append(piece)
        story.hear(said)
    for aim in aims:
        spot = seen[aim.values[name]]
        where = Seen(shown[id(spot.call)], spot.path)
        arguments = desk.arguments(act, aim.values)
        result, after = desk.cw.execute(story.state, act.tool, arguments)
        if not result.ok:
            raise DeadEnd("the write works on some rows only")
        origins = {pointer(name, act.params[name]): where, **payload}
        look = Look(act, aim.values, arguments, free_rest(act, aim.values, origins), result.value, result.changes)
        story.commit(look)
        story.advance(after)
        story.aims.append(aim)
        story.cells |= aim.cells()
    many = plural(desk.world, entity)
    obj = f"all {told.said} {many}" if is_state(desk, entity, field) else f"all {many} with {told.name} {told.said}"
    clause = write_clause(desk, act, obj, pieces, story.rng)
    story.turns[-1].append(type(clause)(vp=clause.vp))
