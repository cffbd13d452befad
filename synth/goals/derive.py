"""Making a key known: cheapest first, every edge an executed read call.

An AND/OR search over what the offered read tools really return, deepened by the number of calls: a key is known when it
was shown already (0 calls); when a list or search shows the row it belongs to, told apart by natural fields (its other
arguments are keys to be made known in turn, AND); when a row is fetched by a natural field; when another row, itself
found, refers to it (OR).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rubrics.normal import same
from synth.goals.describe import by_id, describe, natural_fields, sayable, single_out, told_field
from synth.goals.desk import FREE_ROLES, Act, Desk, free_choice, names_row_of, pointer
from synth.goals.ground import Chosen, Description, Found, Look, Origin, Seen, Told, free_rest, own_key, records
from synth.goals.templates import worded
from synth.goals.words import field_words, noun, say
from synth.worlds.spec import Param
from synth.worlds.state import RowData, State, thaw

MOST_LOOKS = 60  # executed reads per story
MOST_WORK = 400  # ways tried per story
DEEPEST = 3  # calls on the way to one key
_REFERRERS = 4  # rows tried that refer to a wanted one


@dataclass
class Finder:
    """Finds keys on `state`, given what was shown so far (`known`) and which rows were spoken of (`mentioned`)."""

    desk: Desk
    state: State
    rng: random.Random
    known: list[Look] = field(default_factory=list)
    mentioned: dict[tuple[str, Any], tuple[Origin, Description]] = field(default_factory=dict)
    avoid: frozenset[str] = frozenset()  # offered names that must not be used
    ids: bool = False  # the user names rows by their ids
    words_only: bool = False  # nothing will be called: only words for the row are wanted
    spent: int = 0
    work: int = 0
    _shown: dict[str, Look | None] = field(default_factory=dict)
    _hopeless: set[tuple[str, Any, int]] = field(default_factory=set)  # not found within so many calls

    def find(self, entity: str, key: Any, deepest: int = DEEPEST) -> Found | None:
        """The cheapest way to `key`, None where there is none within `deepest` calls."""
        key = tuple(key) if isinstance(key, list) else key
        if isinstance(key, tuple) or self.desk.row(self.state, entity, key) is None:
            return None  # a reference to a composite key cannot be one argument
        spoken = self.mentioned.get((entity, key))
        if spoken is not None:
            origin, words = spoken
            return Found(origin, words, ())
        if not self.desk.entity(entity).generated_key:
            return self.natural(entity, key)
        if self.ids:
            words, told = by_id(self.desk, entity, key, self.desk.entity(entity).keys[0])
            return Found(told, words, ())
        if self.words_only:
            return self.by_name(entity, key)
        return self.within_up_to(entity, key, deepest, frozenset({(entity, key)}))

    def by_name(self, entity: str, key: Any) -> Found | None:
        """Words for a row without looking it up."""
        row = self.desk.row(self.state, entity, key)
        rows = [r for r in self.state.rows(entity).values() if r is not row]
        fields = single_out(self.desk, self.state, entity, row, rows, {}) if row is not None else None
        if row is None or fields is None:
            return None
        told = tuple(told_field(self.desk, entity, f, row[f]) for f in fields)
        return Found(Chosen("not looked up"), describe(self.desk, entity, told, fields, []), ())

    def natural(self, entity: str, key: Any) -> Found | None:
        name = self.desk.entity(entity).keys[0]
        if not sayable(key):
            return None
        told = told_field(self.desk, entity, name, key)
        return Found(told, describe(self.desk, entity, (told,), (name,), []), ())

    def within(self, entity: str, key: Any, budget: int, busy: frozenset[tuple[str, Any]]) -> Found | None:
        """A way of at most `budget` calls. `busy` are keys being looked for: no circles."""
        self.work += 1
        if (entity, key, budget) in self._hopeless or self.exhausted:
            return None
        found = self.any_way(entity, key, budget, busy)
        if found is None and len(busy) == 1:  # deeper down a circle may be the reason
            self._hopeless.add((entity, key, budget))
        return found

    @property
    def exhausted(self) -> bool:
        return self.spent > MOST_LOOKS or self.work > MOST_WORK

    def any_way(self, entity: str, key: Any, budget: int, busy: frozenset[tuple[str, Any]]) -> Found | None:
        if (entity, key) in self.mentioned:
            origin, words = self.mentioned[entity, key]
            return Found(origin, words, ())
        if not self.desk.entity(entity).generated_key:
            return self.natural(entity, key)
        row = self.desk.row(self.state, entity, key)
        if row is None:
            return None
        if budget == 0:
            return self.already_shown(entity, row)
        ways: list[Callable[[], Found | None]] = [
            partial(self.by_list, act, entity, row, budget, busy)
            for act in self.desk.reads_of(entity, "list", "search")
        ]
        ways += [partial(self.by_field, act, entity, row) for act in self.desk.reads_of(entity, "get")]
        self.rng.shuffle(ways)
        ways.append(partial(self.by_referrer, entity, key, budget, busy))
        for way in ways:
            found = way()
            if found is not None:
                return found
            if self.exhausted:
                return None
        return None

    def forget(self) -> None:
        """Results were those of an earlier state."""
        self._shown.clear()
        self._hopeless.clear()

    # --- ways ---

    def already_shown(self, entity: str, row: RowData) -> Found | None:
        for look in self.known:
            if look.act.of == entity:
                found = self.pick(look, entity, row, {}, [], ())
                if found is not None:
                    return found
        return None

    def by_list(
        self, act: Act, entity: str, row: RowData, budget: int, busy: frozenset[tuple[str, Any]]
    ) -> Found | None:
        """List or search, first with the fewest arguments, then narrowed by one optional argument."""
        if act.offered in self.avoid:
            return None
        required = [n for n, p in act.params.items() if p.required]
        optional = [n for n, p in act.params.items() if not p.required and p.role in ("filter", "query")]
        self.rng.shuffle(optional)
        optional.sort(key=lambda n: act.params[n].role != "query")  # a search by name first
        first: list[list[str]] = [[]] if self.rng.random() < 0.6 else [[n] for n in optional[:1]]
        plans = [*first, *[[n] for n in optional[:3]], []]
        for extra in plans:
            found = self.look_for(act, entity, row, [*required, *extra], budget - 1, busy)
            if found is not None:
                return found
            if self.exhausted:
                return None
        return None

    def look_for(
        self, act: Act, entity: str, row: RowData, names: list[str], budget: int, busy: frozenset[tuple[str, Any]]
    ) -> Found | None:
        values: dict[str, Any] = {}
        origins: dict[str, Origin] = {}
        told: list[Told] = []
        parents: list[tuple[str, Description]] = []
        looks: list[Look] = []
        given: dict[str, Any] = {}
        for name in names:
            p = act.params[name]
            got = self.narrow(act, name, p, entity, row, budget - len(looks), busy)
            if got is None:
                return None
            value, origin, words, before = got
            values[name], origins[pointer(name, p)] = value, origin
            looks += before
            if words is None and isinstance(origin, Told):
                told.append(origin)
            if words is not None:
                parents.append((str(p.field or p.entity or name), words))
            if p.field and p.role in ("filter", "key") and p.compare == "eq":
                given[p.field] = row.get(p.field)
        if budget < len(looks):
            return None
        look = self.look(act, values, origins)
        if look is None:
            return None
        found = self.pick(look, entity, row, given, parents, tuple(told))
        return None if found is None else Found(found.origin, found.words, (*looks, *found.looks))

    def narrow(
        self, act: Act, name: str, p: Param, entity: str, row: RowData, budget: int, busy: frozenset[tuple[str, Any]]
    ) -> tuple[Any, Origin, Description | None, tuple[Look, ...]] | None:
        """A value for one argument of a list or search that keeps `row` in."""
        if p.role in FREE_ROLES:
            drawn = self.desk.draw(act, self.state, self.rng, {})
            if drawn is not None and name in drawn and not free_choice(self.desk.cw, act, name, drawn[name]):
                return self.named_besides(name, drawn[name], entity)
            return (
                None
                if drawn is None or name not in drawn
                else (drawn[name], Chosen("a choice of the caller"), None, ())
            )
        if p.role == "query":
            best = next(
                (
                    n
                    for n in natural_fields(self.desk, entity)
                    if n in self.searched(act, entity) and sayable(row.get(n))
                ),
                None,
            )
            if best is None or not isinstance(row[best], str):
                return None
            return row[best], told_field(self.desk, entity, best, row[best]), None, ()
        value = thaw(row.get(str(p.field))) if p.field else None
        target = names_row_of(self.desk, act, p)
        if p.entity not in (None, act.of) and target is not None:
            value = next(
                (row[f] for f, s in self.desk.entity(entity).fields.items() if s.type == "ref" and s.to == target), None
            )
        if value is None or isinstance(value, list | dict) or p.compare not in ("eq", "in"):
            return None
        if target is not None:
            if (target, value) in busy:
                return None
            found = self.within_up_to(target, value, budget, busy | {(target, value)})
            if found is None:
                return None
            return ([value] if p.compare == "in" else value), found.origin, found.words, found.looks
        if isinstance(value, bool) or not sayable(value):
            return None
        return ([value] if p.compare == "in" else value), told_field(self.desk, entity, str(p.field), value), None, ()

    def named_besides(
        self, name: str, value: Any, entity: str
    ) -> tuple[Any, Origin, Description | None, tuple[Look, ...]] | None:
        """A name that the call needs and that no record holds: a region, a namespace."""
        if not sayable(value):
            return None
        what, words, said = noun(self.desk.world, entity), field_words(name), say(value)
        clause = worded(self.desk.voice, "facts", "is", field=words, value=said)
        return value, Told(value, words, what, clause, said, identity=True), None, ()

    def within_up_to(self, entity: str, key: Any, most: int, busy: frozenset[tuple[str, Any]]) -> Found | None:
        for budget in range(max(0, most) + 1):
            found = self.within(entity, key, budget, busy)
            if found is not None:
                return found
        return None

    def searched(self, act: Act, entity: str) -> list[str]:
        e = self.desk.entity(entity)
        return act.spec.in_ or [n for n, f in e.fields.items() if f.type in ("text", "code") or f.search]

    def by_field(self, act: Act, entity: str, row: RowData) -> Found | None:
        """Fetch by a natural field (an e-mail address, a name) where a tool allows it."""
        if act.offered in self.avoid:
            return None
        keys = [(n, p) for n, p in act.params.items() if p.role == "key" and p.required]
        if len(keys) != 1 or any(p.required and p.role != "key" for p in act.params.values()):
            return None
        name, p = keys[0]
        by = act.spec.by if isinstance(act.spec.by, list) else []
        e = self.desk.entity(entity)
        options = [
            f
            for f in ([p.field] if p.field and p.field not in e.keys else by)
            if f in e.fields and e.fields[str(f)].type == "text"
        ]
        for option in options:
            value = row.get(str(option))
            if sayable(value) and len(self.state.tables[entity].by(str(option), value)) == 1:
                told = told_field(self.desk, entity, str(option), value)
                look = self.look(act, {name: value}, {pointer(name, p): told})
                if look is not None:
                    return self.pick(look, entity, row, {str(option): value}, [], (told,))
        return None

    def by_referrer(self, entity: str, key: Any, budget: int, busy: frozenset[tuple[str, Any]]) -> Found | None:
        """Through a row that refers to the wanted one: "the requester of the ticket ..."."""
        ways = [(holder, name) for holder, e in self.desk.world.entities.items() for name, s in e.fields.items()
                if s.type == "ref" and s.to == entity and e.generated_key]  # fmt: skip
        self.rng.shuffle(ways)
        for holder, name in ways:
            rows = list(self.state.tables[holder].by(name, key))
            self.rng.shuffle(rows)
            for row in rows[:_REFERRERS]:
                at = row[self.desk.entity(holder).keys[0]]
                if (holder, at) in busy:
                    continue
                within = busy | {(holder, at)}
                found = self.within_up_to(holder, at, budget, within)
                direct = self.field_in(found, holder, at, name) if found is not None else None
                direct = direct or self.through(holder, at, name, row, budget, within)
                if direct is not None:
                    return direct
                if self.exhausted:
                    return None
        return None

    def through(
        self, holder: str, at: Any, name: str, row: RowData, budget: int, busy: frozenset[tuple[str, Any]]
    ) -> Found | None:
        """Find the holder, then get it."""
        if budget < 1:
            return None
        gets = [
            a
            for a in self.desk.reads_of(holder, "get")
            if a.offered not in self.avoid and own_key(a, self.desk) is not None
        ]
        if not gets:
            return None
        before = self.within_up_to(holder, at, budget - 1, busy)
        if before is None:
            return None
        act = self.rng.choice(gets)
        look = self.get(act, holder, row, before.origin)
        if look is None:
            return None
        return self.field_in(Found(before.origin, before.words, (*before.looks, look)), holder, at, name)

    def field_in(self, found: Found, holder: str, at: Any, name: str) -> Found | None:
        """The reference `name` of the row `at` that `found` ends at, where the last look shows it."""
        if not found.looks:
            return None
        look, keyed = found.looks[-1], self.desk.entity(holder).keys[0]
        entity = str(self.desk.entity(holder).fields[name].to)
        for path, record in records(look.result):
            if record.get(keyed) == at and record.get(name) is not None and not isinstance(record[name], dict | list):
                role, what = field_words(name, entity), noun(self.desk.world, entity)
                head = role if role not in ("parent", "owner") else f"{role} {what}"
                phrase = worded(self.desk.voice, "rows", "head", role=head, row=found.words.phrase)
                short = worded(self.desk.voice, "rows", "that", noun=what)
                words = Description(phrase, short, found.words.told)
                return Found(Seen(look, (*path, name)), words, found.looks)
        return None

    # --- calls ---

    def get(self, act: Act, entity: str, row: RowData, origin: Origin) -> Look | None:
        """Fetch `row` by its key, whose origin is known."""
        name = own_key(act, self.desk)
        if name is None:
            return None
        return self.look(act, {name: row[self.desk.entity(entity).keys[0]]}, {pointer(name, act.params[name]): origin})

    def look(self, act: Act, values: dict[str, Any], origins: dict[str, Origin]) -> Look | None:
        """Execute a read; None where it fails. The same call is executed once."""
        arguments = self.desk.arguments(act, values)
        at = f"{act.offered} {sorted(arguments.items(), key=str)}"
        self.work += 1
        if at not in self._shown:
            self.spent += 1
            result, _ = self.desk.cw.execute(self.state, act.tool, arguments)
            self._shown[at] = Look(act, values, arguments, {}, result.value) if result.ok else None
        shown = self._shown[at]
        return None if shown is None else Look(act, values, arguments, free_rest(act, values, origins), shown.result)

    def pick(
        self,
        look: Look,
        entity: str,
        row: RowData,
        given: Mapping[str, Any],
        parents: list[tuple[str, Description]],
        told: tuple[Told, ...],
    ) -> Found | None:
        """The key of `row` in a result, with words that single its record out there."""
        name = self.desk.entity(entity).keys[0]
        rows = [(path, r) for path, r in records(look.result) if name in r and not isinstance(r[name], dict | list)]
        mine = [
            (path, r)
            for path, r in rows
            if r[name] == row[name] and all(same(v, thaw(row.get(k))) for k, v in r.items() if k in row)
        ]
        if len(mine) != 1:
            return None
        path, record = mine[0]
        others = [r for p, r in rows if p != path]
        fields = single_out(self.desk, self.state, entity, record, others, given)
        if fields is None and len(rows) == 1 and told:
            fields = ()
        if fields is None:
            return None
        said = [told_field(self.desk, entity, f, record[f]) for f in fields]
        extra = [t for t in told if not any(same(t.value, s.value) and t.name == s.name for s in said)]
        every = tuple(said) + tuple(extra)
        names = (*fields, *[self.field_called(entity, t) for t in extra])
        words = describe(self.desk, entity, every, names, parents)
        return Found(Seen(look, (*path, name)), words, (look,) if look not in self.known else ())

    def field_called(self, entity: str, told: Told) -> str:
        return next((f for f in self.desk.entity(entity).fields if field_words(f, entity) == told.name), told.name)
