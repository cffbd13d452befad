"""Form features of a tool: how it is written, not what it is about.

Groups (the part of a feature's name before the dot): `name`, `input`, `output`, `hints`; and two of prose, `text` (the
tool's description) and `notes` (descriptions and titles of parameters). Both sides are measured through the same lens:
schemas are first reduced as the shipped catalog is (`tools_catalog.reduce`), so what the catalog does not keep cannot
tell them apart. Shares of nothing are NaN.
"""

from __future__ import annotations

import math
import re
from typing import Any

from synth.reports.schemas import KINDS, Shape, shape_of
from synth.reports.tools import Tool
from tools_catalog.reduce import reduce_schema
from tools_catalog.words import find_verb, is_plural, split_words

PROSE = ("text", "notes")
STYLES = ("snake", "camel", "pascal", "kebab", "lower", "other")
_STYLE = {
    "lower": re.compile(r"[a-z0-9]+"), "snake": re.compile(r"[a-z0-9]+(_+[a-z0-9]+)+_*|_[a-z0-9_]+"),
    "kebab": re.compile(r"[a-z0-9]+(-+[a-z0-9]+)+"), "camel": re.compile(r"[a-z]+[a-z0-9]*([A-Z][a-z0-9]*)+"),
    "pascal": re.compile(r"([A-Z][a-z0-9]*)+"),
}  # fmt: skip
_CRUD = frozenset(["get", "list", "create", "update", "delete"])
_HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
_KEYWORDS = ("enum", "const", "anyOf", "oneOf", "allOf", "$ref", "pattern", "format", "minimum", "maximum", "minLength",
             "maxLength", "minItems", "maxItems", "uniqueItems", "default", "exclusiveMinimum")  # fmt: skip
_MARKS = {
    "backtick": "`", "bracket": "[", "parenthesis": "(", "colon": ":", "comma": ",", "quote": '"', "dash": " - ",
    "exclamation": "!", "star": "*", "slash": "/", "arrow": "->", "example": "e.g.",
}  # fmt: skip
_OPENERS = frozenset(["use", "this", "the", "a", "an"])

Features = dict[str, float]


def style_of(name: str) -> str:
    """Case style of a name: one of STYLES. One lower-case word is `lower`."""
    return next((style for style, pattern in _STYLE.items() if pattern.fullmatch(name)), "other")


def form(tool: Tool) -> Features:
    """All form features of one tool; every tool has the same keys."""
    given = reduce_schema(tool.input_schema)
    shape = shape_of(given)
    return {
        **_name(tool.name), **_input(given, shape), **_output(tool), **_hints(tool), **_text(tool, shape),
        **_notes(tool),
    }  # fmt: skip


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _mean(values: list[int]) -> float:
    return _share(sum(values), len(values))


def _name(name: str) -> Features:
    words = split_words(name)
    at = find_verb(words)
    verb = words[at] if at is not None else ""
    out: Features = {f"name.style_{s}": float(style_of(name) == s) for s in STYLES}
    return out | {
        "name.length": len(name), "name.words": len(words),
        "name.word_length": _share(sum(map(len, words)), len(words)),
        "name.digits": any(c.isdigit() for c in name), "name.double_mark": "__" in name or "--" in name,
        "name.verb_none": at is None, "name.verb_first": at == 0, "name.verb_last": at == len(words) - 1 > 0,
        "name.verb_inner": at is not None and 0 < at < len(words) - 1, "name.verb_plain": verb in _CRUD,
        "name.last_plural": bool(words) and is_plural(words[-1]),
        "name.joined": any(w in ("by", "for", "to", "from", "of", "in", "with", "and") for w in words),
    }  # fmt: skip


def _input(given: dict[str, Any], shape: Shape) -> Features:
    n = shape.parameters
    required = shape.root.get("required")
    listed = [r for r in required or [] if isinstance(r, str)]
    out: Features = {
        "input.parameters": n, "input.required": len(shape.required),
        "input.required_share": _share(len(shape.required), n),
        "input.no_required_list": required is None, "input.empty_required_list": required == [],
        "input.required_sorted": float(listed == sorted(listed)) if len(listed) > 1 else math.nan,
        "input.leaves": shape.leaves, "input.depth": shape.depth,
        "input.closed": shape.root.get("additionalProperties") is False,
        "input.open": shape.root.get("additionalProperties") not in (None, False),
        "input.no_properties_key": "properties" not in shape.root, "input.definitions": "$defs" in given,
        "input.root_union": any(k in shape.root for k in ("anyOf", "oneOf", "allOf")),
        "input.enums": len(shape.enums), "input.enum_size": _mean(shape.enums),
        "input.enum_largest": max(shape.enums, default=math.nan),
    }  # fmt: skip
    out |= {f"input.kind_{k}": _share(shape.kinds[k], n) for k in (*KINDS, "several")}
    marks = ("nullable", "nullable_by_union", "default", "default_null", "bounded", "length", "format", "pattern",
             "free_object", "objects", "untyped_items")  # fmt: skip
    out |= {f"input.{m}": _share(shape.marks[m], n) for m in marks}
    out |= {f"input.word_{w}": shape.words[w] > 0 for w in _KEYWORDS}
    return out | _names(shape.names)


