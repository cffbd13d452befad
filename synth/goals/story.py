"""A task under construction: the state, the plan so far, what was shown, what the user says and in which turn."""

from __future__ import annotations

import random
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from rubrics.normal import Text, mentions
from synth.goals.clauses import Piece, spoken_field, write_clause
from synth.goals.decoys import decoy
from synth.goals.derive import Finder
from synth.goals.describe import named
from synth.goals.desk import Act, Desk, free_choice, names_row_of, pointer
from synth.goals.draw import Aim, stays
from synth.goals.ground import (
    Chosen,
    Description,
    Found,
    Look,
    Origin,
    Seen,
    Told,
    free_rest,
    records,
)
from synth.goals.money import amount_field, in_major_units, in_minor_units
from synth.goals.speech import Clause, Slip
from synth.goals.templates import plainest, worded
from synth.goals.words import noun, say
from synth.taskspec import Source, Step, Tell
from synth.worlds.state import State

LONGEST_REQUEST = 260  # characters of one request
LONGEST_TURN = 360  # characters of requests in one message


class DeadEnd(Exception):
    """This try leads nowhere; the text says why."""


@dataclass
class Known:
    """A fact of the user in the making. `turn` None: only when asked."""

    id: str
    told: Told
    turn: int | None


_GROWS = ("steps", "looks", "facts", "tells", "aims", "hot", "cells", "asked", "_last")


