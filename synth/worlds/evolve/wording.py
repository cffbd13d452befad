"""Longer descriptions: what comes back, where ids come from, what each parameter is, what can go wrong.

Real servers differ most in how much they say: from three words to pages with sections. How much is a habit of the world
(`Habits.length`, `Habits.notes`), and everything said follows from the tool itself.
"""

from __future__ import annotations

from synth.records import rng_for
from synth.worlds.evolve.describe import Habits, enumerate_words, human
from synth.worlds.params import explicit, paging_of
from synth.worlds.spec import Entity, Param, ToolSpec, World

_READS = frozenset({"get", "list", "search", "series"})
_ROW_WRITES = frozenset({"create", "send", "update", "copy", "move", "job"})


def elaborate(world: World, habits: Habits) -> World:
    """`world` with descriptions as long as its habits are."""
    if habits.length == "brief" and not habits.notes:
        return world
    producers = _producers(world)
    tools = {n: _tool(world, n, t, habits, producers) for n, t in world.tools.items()}
    return world.model_copy(update={"tools": tools})


def _producers(world: World) -> dict[str, str]:
    """The tool that lists or finds the rows of an entity."""
    out: dict[str, str] = {}
    for name, tool in world.tools.items():
        if tool.op in ("list", "search") and tool.of and not tool.where:
            out.setdefault(tool.of, name)
    return out


def _tool(world: World, name: str, tool: ToolSpec, habits: Habits, producers: dict[str, str]) -> ToolSpec:
    if tool.op == "choose" or tool.of is None:
        return tool
    params = explicit(world, tool)
    if habits.notes:
        params = {n: _noted(world, name, tool, p, habits, producers) for n, p in params.items()}
    text = tool.description or ""
    more = _more(world, name, tool, params, habits, producers)
    if habits.length == "sections":
        body = _sections(world, tool, params, habits)
        text = "\n".join([_stop(" ".join([_stop(text), *more])), *([""] if body else []), *body])
    elif habits.length == "sentences":
        text = " ".join([_stop(text), *more])
    return tool.model_copy(update={"params": params, "description": text})


def _stop(text: str) -> str:
    return text if text.endswith((".", ":")) else text + "."


# --- sentences --------------------------------------------------------------------------------------------------------


def _more(
    world: World, name: str, tool: ToolSpec, params: dict[str, Param], habits: Habits, producers: dict[str, str]
) -> list[str]:
    rng = rng_for("sentences", habits.seed, name)
    out = [result_of(world, tool)] if habits.length == "sentences" else []
    entity = world.entities[str(tool.of)]
    lister = producers.get(str(tool.of))
    if any(p.role == "key" for p in params.values()) and lister not in (None, name) and rng.random() < 0.6:
        out.append(f"Use `{lister}` first where the {entity.keys[0].replace('_', ' ')} is not known.")
    if tool.op in ("update", "copy") and any(not p.required for p in params.values()) and rng.random() < 0.7:
        out.append("Fields that are left out stay as they are.")
    if tool.op == "delete" and rng.random() < 0.6:
        out.append("This cannot be undone.")
    if tool.batch_over is not None:
        out.append({
            "all_or_nothing": "Either all of them succeed or nothing is changed.",
            "skip": "Those that fail are skipped and named in the result.",
            "stop": "It stops at the first one that fails.",
        }[tool.batch])  # fmt: skip
    if tool.idempotent_by is not None:
        out.append("Sending the same key again makes nothing new.")
    return [s for s in out if s]


def result_of(world: World, tool: ToolSpec) -> str:
    """One sentence about what comes back."""
    entity = world.entities[str(tool.of)]
    noun, many = entity.noun or "row", entity.plural or "rows"
    shown = [human(f) for f in (tool.shows or list(entity.fields)) if f != "id"]
    if tool.op in ("list", "search"):
        paging = paging_of(tool)
        size = f" at most {paging.default} at a time," if paging.kind != "none" else ""
        return f"Gives{size} for each: {enumerate_words(shown[:5], 'and')}."
    if tool.op == "get" and not entity.virtual:
        return f"The result holds {enumerate_words(shown[:6], 'and')}."
    if tool.op == "series":
        return f"One entry per step, oldest first, with {enumerate_words(shown[2:], 'and')}."
    if tool.op == "delete":
        return f"The {noun} is gone afterwards."
    if tool.op == "aggregate":
        return f"Only {many} that match all given filters count."
    return f"The result is the {noun} as it is afterwards." if tool.op in _ROW_WRITES else ""


# --- sections ---------------------------------------------------------------------------------------------------------


def _sections(world: World, tool: ToolSpec, params: dict[str, Param], habits: Habits) -> list[str]:
    """`Args:` and `Returns:` as in a docstring, or bullets under headings."""
    rng = rng_for("sections", habits.seed)
    docstring = rng.random() < 0.55
    heading, returns = ("Args:", "Returns:") if docstring else ("Parameters:", "Response:")
    listed = [(n, p.description) for n, p in params.items() if p.description]
    out: list[str] = []
    if listed:
        lines = [f"{n}: {d}" if docstring else f"`{n}` - {d}" for n, d in listed]
        out += [heading, *(f"    {line}" if docstring else f"- {line}" for line in lines)]
    result = result_of(world, tool)
    if result:
        out += [*([""] if out else []), returns, f"    {result}" if docstring else f"- {result}"]
    return out


# --- parameters -------------------------------------------------------------------------------------------------------


def _noted(world: World, name: str, tool: ToolSpec, param: Param, habits: Habits, producers: dict[str, str]) -> Param:
    if not param.description:
        return param
    text = _stop(param.description + _note(world, name, tool, param, producers))
    return param.model_copy(update={"description": text if habits.stop else text.rstrip(".")})


def _note(world: World, name: str, tool: ToolSpec, param: Param, producers: dict[str, str]) -> str:
    """What one would want to know besides: where it comes from, its default, its form."""
    entity: Entity = world.entities[str(tool.of)]
    spec = entity.fields.get(param.field or "")
    target = str(spec.to) if spec is not None and spec.type == "ref" else tool.of if param.role == "key" else None
    lister = producers.get(str(target))
    if target is not None:
        return f", as returned by `{lister}`" if lister not in (None, name) else ""
    if param.role == "limit":
        return f". Default {paging_of(tool).default}, at most {paging_of(tool).max}"
    if param.role == "page":
        return ". The first page is 1"
    if param.role == "order":
        return ": asc or desc"
    if param.role == "filter" and not param.required:
        return ". Leave it out to get all"
    if param.role == "field" and spec is not None:
        if spec.type == "money":
            return ", e.g. 1250 for 12.50"
        if spec.type == "date":
            return ", e.g. 2026-03-14"
        if not param.required and tool.op == "create":
            return " (optional)"
    return ""
