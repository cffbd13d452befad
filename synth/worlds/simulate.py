"""The interpreter's face: a world compiled once, calls executed purely, a stateful simulator over it.

`CompiledWorld.execute(state, tool, arguments)` never changes the state it was given. A call that fails, for whatever
declared reason, returns that state as it was.
"""

from __future__ import annotations

import copy
import json
import math
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import jsonschema_rs

from synth.errors import SpecError
from synth.worlds import schema as sch
from synth.worlds.conserve import Sums
from synth.worlds.core import FUEL, BodyCompiler
from synth.worlds.derived import Derived, compile_derived, derive_rows
from synth.worlds.events import Events
from synth.worlds.exprcompile import Fuel
from synth.worlds.fieldtypes import entity_types, field_type
from synth.worlds.functions import parse_time
from synth.worlds.jsontext import json_writer
from synth.worlds.lower import Lowered, lower
from synth.worlds.params import one_item
from synth.worlds.rows import ToolError, row_key
from synth.worlds.spec import ErrorSpec, FieldSpec, Param, ToolSpec, World
from synth.worlds.start import start_rows
from synth.worlds.state import Change, State, Table, freeze, planted, squash, thaw
from synth.worlds.trees import circular

TICK = timedelta(minutes=1)  # of world time per call
IMPLICIT = ("invalid_arguments", "invalid_value", "too_large", "unknown_tool", "not_conserved")

DEFAULT_ERRORS: dict[str, ErrorSpec] = {
    "not_found": ErrorSpec(status=404, say="{entity} {id} was not found"),
    "invalid_reference": ErrorSpec(status=422, say="{entity} {id} does not exist"),
    "duplicate": ErrorSpec(status=409, say="{field} {value} is already in use"),
    "ambiguous": ErrorSpec(status=409, say="more than one {entity} is called {id}; use its id"),
    "invalid_move": ErrorSpec(status=409, say="cannot change from {from} to {to}"),
    "in_use": ErrorSpec(status=409, say="{entity} {id} is still referenced"),
    "already_linked": ErrorSpec(status=409, say="the two are already linked"),
    "not_linked": ErrorSpec(status=404, say="the two are not linked"),
    "not_confirmed": ErrorSpec(status=400, say="the operation must be confirmed"),
    "invalid_cursor": ErrorSpec(status=400, say="the page marker {value} is not valid"),
    "missing_argument": ErrorSpec(status=400, say="{name} is required for this action"),
    "invalid_range": ErrorSpec(status=400, say="the range ends before it begins: {since} to {until}"),
    "insufficient": ErrorSpec(status=422, say="{entity} {id} holds {have}, less than {amount}"),
    "same_row": ErrorSpec(status=400, say="cannot transfer from {id} to itself"),
    "invalid_amount": ErrorSpec(status=400, say="the amount must be above 0, not {amount}"),
    "no_match": ErrorSpec(status=404, say="the text to replace was not found"),
    "many_matches": ErrorSpec(status=409, say="the text to replace occurs {count} times; it must be unique"),
    "no_such_line": ErrorSpec(status=400, say="there is no line {line}; the text has {lines}"),
    "key_reused": ErrorSpec(status=409, say="{value} was used before for another request"),
    "invalid_arguments": ErrorSpec(status=400, say="{detail}"),
    "invalid_value": ErrorSpec(status=422, say="{field}: {detail}"),
    "not_conserved": ErrorSpec(status=500, say="the call would change the {sum}, which stays as it is"),
    "circular": ErrorSpec(status=422, say="{id} lies below the row that is to hang under it"),
    "too_large": ErrorSpec(status=413, say="the request touches too many records"),
    "unknown_tool": ErrorSpec(status=404, say="there is no tool named {name}"),
}


class Result(NamedTuple):
    """What a call gave. `value` is fresh JSON; `changes` are net row changes; `content` is what the model sees."""

    ok: bool
    value: Any
    error: str | None
    message: str
    changes: tuple[Change, ...]
    content: str


