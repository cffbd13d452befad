"""Drawing how an agent's tools are shown: one style per agent, as of one provider or one house."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Any

from synth.goals.words import split_words
from synth.records import ToolRow
from synth.surface import Surface, can_rename

MOST_NAME = 64  # characters of a function name
_NAME = re.compile(r"[^a-zA-Z0-9_-]+")
_LEGAL = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$")
_WORD = re.compile(r"^[A-Za-z][A-Za-z0-9_-]*$")

CASES = ("snake", "camel", "pascal", "kebab")
PREFIXES = ("{server}_", "{server}-", "{server}__", "mcp__{server}__", "api_")
WRAPS = ("input", "params", "request", "arguments", "payload", "body", "args")
# verbs that say the same to a reader; the operation itself is the tool's own
VERBS: dict[str, tuple[str, ...]] = {
    "get": ("fetch", "read", "retrieve", "show"), "list": ("browse", "enumerate", "index"),
    "search": ("find", "lookup", "query"), "find": ("search", "lookup"), "create": ("add", "new", "make"),
    "add": ("create", "insert"), "update": ("edit", "modify", "change"), "edit": ("update", "modify"),
    "delete": ("remove", "erase"), "remove": ("delete", "drop"), "send": ("post", "dispatch"),
    "set": ("assign", "put"), "count": ("tally", "total"), "copy": ("duplicate", "clone"),
    "move": ("transfer", "relocate"), "start": ("begin", "launch"), "stop": ("halt", "end"),
}  # fmt: skip
PARAMS: dict[str, tuple[str, ...]] = {
    "query": ("q", "search_text", "text"), "limit": ("max_results", "count", "page_size"),
    "offset": ("skip", "start_at"), "page": ("page_number",), "cursor": ("page_token", "next_token"),
    "id": ("identifier", "key"),
    "name": ("display_name", "label"), "title": ("subject_line", "heading"), "sort": ("order_by", "sort_by"),
    "description": ("details", "summary_text"), "status": ("state_value",), "email": ("email_address",),
    "url": ("link", "address"), "tags": ("labels", "keywords"), "body": ("content_text",),
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """`case` None: names as they are; `verbs` and `words`: other words for verbs and parameters."""

    case: str | None = None
    prefix: str = ""
    verbs: bool = False
    param_case: str | None = None
    words: bool = False
    wrap: str | None = None
    description: str = "own"
    notes: bool = True
    types: bool = True


def draw_style(rng: random.Random) -> Style:
    """A style that differs from the tools' own in at least one way."""
    while True:
        case = rng.choice(CASES) if rng.random() < 0.5 else None
        style = Style(
            case=case, prefix=rng.choice(PREFIXES) if rng.random() < 0.3 else "", verbs=rng.random() < 0.35,
            param_case=rng.choice(CASES[:3]) if rng.random() < 0.35 else None, words=rng.random() < 0.35,
            wrap=rng.choice(WRAPS) if rng.random() < 0.15 else None,
            description=rng.choices(("own", "short", "none"), weights=(6, 2, 2))[0], notes=rng.random() >= 0.25,
            types=rng.random() >= 0.15,
        )  # fmt: skip
        if style != Style():
            return style


def dress(
    rng: random.Random, style: Style, offered: dict[str, str], tools: dict[str, ToolRow]
) -> tuple[dict[str, str], dict[str, Surface]]:
    """The same tools under the style: {shown name: tool id} in the same order, and the mapping of those that are
    shown otherwise than they are. One verb or parameter word has one other word in the whole set."""
    verbs = {v: rng.choice(others) for v, others in VERBS.items()} if style.verbs else {}
    words = {w: rng.choice(others) for w, others in PARAMS.items()} if style.words else {}
    names: dict[str, str] = {}
    surfaces: dict[str, Surface] = {}
    taken = {_squeezed(n) for n in offered}
    for was, tool_id in offered.items():
        tool = tools[tool_id]
        name = shown_name(was, tool, style, verbs)
        if (_squeezed(name) != _squeezed(was) and _squeezed(name) in taken) or name in names:
            name = was  # another tool of the set has that name
        taken.add(_squeezed(name))
        names[name] = tool_id
        surface = Surface(
            tool=tool.name, params=shown_params(tool.input_schema, style, words),
            wrap=wrapper(tool.input_schema, style), description=style.description, notes=style.notes, types=style.types,
        )  # fmt: skip
        if name != was or surface != Surface(tool=tool.name):
            surfaces[name] = surface
    return names, surfaces


def shown_name(was: str, tool: ToolRow, style: Style, verbs: dict[str, str]) -> str:
    """The name under the style; as it was where that gives no legal name."""
    words = list(split_words(was)) or [was]
    words[0] = verbs.get(words[0], words[0])
    changed = style.case is not None or words[0] != (split_words(was) or (was,))[0]
    name = cased(words, style.case or case_of(was)) if changed else was
    prefix = style.prefix.replace("{server}", _NAME.sub("_", tool.server or tool.domain).strip("_-"))
    for one in (prefix + name, name):
        if _LEGAL.match(one) and len(one) <= MOST_NAME:
            return one
    return was


def shown_params(schema: Any, style: Style, words: dict[str, str]) -> dict[str, str]:
    """Own name -> shown name of the parameters that change; no two the same, none that is another's own name."""
    if not can_rename(schema) or (style.param_case is None and not words):
        return {}
    own = list(schema.get("properties") or {})
    out: dict[str, str] = {}
    for name in own:
        if not _WORD.match(name):
            continue
        shown = words.get(name, name)
        if style.param_case is not None:
            shown = cased(list(split_words(shown)) or [shown], style.param_case)
        if shown != name and _LEGAL.match(shown) and shown not in own and shown not in out.values():
            out[name] = shown
    return out


def wrapper(schema: Any, style: Style) -> str | None:
    """The wrapper, where the tool always takes something: a call of an optional nothing needs none."""
    fits = style.wrap is not None and can_rename(schema) and bool(schema.get("required"))
    return style.wrap if fits and len(schema.get("properties") or {}) > 1 else None


def cased(words: list[str], case: str) -> str:
    """Lower-case words in a convention."""
    if case == "snake":
        return "_".join(words)
    if case == "kebab":
        return "-".join(words)
    joined = "".join(w[:1].upper() + w[1:] for w in words)
    return joined if case == "pascal" else joined[:1].lower() + joined[1:]


def case_of(name: str) -> str:
    """The convention a name is written in."""
    if "-" in name:
        return "kebab"
    if "_" in name or name == name.lower():
        return "snake"
    return "pascal" if name[:1].isupper() else "camel"


def _squeezed(name: str) -> str:
    return "".join(split_words(name))
