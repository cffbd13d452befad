"""Parameters become typed fields: one field per meaning, whatever the tools call it."""

from __future__ import annotations

from typing import Any

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.opening import Arg
from synth.worlds.lift.words import join, singular
from synth.worlds.lower_reads import EVERY

Words = tuple[str, ...]
MAX_ENUM = 40
_DATES = lx.wordset("""date day birthday dob""")
_TIMES = lx.wordset("""at time timestamp datetime deadline""")
_MOMENTS = lx.wordset(
    """start end created updated due publish send event scheduled begin finish arrival departure modified
    deadline expiry expiration"""
)
_FLOATS = lx.wordset(
    """price amount latitude longitude lat lng lon rate score weight ratio opacity temperature value x y z width height
    total cost fee discount balance distance speed percentage percent threshold factor scale zoom radius angle tax
    volume tempo gain probability confidence"""
)
_ENDS = lx.wordset("""archived completed resolved closed finished cancelled deleted approved published""")
_MONEY = lx.wordset("""amount price total cost fee salary budget subtotal""")


def base_words(words: Words, entity: Words, facet: Words = ()) -> Words:
    """The words of a field without the entity's noun and without `new`: `customer_name` of a customer is `name`."""
    out = words
    if len(out) > 1 and out[0] == "new" and out[1:] != ("id",):
        out = out[1:]
    for size in range(min(len(entity), len(out) - 1), 0, -1):
        if out[:size] == entity[-size:]:
            out = out[size:]
            break
    if facet and out == ("value",):
        out = facet
    return out


def norm(words: Words) -> str:
    """The identity of a field: its words, singular, joined."""
    return "_".join(singular(w) for w in words)


def spec_of(arg: Arg, words: Words) -> dict[str, Any] | None:
    """The field an argument fills, as a spec dict; None where no row could hold it."""
    schema = arg.schema
    if arg.enum:
        members = [str(m) for m in schema["enum"] if isinstance(m, str)]
        if len(members) == len(arg.enum):
            members = [m for m in members if m.lower() not in EVERY] or members
        if members and len(members) >= len(arg.enum) - 2 and all(members):
            return {"type": "enum", "of": list(dict.fromkeys(members))[:MAX_ENUM]}
        if arg.type in ("integer", "number"):
            return None
    if arg.type == "string":
        return _text(schema, words)
    if arg.type in ("integer", "number"):
        return _number(arg, words)
    if arg.type == "boolean":
        return {"type": "bool"}
    if arg.type == "array":
        return _array(schema, words)
    if arg.type == "object":
        inner = _record(schema)
        if inner:
            return {"type": "record", "fields": inner}
        return {"type": "map", "of": "text"} if not schema.get("properties") else None
    return None


def _text(schema: Any, words: Words) -> dict[str, Any] | None:
    fmt = str(schema.get("format", ""))
    last = words[-1]
    if fmt in ("date", "date-time"):
        kind = "date" if fmt == "date" else "time"
        return {"type": kind, "null": 0.4} if set(words) & _ENDS else {"type": kind}
    if fmt in ("email", "uri", "url", "uuid"):
        return {"type": "text", "gen": {"email": "email", "uuid": "uuid"}.get(fmt, "url")}
    if last in _DATES or last in ("duedate", "startdate", "enddate"):
        return {"type": "date"}
    if last == "time" and not set(words[:-1]) & _MOMENTS:  # a length or a time of day, no moment
        return {"type": "code", "pattern": "1[0-8]:[0-5]0" if len(words) == 1 else "PT[1-5][05]M"}
    if last in _TIMES and (len(words) > 1 or last in ("timestamp", "datetime", "deadline")):
        return {"type": "time", "null": 0.4} if set(words) & _ENDS else {"type": "time"}
    if last in ("id", "uuid", "gid", "sid"):
        return {"type": "text", "gen": "uuid" if last == "uuid" else "hex"}
    if last in _MONEY or words in (("value",),):
        return {"type": "text", "gen": "word" if words == ("value",) else "amount_text"}
    long = schema.get("maxLength")
    out: dict[str, Any] = {"type": "text"}
    if isinstance(long, int) and long < 12:
        out["gen"] = "country_code" if long <= 2 else "currency" if long == 3 else "word"
    if last in (
        "name",
        "title",
        "subject",
        "description",
        "content",
        "body",
        "text",
        "summary",
        "note",
        "comment",
        "message",
    ):
        out["search"] = True
    return out


