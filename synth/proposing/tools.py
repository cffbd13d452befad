"""The operator `propose_tools`: the model writes new tools over the tables of a world that is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from synth.errors import SpecError
from synth.models.prompts import fill
from synth.models.roles import Answer, Judged, Role
from synth.proposing import facts, texts
from synth.proposing.loading import bad_texts, described, surface
from synth.proposing.schemas import MAX_NEW_TOOLS, proposed_tools
from synth.proposing.worlds import rejected
from synth.worlds.evolve.hashes import marks_of
from synth.worlds.evolve.twins import Index
from synth.worlds.simulate import DEFAULT_ERRORS
from synth.worlds.spec import World
from synth.worlds.wellformed import wellformed

OPERATOR = "propose_tools"
MAX_TOKENS = 6_000


@dataclass(frozen=True)
class NewTools:
    """The world with the new tools that were admitted, their names, and why others were left out."""

    world: World
    names: list[str]
    lost: dict[str, tuple[str, str]]


async def propose_tools(role: Role, world: World, split: str) -> Answer[NewTools]:
    prompt = fill("propose_tools.j2", title=world.title, domain=world.domain, entities=facts.entities_of(world),
                  tools=facts.tools_of(world), most=MAX_NEW_TOOLS)  # fmt: skip
    return await role.ask(prompt, proposed_tools(list(world.tools)), lambda raw: judge(world, split, raw))


def judge(world: World, split: str, raw: dict[str, Any]) -> Judged[NewTools]:
    """Every new tool by itself: a bad one costs none of the others."""
    lost: dict[str, tuple[str, str]] = {}
    grown, names, known = world, list[str](), Index()
    for name, mark in marks_of(world).items():
        known.add(name, mark)
    for name, body in raw["tools"].items():
        wrong = None
        try:
            tried = with_tool(grown, name, body, raw.get("errors", {}))
        except SpecError as error:
            wrong = ("does_not_load", str(error))
        else:
            alone = tried.model_copy(update={"tools": {name: tried.tools[name]}, "policies": []})
            wrong = bad_texts(tried, [name]).get(name) or rejected(alone, split).get(name)
            new = marks_of(alone).get(name)
            twin = known.twin(new) if new is not None else None
            if wrong is None and twin is not None:
                wrong = ("near_duplicate", f"tools.{name}: does what {twin} does already")
            if wrong is None and new is not None:
                known.add(name, new)
                grown = tried
                names.append(name)
        if wrong is not None:
            lost[name] = wrong
    said = [detail for _, detail in lost.values()]
    reason = next(iter(lost.values()))[0] if lost else ""
    return Judged(NewTools(grown, names, lost) if names else None, len(names), reason, said)


def with_tool(world: World, name: str, body: dict[str, Any], errors: dict[str, Any]) -> World:
    """The world with one tool more, and the errors that it names. Raises SpecError."""
    plain = {n.lower().replace("-", "_") for n in world.tools}
    if name.lower().replace("-", "_") in plain:
        raise SpecError(f"tools.{name}", "there is a tool of this name already; choose another one")
    own = {code: e for code, e in errors.items() if code not in DEFAULT_ERRORS and code not in world.errors}
    own = {code: e for code, e in own.items() if code in {r["else"] for r in _raises(body)}}
    for code, error in own.items():
        found = texts.fault(error["say"], texts.ERROR)
        if found:
            raise SpecError(f"errors.{code}.say", found[1])
    parents = {n: t.parents for n, t in world.tools.items()}
    sources = {n: t.source for n, t in world.tools.items()}
    spec = world.dump()
    spec["tools"] = {**spec["tools"], name: surface(body, parents, sources)}
    spec["errors"] = {**spec.get("errors", {}), **own}
    grown = World.load(spec, "world")
    wellformed(grown)
    return described(grown, {name: body["arguments"]}) if body.get("arguments") else grown


def _raises(node: Any) -> list[dict[str, Any]]:
    """Everything in a tool that names an error code."""
    if isinstance(node, dict):
        own = [node] if isinstance(node.get("else"), str) else []
        return own + [r for v in node.values() for r in _raises(v)]
    return [r for v in node for r in _raises(v)] if isinstance(node, list) else []