@dataclass
class Story:
    desk: Desk
    rng: random.Random
    ids: bool = False  # the user names rows by id
    avoid: frozenset[str] = frozenset()
    state: State = field(init=False)
    finder: Finder = field(init=False)
    steps: list[Step] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    facts: dict[str, Known] = field(default_factory=dict)
    turns: list[list[Clause]] = field(default_factory=list)
    tells: list[Tell] = field(default_factory=list)
    aims: list[Aim] = field(default_factory=list)
    hot: list[tuple[str, Any]] = field(default_factory=list)
    cells: set[tuple[str, Any, str]] = field(default_factory=set)
    asked: set[tuple[str, str]] = field(default_factory=set)
    hops: int = 0
    _last: dict[str, Any] = field(default_factory=dict)  # entity -> key spoken of last

    def __post_init__(self) -> None:
        self.state = self.desk.start
        self.finder = Finder(self.desk, self.state, self.rng, avoid=self.avoid, ids=self.ids)

    @property
    def turn(self) -> int:
        return max(0, len(self.turns) - 1)

    def new_turn(self) -> None:
        self.turns.append([])

    def kept_back(self) -> Known:
        """The first fact that is told only when asked. DeadEnd where the story holds none: it was said otherwise."""
        known = next((k for k in self.facts.values() if k.turn is None), None)
        if known is None:
            raise DeadEnd("what was to be kept back is said otherwise")
        return known

    def mark(self) -> dict[str, Any]:
        """What has to be restored when the next part of the story leads nowhere."""
        kept: dict[str, Any] = {n: copy(getattr(self, n)) for n in _GROWS} | {"state": self.state, "hops": self.hops}
        kept["turns"] = [list(t) for t in self.turns]
        return kept | {"known": list(self.finder.known), "mentioned": dict(self.finder.mentioned)}

    def back_to(self, mark: dict[str, Any]) -> None:
        """Forget everything since `mark`."""
        for name in _GROWS:
            setattr(self, name, copy(mark[name]))  # the mark may be gone back to again
        self.turns = [list(t) for t in mark["turns"]]
        self.state, self.hops = mark["state"], mark["hops"]
        self.finder.known, self.finder.mentioned = list(mark["known"]), dict(mark["mentioned"])
        self.finder.state = mark["state"]
        self.finder.forget()

    # --- finding ---

    def find(self, entity: str, key: Any) -> tuple[Found, str]:
        """Make a key known and put its looks into the plan; returns it and the words for it here."""
        key = tuple(key) if isinstance(key, list) else key
        before = (entity, key) in self.finder.mentioned
        found = self.finder.find(entity, key)
        if found is None:
            raise DeadEnd(f"no way to a {noun(self.desk.world, entity)}")
        for look in found.looks:
            self.commit(look)
        self.hops += len(found.looks)
        for t in found.words.told:
            self.hear(t)
        short = before and self._last.get(entity) == key
        self._last[entity] = key
        self.finder.mentioned[entity, key] = (found.origin, found.words)
        return found, found.words.short if short else found.words.phrase

    def hear(self, told: Told, hidden: bool = False) -> Known:
        """A fact the user says in this turn, unless it was said before."""
        known = self.facts.get(told.at)
        if known is None:
            known = self.facts[told.at] = Known(f"f{len(self.facts)}", told, None if hidden else self.turn)
        return known

    # --- steps ---

    def commit(self, look: Look) -> Look:
        """Make a call part of the plan; a read that was made before and still shows the same is not repeated."""
        for old in self.looks:
            if (
                old.act.offered == look.act.offered
                and old.arguments == look.arguments
                and not look.act.writes
                and old.result == look.result
            ):
                look.step = old.step
                return old
        look.step = len(self.steps)
        sources = {at: self.source(origin) for at, origin in look.origins.items()}
        after = {s.step for s in sources.values() if s.step is not None}
        self.steps.append(
            Step(
                id=look.step,
                turn=self.turn,
                tool=look.act.offered,
                world_id=self.desk.world_id,
                arguments=look.arguments,
                sources=sources,
                after=sorted(after | self.must_follow(look)),
                effect="write" if look.act.effect == "write" else "read",
            )
        )
        self.looks.append(look)
        if not look.act.writes:
            self.finder.known.append(look)
        return look

    def must_follow(self, look: Look) -> set[int]:
        """Earlier writes that a call cannot overtake: where doing it first would fail or show something else."""
        writes = [w for w in self.looks if w.act.writes]
        if not writes:
            return set()
        result, _ = self.desk.execute(self.desk.start, look.act, look.values)
        mine = {(c.entity, c.key) for c in look.changes}
        if not result.ok or (not look.act.writes and result.value != look.result):
            return {int(w.step or 0) for w in writes}
        return {int(w.step or 0) for w in writes if mine & {(c.entity, c.key) for c in w.changes}}

    def source(self, origin: Origin) -> Source:
        if isinstance(origin, Told):
            return Source(kind="user", fact=self.hear(origin).id)
        if isinstance(origin, Seen):
            step = origin.call.step
            if step is None:
                step = self.commit(origin.call).step
            return Source(kind="result", step=step, path=list(origin.path))
        return Source(kind="free", why=origin.why)

    # --- writes ---

    def write(self, aim: Aim, hide: str | None = None) -> Clause:
        """Add a write: derive its references, tell its payload, execute it. `hide`: parameter whose value is told only
        when asked."""
        act = aim.act
        origins: dict[str, Origin] = {}
        pieces: list[Piece] = []
        obj: str | None = None
        for name, value in aim.values.items():
            p = act.params[name]
            at = pointer(name, p)
            label = spoken_field(self.desk, act, name)
            if free_choice(self.desk.cw, act, name, value):
                origins[at] = Chosen("a choice of the caller")
                continue
            target = names_row_of(self.desk, act, p)
            if target is None:
                piece, told = self.payload(act, name, value, label)
                self.hear(told, hidden=name == hide)
                origins[at] = told
                if (
                    p.role == "key"
                    and p.entity in (None, act.of)
                    and act.op not in ("create", "send", "relate", "unrelate", "transfer")
                ):
                    obj = self.natural_object(act, name, value, obj)
                elif name != hide:
                    pieces.append(replace(piece, scope=p.role != "field"))
                continue
            values, texts, full = value if isinstance(value, list) else [value], [], ""
            for i, v in enumerate(values):
                found, text = self.find(target, v)
                origins[f"{at}/{i}" if isinstance(value, list) else at] = found.origin
                texts.append(text)
                full = found.words.phrase
            if p.role == "key" and target == act.of and p.entity in (None, act.of) and act.op != "transfer":
                obj = " and ".join(texts)
            else:
                scope = p.role != "field" or stays(self.desk, act, name, aim.changes)
                pieces.append(Piece(label, " and ".join(texts), row=True, scope=scope, full=full))
        if len({p.field for p in pieces}) < len(pieces):
            raise DeadEnd("two arguments have the same words")  # due and due_date: nobody could tell which is which
        arguments = self.desk.arguments(act, aim.values)
        result, after = self.desk.cw.execute(self.state, act.tool, arguments)
        if not result.ok:
            raise DeadEnd(f"{act.offered} fails after what was done before: {result.message}")
        if any(
            c.before is None and self.desk.row(self.desk.start, c.entity, c.key) is not None for c in result.changes
        ):
            raise DeadEnd("a new row takes the key of a deleted one")  # the difference would read as an update
        look = Look(act, aim.values, arguments, free_rest(act, aim.values, origins), result.value, result.changes)
        self.commit(look)
        self.advance(after)
        self.aims.append(aim)
        self.cells |= aim.cells()
        self.remember(look)
        hidden_field = spoken_field(self.desk, act, hide) if hide else None
        clause = write_clause(self.desk, act, obj, pieces, self.rng, hidden_field)
        if len(clause.vp) > LONGEST_REQUEST:
            raise DeadEnd("more words than a person says at once")
        self.turns[-1].append(clause)
        return clause

    def payload(self, act: Act, name: str, value: Any, label: str) -> tuple[Piece, Told]:
        p = act.params[name]
        owner, column = p.entity or act.of, amount_field(act, name)
        spec = self.desk.field(owner, column) if owner else None
        money = isinstance(value, int) and in_minor_units(self.desk, owner, column)
        text = in_major_units(value) if money else say(value, spec)
        what = noun(self.desk.world, act.of) if act.of else "request"
        if isinstance(value, bool):
            clause = worded(self.desk.voice, "facts", "should", field=label, value="on" if value else "off")
            return Piece(label, text, boolean=value), Told(value, label, what, clause, text)
        if isinstance(value, dict) and not value:
            raise DeadEnd(f"{name} is an empty object")
        if not mentions(value, Text(text)):
            raise DeadEnd(f"{name} cannot be said: {text[:60]}")
        wrong = decoy(value, text, spec, self.rng)
        slip = Slip(text, wrong) if wrong is not None else None
        clause = worded(self.desk.voice, "facts", "should", field=label, value=text)
        return Piece(label, text, money=money, slip=slip), Told(value, label, what, clause, text)

    def natural_object(self, act: Act, name: str, value: Any, obj: str | None) -> str:
        what, words, voice = noun(self.desk.world, str(act.of)), spoken_field(self.desk, act, name), self.desk.voice
        if obj is not None:
            return f"{obj}, {plainest(voice, 'rows', 'field', field=words, value=say(value))}"
        if words in ("name", "title", "path", "slug", "key"):
            return named(voice, f"the {what}", what, say(value))
        return worded(voice, "rows", "by_key", noun=what, field=words, value=say(value))

    def advance(self, after: State) -> None:
        self.state = after
        self.finder.state = after
        self.finder.forget()
        gone = [at for at in self.finder.mentioned if self.desk.row(after, *at) is None]
        for at in gone:
            del self.finder.mentioned[at]

    def remember(self, look: Look) -> None:
        """Rows a write touched are hot; a new row whose key the result shows may be spoken of."""
        for c in look.changes:
            if c.after is None:
                self.hot = [h for h in self.hot if h != (c.entity, c.key)]
                continue
            if (c.entity, c.key) not in self.hot:
                self.hot.append((c.entity, c.key))
            if c.before is None:
                self._last[c.entity] = c.key  # "that ticket" would now be the new one
            if c.before is None and self.desk.entity(c.entity).generated_key:
                name = self.desk.entity(c.entity).keys[0]
                for path, record in records(look.result):
                    if record.get(name) == c.key:
                        what = worded(self.desk.voice, "rows", "new", noun=noun(self.desk.world, c.entity))
                        self.finder.mentioned[c.entity, c.key] = (
                            Seen(look, (*path, name)),
                            Description(what, what, ()),
                        )
                        break

    def touch(self, entity: str, key: Any) -> None:
        if (entity, key) not in self.hot:
            self.hot.append((entity, key))