class CompiledTool:
    """One tool, lowered and compiled. Compilation happens at construction: a wrong spec is a SpecError here."""

    def __init__(self, world: World, entities: dict[str, dict[str, str]], name: str, spec: ToolSpec) -> None:
        lowered: Lowered = lower(world, spec, name)
        self.name, self.op, self.of = name, spec.op, spec.of
        self.params: dict[str, Param] = lowered.params
        self.spec = spec if spec.params is not None else spec.model_copy(update={"params": lowered.params})
        self.effect = "write" if self.spec.writes else "read"
        self.body = lowered.body
        self.errors: list[str] = lowered.errors
        self.item_errors: list[str] = lowered.item_errors
        self.members: dict[str, list[str]] | None = next((b.get("members") for b in self.body if "batch" in b), None)
        self.input_schema, self.output_schema = lowered.input_schema, lowered.output_schema
        types = {n: field_type(world, p.type) if p.type is not None else "any" for n, p in self.params.items()}
        compiler = BodyCompiler(world, entities, types, f"tools.{name}")
        self.run = compiler.whole(lowered.body, len(lowered.body) - lowered.own)
        self.names = [n for n in compiler.scope.types if n not in ("args", "now") and n not in world.tables]
        self.base: dict[str, Any] = {**dict.fromkeys(self.names), **world.tables}  # what a call's environment holds
        self.touches = _touches(self.body)
        self._place()

    def _place(self) -> None:
        flat = all(p.at is None or p.at == [n] for n, p in self.params.items())
        self._flat = [(n, p.default) for n, p in self.params.items()] if flat else None
        self._roots = {(p.at or [n])[0] for n, p in self.params.items()}

    def placed(self, spec: ToolSpec) -> CompiledTool:
        """The same tool with its parameters at other places: `spec` differs in `params.at` and `input_schema` only."""
        assert spec.params is not None and spec.input_schema is not None
        out = copy.copy(self)
        out.__dict__.pop("input_validator", None)
        out.spec, out.params, out.input_schema = spec, spec.params, spec.input_schema
        out._place()
        return out

    @cached_property
    def input_validator(self) -> Any:
        return jsonschema_rs.validator_for(self.input_schema)

    @cached_property
    def output_validator(self) -> Any:
        return jsonschema_rs.validator_for(self.output_schema) if self.output_schema is not None else None

    def check_schemas(self) -> None:
        """Raise SpecError where an own schema of the tool is not a JSON Schema."""
        for part in ("input", "output"):
            try:
                getattr(self, f"{part}_validator")
            except (jsonschema_rs.ValidationError, ValueError) as error:
                where = f"tools.{self.name}.{part}_schema"
                raise SpecError(where, f"is not a JSON Schema: {error}"[:300]) from None

    def problem(self, arguments: Any) -> str | None:
        """The first reason why `arguments` do not fit the input schema, None where they do."""
        if not isinstance(arguments, dict):
            return "arguments must be an object"
        for name in arguments:
            if name not in self._roots:
                return f"unknown argument {name!r}"
        if (odd := unsayable(arguments)) is not None:
            return odd
        for error in self.input_validator.iter_errors(arguments):
            at = ".".join(str(p) for p in error.instance_path)
            return f"{at}: {error.message}" if at else str(error.message)
        return None

    def canonical(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """`{canonical parameter: value}` of what was given, defaults filled in."""
        if self._flat is None:
            return sch.canonical(self.params, arguments)
        get, out = arguments.get, dict[str, Any]()
        for name, default in self._flat:
            value = get(name)
            if value is None:
                value = default
            if value is not None:
                out[name] = value
        return out

    def arguments(self, values: dict[str, Any]) -> dict[str, Any]:
        """The real, possibly nested, arguments object of canonical values."""
        return sch.nested(self.params, values)


class CompiledWorld:
    """A world whose tools are ready to run. Tools compile on first use; `check()` compiles all."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.entities = entity_types(world)
        ruled = {p.id: ErrorSpec(status=403, say=p.text) for p in world.policies if p.held_by == "tool"}
        self.errors = DEFAULT_ERRORS | ruled | world.errors
        self._tools: dict[str, CompiledTool] = {}
        self._times: dict[int, str] = {}
        self.start = datetime.fromisoformat(world.clock.removesuffix("Z"))
        self.derived: Derived = compile_derived(world, self.entities)
        self.session = next((n for n, e in world.entities.items() if e.session), None)
        self.sums = Sums(world.conserve) if world.conserve else None
        self.events = Events(world, self.entities) if world.events else None

    def tool(self, name: str) -> CompiledTool:
        """The compiled tool; KeyError for an unknown name, SpecError for a wrong one."""
        found = self._tools.get(name)
        if found is None:
            found = self._tools[name] = CompiledTool(self.world, self.entities, name, self.world.tools[name])
        return found

    def case(self, name: str, case: str) -> CompiledTool:
        """One case of a `choose` tool as a tool of its own, with the parameters of the whole."""
        return self._part(f"{name}/{case}", lambda: case_spec(self.tool(name), case))

    def item(self, name: str) -> CompiledTool:
        """The operation that a batch tool does for each of its items, as a tool of its own."""
        return self._part(f"{name}/", lambda: one_item(self.tool(name).spec, self.tool(name).params)[0])

    def _part(self, at: str, spec: Callable[[], ToolSpec]) -> CompiledTool:
        found = self._tools.get(at)
        if found is None:
            found = self._tools[at] = CompiledTool(self.world, self.entities, at, spec())
        return found

    @property
    def tools(self) -> Mapping[str, CompiledTool]:
        """All tools, compiled."""
        return {name: self.tool(name) for name in self.world.tools}

    def check(self) -> dict[str, SpecError]:
        """Compile every tool; the ones that do not compile, with why."""
        bad: dict[str, SpecError] = {}
        for name in self.world.tools:
            try:
                self.tool(name).check_schemas()
            except SpecError as error:
                bad[name] = error
        return bad

    def now(self, state: State) -> str:
        """World time of the next call: it moves by one tick per call, whatever the call does."""
        return self.time_at(state.clock)

    def time_at(self, tick: int) -> str:
        """World time after so many calls."""
        found = self._times.get(tick)
        if found is None:
            if len(self._times) >= _CACHE_SIZE:
                self._times.clear()
            found = self._times[tick] = (self.start + tick * TICK).isoformat() + "Z"
        return found

    def tick(self, state: State) -> State:
        """What the next call finds: the clock moved on, and what was due by then has happened."""
        after = state.snapshot()
        after.clock += 1
        if after.due and self.events is not None:
            self.events.fire(self, after)
        return after

    def execute(self, state: State, tool: str, arguments: Any) -> tuple[Result, State]:
        """Run one call. Returns (result, state after); on failure the state after is `tick(state)`."""
        after = self.tick(state)
        if tool not in self.world.tools:
            return self.failure("unknown_tool", name=tool), after
        compiled = self.tool(tool)
        problem = compiled.problem(arguments)
        if problem is not None:
            return self.failure("invalid_arguments", detail=problem), after
        work = after.snapshot() if compiled.touches else after
        work.log = []
        env = compiled.base.copy()
        env["args"] = freeze(compiled.canonical(arguments))
        env["now"] = self.now(state)
        env["$state"], env["$fuel"], env["$fail"] = work, [FUEL], self.failure
        if self.session is not None:
            env["me"] = next(iter(work.tables[self.session].rows.values()), None)
        try:
            returned = compiled.run(env)
            work = env["$state"]
            changes = squash(work.log or [])
            if changes:
                self.check_rows(work, changes)
                broken = self.sums.broken(tool, changes) if self.sums is not None else None
                if broken is not None:
                    raise ToolError("not_conserved", sum=broken)
        except ToolError as error:
            return self.failure(error.code, **{**env["args"], **error.bound}), after
        except Fuel:
            return self.failure("too_large"), after
        finally:
            after.log = work.log = None
        if changes and self.events is not None:
            self.events.watch(self, work, changes)
        value = thaw(returned[0]) if returned else {"ok": True}
        return Result(True, value, None, "", changes, render(value)), work if changes else after

    def failure(self, code: str, /, **bound: Any) -> Result:
        """A declared error in the world's own style; `bound`, its arguments among it, fills the text."""
        spec = self.errors.get(code, ErrorSpec(say=code.replace("_", " ")))
        if isinstance(bound.get("entity"), str) and bound["entity"] in self.world.entities:
            bound["entity"] = spoken(self.world, bound["entity"])
        message = fill(spec.say, bound)
        style = self.world.error_style
        value: Any
        if style == "http":
            value = {"error": {"code": code, "message": message, "status": spec.status}}
        elif style == "coded":
            value = {"success": False, "error_code": code.upper(), "message": message}
        else:
            value = {"error": message}
        return Result(False, value, code, message, (), render(value))

    def check_rows(self, state: State, changes: Iterable[Change]) -> None:
        """Invariants after a write: types, references and unique fields of every changed row."""
        for change in changes:
            if change.after is None:
                continue
            entity = self.world.entities[change.entity]
            for name, spec in entity.fields.items():
                value = change.after.get(name)
                if change.before is not None and change.before.get(name) == value:
                    continue
                detail = self.misfit(state, spec, value)
                if detail:
                    raise ToolError("invalid_value", field=name, detail=detail)
                if name == entity.tree and value is not None and circular(state, change.entity, name, change.key):
                    raise ToolError("circular", id=value)
                if spec.unique and value is not None and len(state.tables[change.entity].by(name, value)) > 1:
                    raise ToolError("duplicate", entity=change.entity, field=name, value=value)

    def misfit(self, state: State, spec: FieldSpec, value: Any) -> str | None:
        """Why `value` is not of the field's type. Null is allowed: a tool may leave a field open."""
        if value is None:
            return None
        test = _FITS.get(spec.type)
        if test is not None:
            return (
                None if test(value) else f"expected {spec.type}, got {json.dumps(thaw(value), ensure_ascii=False)[:60]}"
            )
        if spec.type == "enum":
            members = spec.of if isinstance(spec.of, list) else []
            return None if value in members else f"expected one of {', '.join(members)}"
        if spec.type == "ref":
            known = is_key(value) and value in state.tables[str(spec.to)].rows
            return None if known else f"{spoken(self.world, str(spec.to))} {value} does not exist"
        if spec.type == "list":
            if not isinstance(value, tuple):
                return "expected a list"
            if spec.fields:
                if not all(isinstance(v, dict) for v in value):
                    return "expected a list of objects"
                return next((d for v in value if (d := self.unknown_rows(state, spec.fields, v))), None)
            inner = _element(str(spec.of))
            return next((d for v in value if (d := self.misfit(state, inner, v))), None)
        if not isinstance(value, dict):
            return "expected an object"
        if spec.type == "map" and spec.fields:
            parts = [v for v in value.values() if isinstance(v, dict)]
            return next((d for v in parts if (d := self.unknown_rows(state, spec.fields, v))), None)
        return self.unknown_rows(state, spec.fields or {}, value)

    def unknown_rows(self, state: State, fields: Mapping[str, FieldSpec], record: Mapping[str, Any]) -> str | None:
        """A record's references to rows that are not there; what else it holds is the schema's matter."""
        named = ((f, record.get(n)) for n, f in fields.items() if f.type == "ref" or f.fields)
        return next((d for f, v in named if (d := self.misfit(state, f, v))), None)


def unsayable(value: Any) -> str | None:
    """Why a value is no JSON that can be written down: half a character, a number that is none."""
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            return "a text holds half a character"
    elif isinstance(value, float):
        if not math.isfinite(value):
            return f"{value} is not a number"
    elif isinstance(value, dict):
        return next((odd for pair in value.items() for v in pair if (odd := unsayable(v))), None)
    elif isinstance(value, list | tuple):
        return next((odd for v in value if (odd := unsayable(v))), None)
    return None


def _touches(body: list[dict[str, Any]]) -> bool:
    """Whether a body may write: it then runs on a state of its own, thrown away where the call fails."""
    return any(
        stmt.keys() & {"insert", "set", "delete", "use"}
        or any(_touches(stmt[k]) for k in ("do", "otherwise") if k in stmt)
        for stmt in body
    )


def case_spec(tool: CompiledTool, case: str) -> ToolSpec:
    """A case with its parameters as the whole tool places and describes them."""
    spec = (tool.spec.cases or {})[case]
    schema = tool.spec.input_schema
    if schema is None or spec.input_schema is not None:
        return spec
    return spec.model_copy(update={"input_schema": {**schema, "required": []}})


def is_key(value: Any) -> bool:
    """Whether a frozen value could name a row: a scalar, or the parts of a composite key."""
    return isinstance(value, str | int) or (isinstance(value, tuple) and all(isinstance(v, str | int) for v in value))


@lru_cache(maxsize=4096)
def _element(of: str) -> FieldSpec:
    return FieldSpec.model_validate(of)


def _is_time(value: Any) -> bool:
    return parse_time(value) is not None


_FITS: dict[str, Any] = {
    "text": lambda v: isinstance(v, str) and len(v) <= 65_536,
    "code": lambda v: isinstance(v, str) and len(v) <= 256,
    "int": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "money": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "bool": lambda v: isinstance(v, bool),
    "date": _is_time,
    "time": _is_time,
}


def spoken(world: World, entity: str) -> str:
    """A person's word for an entity: its noun, else its name in words."""
    e = world.entities.get(entity)
    if e is not None and e.noun:
        return e.noun
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", entity).replace("_", " ").lower()


_HOLE = re.compile(r"\{([a-z_]+)\}")


def fill(template: str, bound: Mapping[str, Any]) -> str:
    """Fill `{name}` holes in one pass: a value that itself holds `{...}` pulls nothing in."""
    return _HOLE.sub(
        lambda m: str(thaw(bound[m.group(1)])) if bound.get(m.group(1)) is not None else "", template
    ).strip()


_write = json_writer()


def render(value: Any) -> str:
    """The JSON text a model sees; field order as the spec has it."""
    return _write(value)


_CACHE: OrderedDict[str, CompiledWorld] = OrderedDict()
_CACHE_SIZE = 512


def compile_world(world: World) -> CompiledWorld:
    """Compile, or take from this process's cache (keyed by content)."""
    key = world.fingerprint
    found = _CACHE.get(key)
    if found is None:
        found = _CACHE[key] = CompiledWorld(world)
        if len(_CACHE) > _CACHE_SIZE:
            _CACHE.popitem(last=False)
    else:
        _CACHE.move_to_end(key)
    return found


def state_of(world: World, rows: Mapping[str, Iterable[Mapping[str, Any]]], seed: int = 0) -> State:
    """A state that holds `rows` per entity, in this order."""
    tables: dict[str, Table] = {}
    for name, entity in world.entities.items():
        table = tables[name] = Table(name)
        for row in rows.get(name, ()):
            table.put(row_key(entity, row), freeze(dict(row)))
        table.inserted = len(table.rows)  # a new row never takes the key of a deleted one
    return State(tables, seed)


def fresh_state(compiled: CompiledWorld, seed: int, split: str = "train") -> State:
    """The start state drawn from `seed`, kept nowhere."""
    world = compiled.world
    return derive_rows(world, compiled.derived, state_of(world, start_rows(world, seed, split), seed))


_STARTS: OrderedDict[tuple[str, int, str], State] = OrderedDict()


def start_state(world: World, seed: int, split: str = "train", plant: Iterable[Any] = ()) -> State:
    """The start state drawn from `seed` (cached per process), with planted rows on top. A plant has `entity`, `key` (a
    list for a composite key) and `row`, None to delete."""
    at = (world.fingerprint, seed, split)
    base = _STARTS.get(at)
    if base is None:
        base = _STARTS[at] = fresh_state(compile_world(world), seed, split)
        if len(_STARTS) > _CACHE_SIZE:
            _STARTS.popitem(last=False)
    return planted(base, plant)


class Simulator:
    """A world with a current state.

    >>> sim = Simulator(world, seed=7)
    >>> sim.call("get_ticket", {"id": "..."}).ok
    """

    def __init__(self, world: World, seed: int = 0, split: str = "train", state: State | None = None) -> None:
        self.compiled = compile_world(world)
        self.state = state if state is not None else start_state(world, seed, split)

    def call(self, name: str, arguments: dict[str, Any]) -> Result:
        """Execute and keep the new state. Never raises for what a caller did: errors are results."""
        result, self.state = self.compiled.execute(self.state, name, arguments)
        return result
