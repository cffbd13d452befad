"""Operators that add to a world: longer lifecycles, further entities, grafts from a second parent."""

from __future__ import annotations

import random

from synth.worlds.evolve.draft import MADE, DEntity, Draft, DTool
from synth.worlds.evolve.transplant import fresh_entity, key_of
from synth.worlds.spec import FieldSpec
from tools_catalog.taxonomy import Domain, Noun, Taxonomy

_ASIDE = (  # (state, verb in, verb out): a place to wait, entered from a state and left back to it
    ("on_hold", "hold", "resume"), ("escalated", "escalate", "de_escalate"), ("blocked", "block", "unblock"),
    ("flagged", "flag", "unflag"), ("frozen", "freeze", "unfreeze"), ("awaiting_reply", "await_reply", "continue"),
    ("deferred", "defer", "pick_up"), ("disputed", "dispute", "settle"),
)  # fmt: skip
_AFTER = (("archived", "archive"), ("expired", "expire"), ("written_off", "write_off"), ("voided", "void"))


def near(draft: Draft, entity: str) -> DTool:
    """The tool whose lineage an added tool takes over."""
    return next(iter(draft.of(entity)), draft.tools[0])


def added(draft: Draft, like: DTool, op: str, of: str, **body: object) -> DTool:
    tool = DTool(op, of, parents=list(like.parents), source=like.source)
    for name, value in body.items():
        setattr(tool, name, value)
    draft.tools.append(tool)
    return tool


def extend_lifecycle(draft: Draft, rng: random.Random) -> bool:
    """A new state with the moves and tools that reach it; every state stays reachable and some state stays final."""
    with_moves = [n for n, e in draft.entities.items() if e.moves and e.state and not e.job]
    if not with_moves:
        return False
    name = rng.choice(with_moves)
    entity = draft.entities[name]
    like = near(draft, name)
    members = list(entity.moves)
    if rng.random() < 0.7:
        choices = [a for a in _ASIDE if a[0] not in members and a[1] not in entity.verbs.values()]
        if not choices:
            return False
        state, verb, back = rng.choice(choices)
        busy = [s for s in members if entity.moves[s]]
        sources = rng.sample(busy, min(len(busy), rng.choice((1, 2))))
        for s in sources:
            entity.moves[s].append(state)
        entity.moves[state] = [sources[0]]
        entity.verbs[state] = verb
        added(draft, like, "move", name, to=state)
        known = {t.to for t in draft.of(name) if t.op == "move"}
        if sources[0] not in known:
            entity.verbs[sources[0]] = entity.verbs.get(sources[0], back)
            added(draft, like, "move", name, to=sources[0], verb=back)
    else:
        final = [s for s in members if not entity.moves[s]] or members[-1:]
        after = [a for a in _AFTER if a[0] not in members and a[1] not in entity.verbs.values()]
        if not after:
            return False
        state, verb = rng.choice(after)
        for s in final:
            entity.moves[s].append(state)
        entity.moves[state] = []
        entity.verbs[state] = verb
        added(draft, like, "move", name, to=state)
    entity.fields[entity.state or ""] = FieldSpec(type="enum", of=list(entity.moves))
    return True


def use_lifecycle(draft: Draft, rng: random.Random) -> bool:
    """Give an entity with a lifecycle the tools that walk it."""
    walked = {t.of for t in draft.tools if t.op == "move"}
    idle = [n for n, e in draft.entities.items() if e.moves and not e.job and n not in walked]
    if not idle:
        return False
    name = rng.choice(idle)
    entity = draft.entities[name]
    like = near(draft, name)
    targets = [t for t in entity.verbs if any(t in ts for ts in entity.moves.values())]
    for state in targets[: rng.choice((2, 3, 3))]:
        added(draft, like, "move", name, to=state)
    return True


def add_entity(draft: Draft, domain: Domain, taxonomy: Taxonomy, rng: random.Random) -> bool:
    """A child entity with two to four tools: made and listed under its parent, read, changed or removed."""
    taken = set(draft.entities)
    unused = [n for n in domain.nouns if key_of(n) not in taken]
    spare = [n for n in taxonomy.children if key_of(n) not in taken]
    if len(draft.entities) >= 7 or not (unused or spare):
        return False
    main = draft.main()
    noun = rng.choice(unused) if unused and rng.random() < 0.65 else rng.choice(spare or unused)
    return _hang(draft, main, noun, rng, ops=None, likes=[near(draft, main)])