def _number(arg: Arg, words: Words) -> dict[str, Any]:
    schema = arg.schema
    low, high = schema.get("minimum"), schema.get("maximum")
    kind = "int" if arg.type == "integer" or arg.default.__class__ is int else "number"
    if kind == "int" and words[-1] in _MONEY and high is None:
        return {"type": "money"}
    if kind == "number" and words[-1] not in _FLOATS and not isinstance(low, float) and not isinstance(high, float):
        kind = "int"
    out: dict[str, Any] = {"type": kind}
    if words[-1] in ("id", "sid", "uid") and low is None and high is None:
        out["range"] = [10_000, 99_999]
    elif isinstance(low, int | float) or isinstance(high, int | float):
        bottom = float(low) if isinstance(low, int | float) and abs(low) < 1e9 else 0.0
        top = float(high) if isinstance(high, int | float) and abs(high) < 1e9 else bottom + 100
        if top > bottom:
            out["range"] = [bottom, top]
    return out


def _array(schema: Any, words: Words) -> dict[str, Any] | None:
    items = schema.get("items") or {}
    kind = items.get("type")
    if items.get("enum") and all(isinstance(m, str) and "|" not in m and m.strip() == m and m for m in items["enum"]):
        members = items["enum"][:MAX_ENUM]
        return {"type": "list", "of": " | ".join(members)} if len(members) > 1 else {"type": "list", "of": "text"}
    if kind == "string":
        return {"type": "list", "of": "text"}
    if kind == "integer":
        return {"type": "list", "of": "int"}
    if kind == "number":
        return {"type": "list", "of": "number"}
    inner = _record(items)
    return {"type": "list", "of": "record", "fields": inner} if inner else None


def _record(schema: Any) -> dict[str, Any] | None:
    """Fields of an object whose properties are all plain."""
    props = schema.get("properties")
    if not isinstance(props, dict) or not props:
        return None
    out: dict[str, Any] = {}
    for name, raw in props.items():
        kind = raw.get("type")
        kind = next((k for k in kind if k != "null"), "string") if isinstance(kind, list) else kind
        if kind not in ("string", "integer", "number", "boolean") or not name.isidentifier():
            if name in (schema.get("required") or []):
                return None
            continue
        arg = Arg(name, (name,), tuple(name.lower().split("_")), kind, raw, False)
        spec = spec_of(arg, arg.words)
        if spec is not None and not (spec["type"] == "enum" and len(spec["of"]) > MAX_ENUM):
            out[name] = spec
    return dict(list(out.items())[:10]) or None


def json_class(spec: dict[str, Any]) -> str:
    """The JSON type a field holds."""
    kind = spec["type"]
    return {
        "int": "integer",
        "money": "integer",
        "number": "number",
        "bool": "boolean",
        "list": "array",
        "record": "object",
        "map": "object",
    }.get(kind, "string")


def fits(spec: dict[str, Any], arg: Arg) -> bool:
    """Whether a value of the argument can be a value of the field."""
    have, want = json_class(spec), arg.type
    if have == want:
        if have == "array":
            inner = (arg.schema.get("items") or {}).get("type")
            of = str(spec.get("of"))
            return bool(spec.get("fields")) == (inner == "object") and (of in ("int", "number")) == (
                inner in ("integer", "number")
            )
        if have == "object":
            return (spec["type"] == "record") == bool(arg.schema.get("properties"))
        return not (spec["type"] in ("date", "time") and str(arg.schema.get("format", "")) in ("email", "uri", "uuid"))
    return {have, want} <= {"integer", "number"}


def styled(words: Words, style: str) -> str:
    return join(words, style)
