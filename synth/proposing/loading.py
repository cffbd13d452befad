"""From a model's JSON to a loaded world: what the pipeline decides is set by the pipeline, texts are checked, and each
tool knows which tool it grew from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from synth.errors import SpecError
from synth.proposing import texts
from synth.worlds.params import explicit
from synth.worlds.spec import Param, ToolSpec, World

Json = dict[str, Any]


def surface(body: Json, parents_of: Mapping[str, list[str]], source_of: Mapping[str, str | None]) -> Json:
    """A proposed tool as the loader wants it: `grows_from` becomes lineage; `arguments` is applied later."""
    tool = {k: v for k, v in body.items() if k not in ("grows_from", "arguments")}
    origin = body["grows_from"]
    return {**tool, "parents": parents_of[origin], "source": source_of[origin]}


def described(world: World, arguments: Mapping[str, Mapping[str, str]]) -> World:
    """The world with descriptions of parameters, by tool and parameter. SpecError for a parameter that is not there."""
    tools = dict(world.tools)
    for name, said in arguments.items():
        params = dict(explicit(world, tools[name]))
        for param, text in said.items():
            if param not in params:
                known = ", ".join(params) or "none"
                raise SpecError(f"tools.{name}.arguments", f"there is no parameter {param!r}; parameters are {known}")
            params[param] = params[param].model_copy(update={"description": text.strip()})
        tools[name] = with_params(tools[name], params)
    return world.model_copy(update={"tools": tools})


def with_params(tool: ToolSpec, params: dict[str, Param]) -> ToolSpec:
    return tool.model_copy(update={"params": params})


def without(world: World, names: Iterable[str]) -> World:
    """The world without some tools; a policy that guarded nothing else goes with them."""
    gone = set(names)
    policies = [p.model_copy(update={"guards": [g for g in p.guards if g not in gone]}) for p in world.policies]
    return world.model_copy(update={
        "tools": {n: t for n, t in world.tools.items() if n not in gone},
        "policies": [p for p in policies if p.guards],
    })  # fmt: skip


def bad_texts(world: World, names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """{tool: (reason, sentence)} of the named tools with a text that may not stand in a world."""
    out: dict[str, tuple[str, str]] = {}
    for name in names:
        tool = world.tools[name]
        pieces = [("description", tool.description or "", texts.TOOL)]
        pieces += [(f"arguments.{n}", p.description, texts.ARGUMENT)
                   for n, p in (tool.params or {}).items() if p.description is not None]  # fmt: skip
        if tool.title is not None:
            pieces.append(("title", tool.title, texts.ERROR))
        for part, text, bounds in pieces:
            found = texts.fault(text, bounds)
            if found:
                out[name] = (found[0], f"tools.{name}.{part} {found[1]}")
                break
    return out


def check_shared_texts(world: World) -> None:
    """SpecError where the title, an error's or a policy's text may not stand in a world."""
    pieces = [("title", world.title, (2, 80))]
    pieces += [(f"errors.{code}.say", e.say, texts.ERROR) for code, e in world.errors.items()]
    pieces += [(f"policies.{p.id}.text", p.text, texts.POLICY) for p in world.policies]
    pieces += [(f"entities.{n}.{k}", v, (2, 60)) for n, e in world.entities.items()
               for k, v in (("noun", e.noun), ("plural", e.plural)) if v is not None]  # fmt: skip
    for path, text, bounds in pieces:
        found = texts.fault(text, bounds)
        if found:
            raise SpecError(path, found[1])