def _names(names: list[str]) -> Features:
    n = len(names)
    words = [split_words(p) for p in names]
    out: Features = {f"input.style_{s}": _share(sum(style_of(p) == s for p in names), n) for s in STYLES}
    return out | {
        "input.name_length": _mean([len(p) for p in names]), "input.name_words": _mean([len(w) for w in words]),
        "input.ids": _share(sum(bool(w) and w[-1] in ("id", "ids", "uuid", "key") for w in words), n),
        "input.plain_id": _share(sum(p.lower() == "id" for p in names), n),
        "input.plurals": _share(sum(bool(w) and is_plural(w[-1]) for w in words), n),
    }  # fmt: skip


def _output(tool: Tool) -> Features:
    given = None if tool.output_schema is None else reduce_schema(tool.output_schema)
    shape, here = shape_of(given), given is not None
    n = shape.parameters
    told: Features = {
        "parameters": n, "required_share": _share(len(shape.required), n), "leaves": shape.leaves, "depth": shape.depth,
        "free": n == 0, "closed": shape.root.get("additionalProperties") is False,
        "open": shape.root.get("additionalProperties") not in (None, False), "definitions": "$defs" in (given or {}),
        "root_union": any(k in shape.root for k in ("anyOf", "oneOf", "allOf")),
        "one_text": shape.kinds == {"string": 1}, "nullable": _share(shape.marks["nullable"], n),
        "nullable_by_union": _share(shape.marks["nullable_by_union"], n), "objects": _share(shape.marks["objects"], n),
        "word_default": shape.words["default"] > 0, "word_enum": shape.words["enum"] > 0,
        "word_const": shape.words["const"] > 0, "word_format": shape.words["format"] > 0,
        "word_anyOf": shape.words["anyOf"] > 0,
    }  # fmt: skip
    return {"output.present": here} | {f"output.{k}": v if here else math.nan for k, v in told.items()}


def _hints(tool: Tool) -> Features:
    out: Features = {"hints.count": len(tool.annotations), "hints.write": tool.effect == "write"}
    for hint in _HINTS:
        out[f"hints.{hint}"] = {None: 0.0, False: 1.0, True: 2.0}.get(tool.annotations.get(hint), 0.0)
    return out


def _text(tool: Tool, shape: Shape) -> Features:
    text = tool.description
    words, lines = text.split(), text.strip().split("\n")
    sentences = [s for s in re.split(r"(?<=[.!?])\s+|\n+", text) if s.strip()]
    first = words[0].strip(".,:;*`'\"").lower() if words else ""
    named = sum(bool(re.search(rf"\b{re.escape(p)}\b", text)) for p in shape.names)
    out: Features = {
        "text.empty": not words, "text.characters": len(text), "text.words": len(words), "text.lines": len(lines),
        "text.sentences": len(sentences), "text.sentence_words": _share(len(words), len(sentences)),
        "text.first_sentence_words": len(sentences[0].split()) if sentences else 0,
        "text.word_length": _share(sum(map(len, words)), len(words)), "text.full_stop": text.rstrip().endswith("."),
        "text.bullets": sum(ln.lstrip().startswith(("-", "*", "•")) for ln in lines),
        "text.sections": sum(ln.rstrip().endswith(":") for ln in lines), "text.digits": any(c.isdigit() for c in text),
        "text.capitals": _share(sum(c.isupper() for c in text), len(text)), "text.non_ascii": not text.isascii(),
        "text.third_person": first.endswith("s") and not first.endswith("ss") and first not in ("this", "access"),
        "text.opener": first in _OPENERS, "text.names_parameters": _share(named, shape.parameters),
        "text.shouted": len(re.findall(r"\b[A-Z]{4,}\b", text)),
        "text.article": sum(w.lower() in ("a", "an", "the") for w in words),
    }  # fmt: skip
    return out | {f"text.has_{name}": mark in text for name, mark in _MARKS.items()}


def _notes(tool: Tool) -> Features:
    properties = tool.input_schema.get("properties")
    nodes = [p for p in properties.values() if isinstance(p, dict)] if isinstance(properties, dict) else []
    texts = [str(p["description"]) for p in nodes if p.get("description")]
    n = len(texts)
    return {
        "notes.share": _share(n, len(nodes)), "notes.characters": _mean([len(t) for t in texts]),
        "notes.full_stop": _share(sum(t.rstrip().endswith(".") for t in texts), n),
        "notes.capital": _share(sum(t[:1].isupper() for t in texts), n),
        "notes.example": _share(sum("e.g" in t or "example" in t.lower() for t in texts), n),
        "notes.titles": _share(sum("title" in p for p in nodes), len(nodes)),
        "notes.root_title": "title" in tool.input_schema, "notes.root_description": "description" in tool.input_schema,
    }  # fmt: skip
