"""Admission: no tool enters a run before it has been executed on its own world.

Per tool: a call that succeeds; a call that fails with each declared error; reads leave the state hash alone; writes
change something, and only what they declare; arguments that break the schema are refused; the result fits the output
schema; the same call on the same state gives the same result. A tool that misses one is rejected with a reason.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from synth.errors import SpecError
from synth.records import rng_for
from synth.worlds.draw import draw_arguments
from synth.worlds.simulate import CompiledTool, CompiledWorld, Result, compile_world, start_state
from synth.worlds.spec import Entity, World
from synth.worlds.state import State, thaw

ADMISSION_SEED = 1


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
    compiled = compile_world(world)
    bad = compiled.check()
    state = start_state(world, ADMISSION_SEED, split)
    out: dict[str, Admission] = {}
    for name in world.tools:
        if name in bad:
            out[name] = Admission(name, False, "does_not_compile", str(bad[name]))
            continue
        out[name] = _Trial(compiled, compiled.tool(name), state, tries, split).run()
    return out


class _Trial:
    def __init__(self, compiled: CompiledWorld, tool: CompiledTool, state: State, tries: int, split: str) -> None:
        self.cw, self.tool, self.state, self.tries, self.split = compiled, tool, state, tries, split
        self.world = compiled.world
        self.entity: Entity | None = self.world.entities[tool.of] if tool.of else None
        self.rng = rng_for("admission", self.world.world, tool.name)
        self.calls = 0
        self.reached: dict[str, None] = {}

    def run(self) -> Admission:
        try:
            state, arguments = self.success()
            self.purity(state)
            self.validation(arguments)
            for code in self.tool.errors:
                if code not in self.reached and not self.reach(code, arguments):
                    raise _Rejected("error_unreached", code)
        except _Rejected as no:
            return Admission(self.tool.name, False, no.reason, no.detail[:300], self.calls, list(self.reached))
        except SpecError as error:
            return Admission(self.tool.name, False, "does_not_compile", str(error)[:300], self.calls)
        return Admission(self.tool.name, True, "", "", self.calls, list(self.reached))

    # --- calls --------------------------------------------------------------------------------------------------------

    def call(self, state: State, arguments: Any) -> tuple[Result, State]:
        self.calls += 1
        before = state.digest()
        result, after = self.cw.execute(state, self.tool.name, arguments)
        if not result.ok:
            self.reached.setdefault(str(result.error))
            if after.digest() != before:
                raise _Rejected("failed_call_changed_state", str(result.error))
        if state.digest() != before:
            raise _Rejected("call_changed_its_input_state")
        return result, after

    def draw(self, state: State, rng: random.Random | None = None) -> dict[str, Any] | None:
        return draw_arguments(self.cw, self.tool.name, state, rng or self.rng, self.split)

    def success(self) -> tuple[State, dict[str, Any]]:
        last, drawn = "no arguments could be drawn", False
        for attempt in range(self.tries):
            state = self.state if attempt < self.tries // 2 else self.shaken()
            arguments = self.draw(state)
            if arguments is None:
                continue
            drawn = True
            result, after = self.call(state, arguments)
            if not result.ok:
                last = f"{result.error}: {result.message}"
                continue
            if self.tool.effect == "write" and not result.changes and self.tool.op != "upsert":
                last = "a write changed nothing"
                continue
            self.accept(state, arguments, result, after)
            return state, arguments
        raise _Rejected("no_success" if drawn else "no_arguments", last)

    def accept(self, state: State, arguments: dict[str, Any], result: Result, after: State) -> None:
        """Effect, output schema and determinism of a call that succeeded."""
        if self.tool.effect == "read" and (result.changes or after.digest() != state.digest()):
            raise _Rejected("read_changed_state")
        allowed = self.may_change()
        for change in result.changes:
            if change.entity not in allowed:
                raise _Rejected("undeclared_effect", change.entity)
        validator = self.tool.output_validator
        if validator is not None:
            error = next(iter(validator.iter_errors(result.value)), None)
            if error is not None:
                raise _Rejected("output_schema", error.message)
        again, twin = self.call(state, arguments)
        if again.content != result.content or twin.digest() != after.digest():
            raise _Rejected("not_deterministic")

    def may_change(self) -> set[str]:
        """Entities a write may touch: its own, those its body names, and what cascades from them."""
        out = {e for e in self.world.entities if e == self.tool.of} | set(_written(self.tool.body))
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

    def validation(self, arguments: dict[str, Any]) -> None:
        """Missing, wrong and unknown arguments are refused."""
        for broken, why in self.broken(arguments):
            result, _ = self.call(self.state, broken)
            if result.ok:
                raise _Rejected("accepts_broken_arguments", why)
            if result.error not in ("invalid_arguments", "invalid_value", "missing_argument"):
                raise _Rejected("wrong_error_for_broken_arguments", f"{why}: {result.error}")

    def broken(self, arguments: dict[str, Any]) -> Iterator[tuple[Any, str]]:
        yield {**arguments, "surely_not_a_parameter_": 1}, "unknown argument"
        yield [arguments], "not an object"
        for name, p in self.tool.params.items():
            if p.required and p.at is None and name in arguments:
                yield {k: v for k, v in arguments.items() if k != name}, f"missing {name}"

    # --- errors -------------------------------------------------------------------------------------------------------

    def reach(self, code: str, arguments: dict[str, Any]) -> bool:
        """Whether some call fails with `code`; recipes first, then a bounded random search."""
        values = self.tool.canonical(arguments)
        for state, attempt in self.recipes(code, values):
            result, _ = self.call(state, self.tool.arguments(attempt))
            if result.error == code:
                return True
        for _ in range(self.tries * 3):
            state = self.shaken()
            drawn = self.draw(state)
            if drawn is not None and self.call(state, drawn)[0].error == code:
                return True
        return False

    def recipes(self, code: str, values: dict[str, Any]) -> Iterator[tuple[State, dict[str, Any]]]:
        if code in ("not_found", "invalid_reference"):
            yield from ((self.state, {**base, n: _unknown(v)}) for base in self.bases(values) for n, v in base.items())
        elif code == "duplicate":
            yield from self.duplicates(values)
        elif code == "ambiguous":
            yield from self.twins(values)
        elif code == "invalid_move":
            yield from self.illegal_moves(values)
        elif code == "not_confirmed":
            yield from ((self.state, {**values, n: False}) for n, p in self.tool.params.items() if p.role == "confirm")
        elif code == "invalid_cursor":
            yield from (
                (self.state, {**values, n: "not-a-marker"}) for n, p in self.tool.params.items() if p.role == "cursor"
            )
        elif code == "missing_argument":
            keep = {n for n, p in self.tool.params.items() if p.required}
            action = next((n for n, p in self.tool.params.items() if p.role == "action"), None)
            for case in self.tool.spec.cases or {}:
                yield self.state, {**{n: v for n, v in values.items() if n in keep}, str(action): case}
        elif code in ("in_use", "already_linked", "not_linked"):
            yield from self.every_row(values)

    def bases(self, values: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The successful call, then others that give parameters it left out."""
        yield values
        for _ in range(6):
            drawn = self.draw(self.state)
            if drawn is not None:
                yield self.tool.canonical(drawn)
        for name, p in self.tool.params.items():
            if name not in values and p.role in ("key", "field", "filter"):
                yield {**values, name: 999_999_999 if _numeric(self.tool, name) else "zz-none"}

    def duplicates(self, values: dict[str, Any]) -> Iterator[tuple[State, dict[str, Any]]]:
        if self.entity is None:
            return
        rows = list(self.state.rows(str(self.tool.of)).values())[:40]
        names = {
            n: str(p.field or self.entity.keys[0]) for n, p in self.tool.params.items() if p.role in ("field", "key")
        }
        for row in rows:
            unique = {f for f, spec in self.entity.fields.items() if spec.unique} | set(self.entity.keys)
            taken = {n: thaw(row[f]) for n, f in names.items() if f in unique and row.get(f) is not None}
            if self.tool.op in ("update", "setting", "move", "upsert", "copy"):
                taken = {n: v for n, v in taken.items() if names[n] not in self.entity.keys}
            if taken:
                yield self.state, {**values, **taken}

    def twins(self, values: dict[str, Any]) -> Iterator[tuple[State, dict[str, Any]]]:
        assert self.entity is not None
        by = self.tool.spec.by if isinstance(self.tool.spec.by, list) else []
        own = {n: p for n, p in self.tool.params.items() if p.role == "key" and p.entity in (None, self.tool.of)}
        rows = list(self.state.rows(str(self.tool.of)).items())
        for f in [*by, *(str(p.field) for p in own.values())]:
            if f in self.entity.fields and len(rows) > 1:
                first = next((r for _, r in rows if r[f] is not None), None)
                other = next(((k, r) for k, r in rows if r is not first), None)
                if first is not None and other is not None:
                    state = self.state.snapshot()
                    state.put(str(self.tool.of), other[0], {**other[1], f: first[f]})
                    for n in own:
                        yield state, {**values, n: thaw(first[f])}

    def illegal_moves(self, values: dict[str, Any]) -> Iterator[tuple[State, dict[str, Any]]]:
        assert self.entity is not None and self.entity.lifecycle is not None
        cycle = self.entity.lifecycle
        key = next(
            (n for n, p in self.tool.params.items() if p.role == "key" and p.entity in (None, self.tool.of)), None
        )
        target = next((n for n, p in self.tool.params.items() if p.role == "field" and p.field == cycle.field), None)
        members = list(self.entity.fields[cycle.field].of or [])
        for row_key, row in list(self.state.rows(str(self.tool.of)).items())[:12]:
            named = {key: thaw(row[str(self.tool.params[key].field or self.entity.keys[0])])} if key else {}
            for start in members:
                state = self.state.snapshot()
                state.put(str(self.tool.of), row_key, {**row, cycle.field: start})
                base = {**values, **named}
                for n, p in self.tool.params.items():
                    if p.role == "filter" and n in base and p.field in row:
                        base[n] = thaw(row[str(p.field)])
                for wanted in members if target else [None]:
                    yield state, {**base, str(target): wanted} if target else base

    def every_row(self, values: dict[str, Any]) -> Iterator[tuple[State, dict[str, Any]]]:
        assert self.entity is not None
        own = {
            n: str(p.field or self.entity.keys[0])
            for n, p in self.tool.params.items()
            if p.role in ("key", "field", "filter") and p.entity in (None, self.tool.of)
        }
        for row in list(self.state.rows(str(self.tool.of)).values())[:60]:
            yield self.state, {**values, **{n: thaw(row[f]) for n, f in own.items() if row.get(f) is not None}}
        if self.tool.op == "unrelate" and self.entity is not None:
            left, right = (
                list(self.state.rows(str(self.entity.fields[str(f)].to)))
                for f in (self.tool.spec.left, self.tool.spec.right)
            )
            names = {f: n for n, f in own.items()}
            for a in left[:8]:
                for b in right[:8]:
                    yield (
                        self.state,
                        {**values, names[str(self.tool.spec.left)]: a, names[str(self.tool.spec.right)]: b},
                    )

    def shaken(self) -> State:
        """A neighbour of the start state: a few enum, bool and reference fields of random rows set otherwise."""
        state = self.state.snapshot()
        for name in [str(self.tool.of)] if self.entity is not None else list(self.world.entities):
            entity = self.world.entities[name]
            rows = list(state.rows(name).items())
            for key, row in self.rng.sample(rows, min(4, len(rows))):
                new = dict(row)
                for f, spec in entity.fields.items():
                    if f in entity.keys or self.rng.random() < 0.5:
                        continue
                    if spec.type == "enum":
                        new[f] = self.rng.choice(list(spec.of or []))
                    elif spec.type == "bool":
                        new[f] = self.rng.random() < 0.5
                    elif spec.nullable:
                        new[f] = None
                state.put(name, key, new)
        return state


def _numeric(tool: CompiledTool, name: str) -> bool:
    node: Any = tool.input_schema
    for step in tool.params[name].at or [name]:
        node = (node.get("properties") or {}).get(step, {}) if isinstance(node, dict) else {}
    kinds = node.get("type") if isinstance(node, dict) else None
    return "integer" in (kinds or []) or "number" in (kinds or [])


def _unknown(value: Any) -> Any:
    """A value of the same type that no row has."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return 987_654_321
    if isinstance(value, str):
        return "zz-none" if len(value) != 36 else "00000000-0000-4000-8000-000000000000"
    return [_unknown(v) for v in value] if isinstance(value, list) else value


def _written(body: list[dict[str, Any]]) -> Iterator[str]:
    for stmt in body:
        if "insert" in stmt:
            yield stmt["insert"]
        elif "set" in stmt or "delete" in stmt:
            yield stmt["of"]
        for inner in ("do", "otherwise"):
            yield from _written(stmt.get(inner, []))
