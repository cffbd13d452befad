"""The desk a task is built on: one world, its start state, and what the agent is offered, as acts.

An act is one thing a tool can do. A plain tool is one act; a multiplexer (`choose`) is one act per case, with the
action argument fixed.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from synth.errors import SpecError
from synth.goals.templates import Voice
from synth.surface import Surface, shown_world
from synth.taskspec import Plant
from synth.worlds import schema as sch
from synth.worlds.draw import draw_arguments
from synth.worlds.params import explicit
from synth.worlds.simulate import CompiledWorld, Result, compile_world, start_state
from synth.worlds.spec import Entity, FieldSpec, Param, ToolSpec, World, targets
from synth.worlds.state import RowData, State

# operations that no goal is made of; offered, they are there to be left alone
UNASKED = frozenset({"series", "edit", "session"})
FREE_ROLES = frozenset(
    {
        "limit",
        "offset",
        "page",
        "cursor",
        "sort",
        "order",
        "projection",
        "confirm",
        "dry_run",
        "ignored",
        "action",
        "idempotency",
    }
)
NATURAL_TYPES = frozenset({"text", "code", "date", "time", "int", "money", "number", "enum"})


@dataclass(frozen=True)
class Act:
    """One thing that can be done by a call. `effect` is the tool's, `writes` the act's own."""

    offered: str
    tool: str
    op: str
    of: str | None
    spec: ToolSpec
    params: Mapping[str, Param]
    fixed: Mapping[str, Any]
    writes: bool
    effect: str
    fixed_at: tuple[str, ...] = ()  # JSON pointers of the fixed arguments


@dataclass(eq=False)
class Desk:
    """`offered` maps offered names to tool names of the world. `prompt` is the agent's system prompt."""

    world_id: str
    world: World
    offered: Mapping[str, str]
    seed: int
    split: str = "train"
    prompt: str = ""
    tools_in_all: int = 0  # offered tools, those of other worlds included
    foreign: tuple[str, ...] = field(default=())  # offered names that do not belong to this world
    signed_in: str = ""  # the person whom the prompt says is signed in
    about: Mapping[str, str] = field(default_factory=dict)  # what the prompt says: organisation, date
    surfaces: Mapping[str, Surface] = field(default_factory=dict)  # how tools are shown, by their own names

    plant: tuple[Plant, ...] = ()  # rows set by hand on the start state
    salt: str = ""  # of the words of the task that is being built

    @property
    def voice(self) -> Voice:
        """How the task that is being built is worded."""
        return Voice(self.split, self.salt)

    def planted(self, *plants: Plant) -> Desk:
        """The same desk on a start state with these rows set by hand."""
        out = replace(self, plant=(*self.plant, *plants))
        kept = ("cw", "acts", "missing", "writes", "reads")  # they do not depend on the state
        out.__dict__.update({n: self.__dict__[n] for n in kept if n in self.__dict__})
        return out

    @cached_property
    def cw(self) -> CompiledWorld:
        """The world as the agent sees it: its arguments, and so every plan, are in the shown form."""
        return shown_world(compile_world(self.world), self.surfaces)

    @cached_property
    def start(self) -> State:
        return start_state(self.world, self.seed, self.split, self.plant)

    @cached_property
    def strict(self) -> CompiledWorld | None:
        """The world with tools that hold the rules which the assistant has to keep; None where there are none."""
        from synth.goals.rules import enforced  # it needs this module

        return enforced(self)

    @cached_property
    def acts(self) -> list[Act]:
        return [act for name, tool in self.offered.items() for act in acts_of(self.cw, name, tool)]

    @cached_property
    def missing(self) -> list[Act]:
        """What the world could do, but the agent is not offered."""
        there = set(self.offered.values())
        return [act for tool, spec in self.world.tools.items() if tool not in there and spec.side == "assistant"
                for act in acts_of(self.cw, tool, tool)]  # fmt: skip

    @cached_property
    def writes(self) -> list[Act]:
        return [act for act in self.acts if act.writes]

    @cached_property
    def reads(self) -> list[Act]:
        return [act for act in self.acts if not act.writes]

    def reads_of(self, entity: str, *ops: str) -> list[Act]:
        return [act for act in self.reads if act.of == entity and act.op in ops]

    def entity(self, name: str) -> Entity:
        return self.world.entities[name]

    def field(self, entity: str, name: str | None) -> FieldSpec | None:
        return self.entity(entity).fields.get(name or "")

    def row(self, state: State, entity: str, key: Any) -> RowData | None:
        return state.rows(entity).get(tuple(key) if isinstance(key, list) else key)

    def arguments(self, act: Act, values: Mapping[str, Any]) -> dict[str, Any]:
        return self.cw.tool(act.tool).arguments({**act.fixed, **values})

    def execute(self, state: State, act: Act, values: Mapping[str, Any]) -> tuple[Result, State]:
        return self.cw.execute(state, act.tool, self.arguments(act, values))

    def draw(self, act: Act, state: State, rng: random.Random, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """Canonical values of a call that is likely to succeed, the fixed ones left out."""
        drawn = draw_arguments(self.cw, act.tool, state, rng, self.split, {**act.fixed, **given})
        return None if drawn is None else sch.given(act.params, drawn)


def acts_of(cw: CompiledWorld, offered: str, tool: str) -> list[Act]:
    """The acts of a tool; none where it does not compile."""
    try:
        compiled = cw.tool(tool)
    except (SpecError, KeyError):
        return []
    if compiled.op in UNASKED or compiled.spec.batch_over is not None:
        return []
    if compiled.op != "choose":
        spec = compiled.spec
        op = "create" if compiled.op == "job" else compiled.op  # starting a job makes a row
        return [Act(offered, tool, op, compiled.of, spec, compiled.params, {}, spec.writes, compiled.effect)]
    action = next((n for n, p in compiled.params.items() if p.role == "action"), str(compiled.spec.by))
    out = []
    for name, case in (compiled.spec.cases or {}).items():
        if case.op in UNASKED or case.batch_over is not None:
            continue
        params = {
            n: p.model_copy(update={"at": compiled.params[n].at})
            for n, p in explicit(cw.world, case).items()
            if n in compiled.params
        }
        at = (pointer(action, compiled.params[action]),) if action in compiled.params else ()
        out.append(Act(offered, tool, case.op, case.of, case, params, {action: name}, case.writes, compiled.effect, at))
    return out


def free_choice(cw: CompiledWorld, act: Act, name: str, value: Any) -> bool:
    """Whether the assistant may choose the value: paging, sorting, confirmation. A name that merely has no effect on
    records (a region, a namespace) is none: somebody has to name it."""
    p = act.params[name]
    if p.role != "ignored":
        return p.role in FREE_ROLES
    node: Any = cw.tool(act.tool).input_schema
    for step in p.at or [name]:
        node = (node.get("properties") or {}).get(step, {}) if isinstance(node, dict) else {}
    return isinstance(value, bool | int | float) or (isinstance(node, dict) and value in (node.get("enum") or ()))


def pointer(name: str, p: Param) -> str:
    """JSON pointer of a parameter in the arguments object."""
    return "".join("/" + str(s).replace("~", "~0").replace("/", "~1") for s in (p.at or [name]))


def names_row_of(desk: Desk, act: Act, p: Param) -> str | None:
    """The entity whose key a parameter takes, None for a plain value."""
    if p.type is not None:
        return next(iter(targets(p.type)), None) if p.type.type in ("ref", "list") and not p.type.fields else None
    owner = p.entity or act.of
    if owner is None:
        return None
    entity = desk.entity(owner)
    if p.role == "key":
        name = p.field or entity.keys[0]
    elif p.role in ("field", "filter") and p.field:
        name = p.field
    else:
        return None
    spec = entity.fields.get(name)
    if spec is None:
        return owner if name in entity.keys else None
    if spec.type == "ref":
        return spec.to
    if spec.type == "list" and isinstance(spec.of, str) and spec.of.startswith("ref "):
        return spec.of[4:]
    return None