def graft(draft: Draft, other: Draft, domain: Domain, taxonomy: Taxonomy, rng: random.Random) -> bool:
    """An entity of a second parent, with the operations it has there, hung on this world's main entity."""
    taken = set(draft.entities)
    unused = [n for n in domain.nouns if key_of(n) not in taken] + [
        n for n in taxonomy.children if key_of(n) not in taken
    ]
    donors = [e for e in other.entities if len(other.of(e)) >= 2 and not other.entities[e].link]
    if not unused or not donors or len(draft.entities) >= 7:
        return False
    donor = rng.choice(donors)
    tools = other.of(donor)[:5]
    return _hang(draft, draft.main(), unused[0], rng, ops=[t.op for t in tools], likes=tools)


def _hang(draft: Draft, main: str, noun: Noun, rng: random.Random, ops: list[str] | None, likes: list[DTool]) -> bool:
    name = key_of(noun)
    entity = fresh_entity(noun, rng, wanted=rng.choice((2, 3, 4)))
    person = noun.slot in ("person", "org", "place", "group", "item")
    if person:  # people and places are not owned: the main entity refers to them
        owner = draft.entities[main]
        if not owner.link and name not in owner.fields:
            owner.fields[name] = FieldSpec.model_validate({"type": "ref", "to": name, "null": 0.3})
    else:
        entity.fields = {main: FieldSpec(type="ref", to=main, on_delete="cascade")} | {
            f: s for f, s in entity.fields.items() if f != main
        }
        if rng.random() < 0.6:
            entity.fields[MADE] = FieldSpec(type="time", set_by="system", within=("-60d", "0d"))
    draft.entities[name] = entity
    if ops is None:
        ops = ["list", "create", *rng.sample(["get", "update", "delete"], rng.choice((0, 1, 2)))]
        if entity.moves:
            ops += ["move", "move"]
    else:
        ops = list(dict.fromkeys(["list", *ops]))
    filters = [(f, "eq", False) for f, s in entity.fields.items() if s.type in ("enum", "bool", "ref") and f != main]
    if not person:
        filters.insert(0, (main, "eq", rng.random() < 0.6))
    states = list(entity.verbs)
    for i, op in enumerate(ops):
        like = likes[i % len(likes)]
        if op == "move":
            if states:
                added(draft, like, "move", name, to=states.pop(0))
        elif op in ("list", "search", "aggregate"):
            added(draft, like, op, name, filters=filters[:3], paging=rng.choice(("none", "offset", "page")))
        elif op in ("get", "create", "update", "delete", "copy"):
            added(draft, like, op, name)
    assigned = any(t.op == "update" and t.needs == [name] for t in draft.of(main))
    if person and not assigned and name in draft.entities[main].fields:
        added(draft, likes[0], "update", main, needs=[name])
    return True


def add_report(draft: Draft, rng: random.Random) -> bool:
    """A question over many rows: a count, a count per group, or a total."""
    main = draft.main()
    options = [n for n, e in draft.entities.items() if len(e.fields) >= 3 and not (e.link or e.virtual or e.job)]
    if not options:
        return False
    name = main if main in options and rng.random() < 0.6 else rng.choice(options)
    entity = draft.entities[name]
    enums = [f for f, s in entity.fields.items() if s.type == "enum"]
    numbers = [f for f, s in entity.fields.items() if s.type in ("int", "number", "money")]
    filters = [(f, "eq", False) for f, s in entity.fields.items() if s.type in ("enum", "bool", "ref")][:3]
    form = rng.choice(("count", "count", "group", "total"))
    if form == "total" and numbers:
        added(draft, near(draft, name), "aggregate", name, filters=filters, measure=rng.choice(numbers))
    elif form == "group" and enums:
        group = rng.choice(enums)
        added(draft, near(draft, name), "aggregate", name, filters=[f for f in filters if f[0] != group], group=group)
    else:
        added(draft, near(draft, name), "aggregate", name, filters=filters)
    return True


def enough(draft: Draft) -> bool:
    return len(draft.tools) >= 6 and len(draft.entities) >= 2


def reaches_all(entity: DEntity) -> bool:
    """Whether each lifecycle state can be reached from the first."""
    if not entity.moves:
        return True
    first = next(iter(entity.moves))
    seen, todo = {first}, [first]
    while todo:
        for t in entity.moves[todo.pop()]:
            if t not in seen:
                seen.add(t)
                todo.append(t)
    return seen == set(entity.moves)
