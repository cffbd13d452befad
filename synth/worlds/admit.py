"""Admission: no tool enters a run before it has been executed on its own world.

Per tool: a call that succeeds; a call that fails with each declared error; reads leave the state hash alone; writes
change something, and only what they declare; arguments that break the schema are refused; the result fits the output
schema; the same call on the same state gives the same result. A tool of several cases is tried case by case. A tool
that misses one is rejected with a reason.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from synth.errors import SpecError
from synth.records import rng_for
from synth.worlds.batches import flat_item, nest_item
from synth.worlds.broken import broken_arguments
from synth.worlds.draw import draw_arguments
from synth.worlds.reach import Reach, shaken
from synth.worlds.simulate import CompiledTool, CompiledWorld, Result, fresh_state
from synth.worlds.spec import Entity, World
from synth.worlds.state import State

ADMISSION_SEED = 1
RICH = 4  # a body of its own has more conditions: so many times the tries


@dataclass
class Admission:
    """What happened to one tool. `reason` is empty where it was admitted, else a code of a small closed set."""

    tool: str
    ok: bool
    reason: str = ""
    detail: str = ""
    calls: int = 0
    errors: list[str] = field(default_factory=list)  # declared codes that were reached


class _Rejected(Exception):
    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


def admit_world(world: World, tries: int = 40, split: str = "train") -> dict[str, Admission]:
    """Try every tool of a world on a start state of its own; one Admission per tool, in order."""
    compiled = CompiledWorld(world)  # kept by nobody: a run admits thousands of worlds once
    bad = compiled.check()
    state = fresh_state(compiled, ADMISSION_SEED, split)
    out: dict[str, Admission] = {}
    for name in world.tools:
        if name in bad:
            out[name] = Admission(name, False, "does_not_compile", str(bad[name]))
        else:
            out[name] = _admit_tool(compiled, name, state, tries, split)
    return out


def _admit_tool(compiled: CompiledWorld, name: str, state: State, tries: int, split: str) -> Admission:
    tool = compiled.tool(name)
    out = Admission(name, True)
    for case in list(tool.spec.cases or {}) if tool.op == "choose" else [None]:
        where = f"case {case}: " if case is not None else ""
        try:
            trial = Trial(compiled, tool, state, tries, split, case)
        except SpecError as error:
            return Admission(name, False, "does_not_compile", (where + str(error))[:300], out.calls)
        try:
            trial.run()
        except _Rejected as no:
            out.ok, out.reason, out.detail = False, no.reason, (where + no.detail)[:300]
        except SpecError as error:
            out.ok, out.reason, out.detail = False, "does_not_compile", (where + str(error))[:300]
        out.calls += trial.calls
        out.errors = list(dict.fromkeys([*out.errors, *trial.reached]))
        if not out.ok:
            break
    return out


class Trial:
    """The trial of one tool, or of one of its cases. `part` is what gives the call its meaning: the case, or what a
    batch does for one item; else the tool itself. Recipes work on the part's values, calls on the tool's."""

    def __init__(
        self, compiled: CompiledWorld, tool: CompiledTool, state: State, tries: int, split: str, case: str | None
    ) -> None:
        self.cw, self.tool, self.state, self.split = compiled, tool, state, split
        self.tries = tries * (RICH if tool.op == "do" else 1)
        self.world = compiled.world
        self.case = compiled.case(tool.name, case) if case is not None else tool
        self.part = compiled.item(self.case.name) if self.case.spec.batch_over is not None else self.case
        self.fixed: dict[str, Any] = {}
        if case is not None:
            self.fixed = {next(n for n, p in tool.params.items() if p.role == "action"): case}
        self.entity: Entity | None = self.world.entities[self.part.of] if self.part.of else None
        self.rng = rng_for("admission", self.world.world, tool.name, *([case] if case is not None else []))
        self.calls = 0
        self.reached: dict[str, None] = {}

    def run(self) -> None:
        state, arguments = self.success()
        self.purity(state)
        self.repeat(state, arguments)
        self.validation(arguments)
        reach = Reach(self)
        for code in self.codes():
            if code not in self.reached and not reach.code(code, arguments):
                raise _Rejected("error_unreached", code)

    def codes(self) -> list[str]:
        """Declared errors that some call has to end with."""
        if self.case is self.tool:
            return [*self.tool.errors, *self.tool.item_errors]
        demanded = [
            n
            for n, p in self.case.params.items()
            if p.required and n in self.tool.params and not self.tool.params[n].required
        ]
        return [*self.case.errors, *self.case.item_errors, *(["missing_argument"] if demanded else [])]

    # --- calls --------------------------------------------------------------------------------------------------------

    def call(self, state: State, arguments: Any) -> tuple[Result, State]:
        self.calls += 1
        before = state.digest()
        result, after = self.cw.execute(state, self.tool.name, arguments)
        if not result.ok:
            self.reached.setdefault(str(result.error))
            if after.digest() != (self.cw.tick(state).digest() if state.due else before):
                raise _Rejected("failed_call_changed_state", str(result.error))
        elif self.tool.spec.batch_over is not None or self.case is not self.tool:
            for code in item_errors(result.value):
                self.reached.setdefault(code)
        if state.digest() != before:
            raise _Rejected("call_changed_its_input_state")
        return result, after

    def draw(self, state: State, rng: random.Random | None = None) -> dict[str, Any] | None:
        return draw_arguments(self.cw, self.tool.name, state, rng or self.rng, self.split, self.fixed)

    def inner(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The part's canonical values behind real arguments: of a batch its first item."""
        values = self.tool.canonical(arguments)
        over = self.case.spec.batch_over
        if over is None:
            return {n: v for n, v in values.items() if n not in self.fixed}
        items = values.get(over) or [None]
        if self.case.members is None:
            return {**values, over: items[0]}
        return {**{n: v for n, v in values.items() if n != over}, **flat_item(items[0], self.case.members)}

    def outer(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Real arguments of the tool for values of the part."""
        over, members = self.case.spec.batch_over, self.case.members
        out = {**values, **self.fixed}
        if over is not None and members is None:
            out[over] = [values.get(over)]
        elif over is not None and members is not None:
            item = nest_item({n: v for n, v in values.items() if n in members}, members)
            out = {**{n: v for n, v in out.items() if n not in members}, over: [item]}
        return self.tool.arguments(out)

    def success(self) -> tuple[State, dict[str, Any]]:
        last, drawn = "no arguments could be drawn", False
        for attempt in range(self.tries):
            state = self.state if attempt < self.tries // 2 else self.shaken()
            arguments = self.draw(state)
            if arguments is None:
                continue
            drawn = True
            result, after = self.call(state, arguments)
            if not result.ok or (self.part is not self.tool and item_errors(result.value)):
                last = f"{result.error}: {result.message}" if not result.ok else "an item failed"
                continue
            if self.writes and not result.changes and self.part.op != "upsert":
                last = "a write changed nothing"
                continue
            self.accept(state, arguments, result, after)
            return state, arguments
        raise _Rejected("no_success" if drawn else "no_arguments", last)

    @property
    def writes(self) -> bool:
        return self.case.effect == "write"

    def accept(self, state: State, arguments: dict[str, Any], result: Result, after: State) -> None:
        """Effect, output schema and determinism of a call that succeeded."""
        still = self.cw.tick(state).digest() if state.due else state.digest()
        if not self.writes and (result.changes or after.digest() != still):
            raise _Rejected("read_changed_state")
        for change in result.changes:
            if change.entity not in self.may_change:
                raise _Rejected("undeclared_effect", change.entity)
        validator = self.tool.output_validator
        if validator is not None:
            error = next(iter(validator.iter_errors(result.value)), None)
            if error is not None:
                raise _Rejected("output_schema", error.message)
        again, twin = self.call(state, arguments)
        if again.content != result.content or twin.digest() != after.digest():
            raise _Rejected("not_deterministic")

    @cached_property
    def may_change(self) -> set[str]:
        """Entities a write may touch: its own, those its body names, and what cascades from them."""
        out = {e for e in self.world.entities if e == self.part.of} | set(_written(self.case.body))
        grew = True
        while grew:
            grew = False
            for name, entity in self.world.entities.items():
                targets = {
                    f.to for f in entity.fields.values() if f.type == "ref" and f.on_delete in ("cascade", "clear")
                }
                targets |= {
                    f.of[4:] for f in entity.fields.values() if isinstance(f.of, str) and f.of.startswith("ref ")
                }
                if name not in out and targets & out:
                    out.add(name)
                    grew = True
        return out

    def purity(self, state: State) -> None:
        """More random successes: reads stay pure, writes declared."""
        for _ in range(2):
            arguments = self.draw(state)
            if arguments is not None:
                result, after = self.call(state, arguments)
                if result.ok:
                    self.accept(state, arguments, result, after)

    def repeat(self, state: State, arguments: dict[str, Any]) -> None:
        """A request asked again by its idempotency key gives the same and does nothing."""
        for name, p in self.part.params.items():
            if p.role != "idempotency":
                continue
            asked = self.outer({**self.inner(arguments), name: "again-7f3k"})
            first, after = self.call(state, asked)
            after.due = {}  # what happens by itself meanwhile is no difference
            second, _ = self.call(after, asked)
            if not first.ok or not second.ok or second.changes or first.value != second.value:
                raise _Rejected("not_idempotent", name)

    def validation(self, arguments: dict[str, Any]) -> None:
        """Missing, null, wrong and unknown arguments are refused."""
        for broken, why in broken_arguments(self.tool, arguments):
            result, _ = self.call(self.state, broken)
            if result.ok:
                raise _Rejected("accepts_broken_arguments", why)
            if result.error not in ("invalid_arguments", "invalid_value", "missing_argument"):
                raise _Rejected("wrong_error_for_broken_arguments", f"{why}: {result.error}")

    def shaken(self) -> State:
        anywhere = self.part.op == "do" or self.part.spec.require  # conditions of its own may look at any table
        of = None if anywhere else self.part.of
        return shaken(self.world, self.state, of, self.rng, self.split)


def item_errors(value: Any) -> list[str]:
    """Codes of the items that failed in a batch's result."""
    lists = [v for v in value.values() if isinstance(v, list)] if isinstance(value, dict) else []
    entries = [e for xs in lists for e in xs if isinstance(e, dict) and e.get("ok") is False]
    return [str(e["error"]) for e in entries if "error" in e]


def _written(body: list[dict[str, Any]]) -> Iterator[str]:
    for stmt in body:
        if "insert" in stmt:
            yield stmt["insert"]
        elif "set" in stmt or "delete" in stmt:
            yield stmt["of"]
        for inner in ("do", "otherwise"):
            yield from _written(stmt.get(inner, []))
