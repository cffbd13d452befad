"""A JSON Schema as an expression over the JSON text of its values, in the form `json.dumps` writes by default.

Narrower than the schema where it leaves more open than a call needs, never wider: declared properties alone, in their
declared order, optional ones left out or not; recursion and free JSON a few levels deep. What cannot be said is
refused with its reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import jsonschema_rs

from model_core.enforcer import formats, objects
from model_core.enforcer.closing import TooManyStatesError, has_text
from model_core.enforcer.expr import LAST, Builder, Node, capped_repeats, lengths
from model_core.enforcer.grounding import Ground
from model_core.enforcer.lark import MARKER_STEM
from model_core.enforcer.merge import EXPRESSED, REFUSED, MergeError, Schema, apart, merge, types_of
from model_core.enforcer.numbers import NumberError, integer_expr, number_expr
from model_core.enforcer.regex import PatternError, pattern_expr
from model_core.errors import ModelError

_RECURSION = 4  # levels of a `$ref` inside itself
_FREE_DEPTH = 3  # levels of JSON where a schema leaves everything open
_MOST_DISTINCT = 60  # values of a set that the grammar can tell apart
_DRAFTS = (
    "https://json-schema.org/draft/2020-12/schema",
    "http://json-schema.org/draft-07/schema#",
    "http://json-schema.org/draft-04/schema#",
)
_SCALARS = ("string", "integer", "number", "boolean", "null")


class SchemaRefused(ModelError):
    """A schema that cannot be enforced. `tool` is the tool's name (or "response_format"), `reason` why."""

    def __init__(self, tool: str, reason: str) -> None:
        super().__init__(f"{tool}: the schema cannot be enforced: {reason}")
        self.tool, self.reason = tool, reason


def schema_expr(make: Builder, schema: Any, name: str, ground: Ground | None = None, arguments: bool = True) -> Node:
    """The JSON texts of a schema. Raises `SchemaRefused`, with `name` as the tool's.

    `arguments` are an object whatever the schema leaves open, and an empty one where it declares no properties.
    """
    _need_schema(schema, name)
    reader = _Reader(make, schema, ground, arguments)
    try:
        if not arguments:
            return reader.value(schema, "", _RECURSION)
        if "object" not in types_of(reader.resolved(schema)):
            raise SchemaRefused(name, "arguments are an object, and it asks for another type")
        return reader.value(merge(reader.resolved(schema), {"type": "object"}), "", _RECURSION)
    except (MergeError, PatternError, NumberError, TooManyStatesError) as error:
        raise SchemaRefused(name, f"{error}{reader.where}") from error
    except _RefusedError as error:
        raise SchemaRefused(name, str(error)) from error
    except RecursionError as error:
        raise SchemaRefused(name, "it is nested too deep") from error


def _need_schema(schema: Any, name: str) -> None:
    """Refuse what is no schema: a keyword of a wrong type, an unknown type. Drafts differ; any one will do."""
    if not isinstance(schema, Mapping | bool):
        raise SchemaRefused(name, "it is no JSON object")
    if isinstance(schema, bool):
        return
    told = {word: value for word, value in schema.items() if word != "$schema"}
    if any(jsonschema_rs.meta.is_valid({**told, "$schema": draft}) for draft in _DRAFTS):
        return
    try:
        jsonschema_rs.meta.validate(told)
    except jsonschema_rs.ValidationError as error:
        place = "/".join(map(str, error.instance_path))
        raise SchemaRefused(name, f"it is no JSON Schema: {error.message}{_at(place)}") from error


class _RefusedError(ValueError):
    """The reason of a refusal, with its place."""


class _Reader:
    def __init__(self, make: Builder, root: Any, ground: Ground | None, arguments: bool) -> None:
        self.make, self.root, self.ground, self.arguments = make, root, ground, arguments
        self.where = ""
        self._known: dict[tuple[int, int], Node] = {}
        self._held: list[Any] = []  # keeps the ids in `_known` alive
        self._free: dict[int, Node] = {}

    def value(self, schema: Any, path: str, depth: int) -> Node:
        """The texts of a schema that stands at `path`; `depth` levels of references may still be entered."""
        if isinstance(schema, bool):
            return self.free(_FREE_DEPTH) if schema else self.make.never
        if not isinstance(schema, Mapping):
            raise _RefusedError(f"a schema is no JSON object{_at(path)}")
        key = (id(schema), depth)
        if key not in self._known:
            self._held.append(schema)
            self._known[key] = self._value(schema, path, depth)
        return self._known[key]

    def _value(self, schema: Schema, path: str, depth: int) -> Node:
        self.where = _at(path)
        refused = next((keyword for keyword in schema if keyword in REFUSED), None)
        if refused is not None:
            raise _RefusedError(f"`{refused}`{self.where}")
        if "$ref" in schema:
            rest = {keyword: value for keyword, value in schema.items() if keyword != "$ref" and keyword in EXPRESSED}
            target = self.target(schema["$ref"])
            return self.value(merge(target, rest) if rest else target, path, depth - 1) if depth else self.make.never
        if "not" in schema:
            if schema["not"] in ({}, True):
                return self.make.never
            raise _RefusedError(f"`not`{self.where}")
        if "allOf" in schema:
            whole = {keyword: value for keyword, value in schema.items() if keyword != "allOf"}
            for part in schema["allOf"]:
                whole = merge(whole, self.resolved(part))
            return self.value(whole, path, depth)
        if "enum" in schema or "const" in schema:
            return self.listed(schema)
        for union in ("anyOf", "oneOf"):
            if union in schema:
                return self.union(schema, union, path, depth)
        kinds = types_of(schema)
        if not any(keyword in EXPRESSED for keyword in schema):
            return self.free(_FREE_DEPTH)
        if "number" in kinds:
            kinds = tuple(kind for kind in kinds if kind != "integer")
        return self.make.alt(*(self.typed(kind, schema, path, depth) for kind in kinds))

    def target(self, reference: Any) -> Any:
        """What a local reference points at."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise _RefusedError(f"`$ref` to {reference!r}, which is not within the schema{self.where}")
        found = self.root
        for step in reference[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and name.isdigit() and int(name) < len(found):
                found = found[int(name)]
            elif isinstance(found, Mapping) and name in found:
                found = found[name]
            else:
                raise _RefusedError(f"`$ref` to {reference!r}, which is not there{self.where}")
        return found

    def resolved(self, schema: Any) -> Any:
        """Through references, so that its keywords show; a chain without end is refused."""
        for _ in range(20):
            if not isinstance(schema, Mapping) or "$ref" not in schema:
                return {} if schema is True else {"not": {}} if schema is False else schema
            rest = {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
            schema = merge(self.resolved(self.target(schema["$ref"])), rest)
        raise _RefusedError(f"a reference that leads to itself{self.where}")

    def union(self, schema: Schema, union: str, path: str, depth: int) -> Node:
        base = {word: value for word, value in schema.items() if word != union and word in EXPRESSED}
        kinds = [self.resolved(option) for option in schema[union]]
        options = [merge(base, kind) if base else kind for kind in kinds]
        if union == "oneOf":
            for place, one in enumerate(options):
                for other in options[:place]:
                    if not (apart(one, other) and apart(other, one)):
                        raise _RefusedError(f"`oneOf` with alternatives that may hold at once{self.where}")
        nested = depth - 1 if any(isinstance(o, Mapping) and "$ref" in o for o in schema[union]) else depth
        if nested < 0:
            return self.make.never
        self._held.append(options)
        return self.make.alt(*(self.value(option, path, nested) for option in options))

    def listed(self, schema: Schema) -> Node:
        values = [schema["const"]] if "const" in schema else schema["enum"]
        if "const" in schema and "enum" in schema:
            values = [value for value in values if value in schema["enum"]]
        rest = {word: value for word, value in schema.items() if word in EXPRESSED and word not in ("enum", "const")}
        if rest and "$ref" not in json.dumps(rest):
            validator = jsonschema_rs.validator_for(rest)
            values = [value for value in values if validator.is_valid(value)]
        texts = [json.dumps(value, ensure_ascii=False) for value in values]
        if any(MARKER_STEM in text for text in texts):
            raise _RefusedError(f"a value that spells a marker of tool calls{self.where}")
        return self.make.term(self.make.alt(*map(self.make.lit, texts)))

    def typed(self, kind: str, schema: Schema, path: str, depth: int) -> Node:
        if kind == "object":
            return objects.object_expr(self, schema, path, depth)
        if kind == "array":
            return self.array(schema, path, depth)
        if kind == "string":
            return self.string(schema)
        if kind in ("integer", "number"):
            return self.number(kind, schema)
        if kind == "boolean":
            return self.make.alt(self.make.lit("true"), self.make.lit("false"))
        if kind == "null":
            return self.make.lit("null")
        raise _RefusedError(f"the type {kind!r}{self.where}")

    def array(self, schema: Schema, path: str, depth: int) -> Node:
        make, items = self.make, schema.get("items", True)
        first = schema.get("prefixItems", items if isinstance(items, list) else [])
        if isinstance(items, list):
            items = schema.get("additionalItems", True)
        least, most = int(schema.get("minItems", 0)), schema.get("maxItems")
        if schema.get("uniqueItems"):
            return self.distinct(self.resolved(items), path, depth, least, most)
        fixed = [self.value(item, f"{path}/{place}", depth) for place, item in enumerate(first)]
        item = self.value(items, f"{path}/items", depth)
        rest_most = None if most is None else max(int(most) - len(fixed), 0)
        rest_least = max(least - len(fixed), 0)
        tail = make.rep(make.seq(make.lit(", "), item), rest_least, rest_most)
        if fixed and not (most is not None and int(most) < len(fixed)):
            for place in reversed(range(1, len(fixed))):
                tail = make.seq(make.lit(", "), fixed[place], tail)
                tail = make.maybe(tail) if least <= place else tail
            inside = make.seq(fixed[0], tail)
        elif fixed:
            raise _RefusedError(f"`maxItems` below the number of `prefixItems`{self.where}")
        elif most == 0:
            inside = make.never if least else make.empty
        else:
            more = make.rep(make.seq(make.lit(", "), item), max(least - 1, 0), None if most is None else int(most) - 1)
            inside = make.seq(item, more)
        return make.seq(make.lit("["), inside if least else make.maybe(inside), make.lit("]"))

    def distinct(self, item: Schema, path: str, depth: int, least: int, most: Any) -> Node:
        """A list that says nothing twice: any order of listed values; of open ones, at most one."""
        make = self.make
        values = [item["const"]] if "const" in item else item.get("enum")
        if values is not None and len(values) <= _MOST_DISTINCT:
            nodes = tuple(
                node for value in values if (node := self.listed({**item, "enum": [value]})) is not make.never
            )
            top = len(nodes) if most is None else min(int(most), len(nodes))
            inside = make.distinct(nodes, least, top) if least <= top and nodes else make.never
            inside = make.maybe(inside) if not least else inside
        elif least > 1:
            raise _RefusedError(f"`uniqueItems` with two or more values that are not listed{self.where}")
        else:
            inside = make.empty if most == 0 else self.value(item, f"{path}/items", depth)
            inside = inside if least else make.maybe(inside)
        return make.seq(make.lit("["), inside, make.lit("]"))

    def string(self, schema: Schema) -> Node:
        make = self.make
        least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
        name, pattern = schema.get("format"), schema.get("pattern")
        if name in formats.REFUSED:
            raise _RefusedError(f"the format {name!r}{self.where}")
        body = formats.format_expr(make, name) if isinstance(name, str) else None
        if pattern is not None and not (body is not None and formats.format_implies(str(name), pattern)):
            matched = pattern_expr(make, pattern)
            body = matched if body is None else make.both(body, matched)
        if body is None and self.ground is not None and least <= 1 and most is None and self.ground.source.chunks:
            return make.term(make.seq(make.lit('"'), make.span(self.ground.source), make.lit('"')), True)
        body = self.open_string(least, most) if body is None else self._of_length(body, least, most)
        return make.term(make.seq(make.lit('"'), body, make.lit('"')), True)

    def open_string(self, least: int = 0, most: int | None = None) -> Node:
        """What may stand between quotation marks."""
        make = self.make
        raw = make.char([(0x20, 0x21), (0x23, 0x5B), (0x5D, LAST)])
        hexa = make.char([(0x30, 0x39), (0x41, 0x46), (0x61, 0x66)])
        plain = make.seq(make.char([(0x30, 0x39), (0x41, 0x43), (0x45, 0x46), (0x61, 0x63), (0x65, 0x66)]), hexa)
        high = make.seq(make.one_of("dD"), make.char([(0x30, 0x37)]))  # no surrogates
        coded = make.seq(make.lit("u"), make.alt(plain, high), hexa, hexa)
        escaped = make.seq(make.lit("\\"), make.alt(make.one_of('"\\/bfnrt'), coded))
        return make.rep(make.alt(raw, escaped), least, most)

    def _of_length(self, body: Node, least: int, most: int | None) -> Node:
        shortest, longest = lengths(body)
        if shortest >= least and (most is None or (longest is not None and longest <= most)):
            return body
        if body.kind == "rep" and body.args[0].kind == "char":
            part, low, high = body.args
            tops = [top for top in (high, most) if top is not None]
            return self.make.rep(part, max(low, least), min(tops, default=None))
        exact = self.make.both(body, self.open_string(least, most))
        try:
            if has_text(self.make, exact):
                return exact
        except TooManyStatesError:
            for repeats in (64, 16, 4, 1, 0):
                capped = capped_repeats(self.make, body, repeats)
                shortest, longest = lengths(capped)
                if shortest >= least and longest is not None and (most is None or longest <= most):
                    return capped
        raise _RefusedError(f"a pattern beside a length that it does not fit{self.where}")

    def number(self, kind: str, schema: Schema) -> Node:
        low, above = _bound(schema, "minimum", "exclusiveMinimum", max)
        high, below = _bound(schema, "maximum", "exclusiveMaximum", min)
        step = _decimal(schema.get("multipleOf"))
        if self.ground is not None and (said := self._said(kind, schema)):
            return self.make.term(self.make.alt(*map(self.make.lit, said)))
        whole_step = step is not None and step == step.to_integral_value()
        if kind == "integer" or whole_step:
            low = low + 1 if low is not None and above and low == low.to_integral_value() else low
            high = high - 1 if high is not None and below and high == high.to_integral_value() else high
            return self.make.term(integer_expr(self.make, low, high, step))
        if step is not None:
            raise NumberError(f"multiples of {step}")
        return self.make.term(number_expr(self.make, low, high, above, below))

    def _said(self, kind: str, schema: Schema) -> list[str]:
        words = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
        conditions = {"type": kind, **{word: schema[word] for word in words if word in schema}}
        validator = jsonschema_rs.validator_for(conditions)
        numbers = self.ground.numbers if self.ground else ()
        return [n for n in numbers if validator.is_valid(json.loads(n)) and not (kind == "integer" and "." in n)]

    def free(self, depth: int) -> Node:
        """Any JSON, `depth` levels of lists and objects deep."""
        if depth not in self._free:
            make = self.make
            kinds = [self.typed(kind, {}, "", 0) for kind in _SCALARS if kind != "integer"]
            if depth:
                item = self.free(depth - 1)
                more = make.rep(make.seq(make.lit(", "), item))
                kinds.append(make.seq(make.lit("["), make.maybe(make.seq(item, more)), make.lit("]")))
                kinds.append(objects.free_object(make, objects.open_key(make), item))
            self._free[depth] = make.alt(*kinds)
        return self._free[depth]


def _bound(schema: Schema, plain: str, exclusive: str, tighter: Any) -> tuple[Decimal | None, bool]:
    """A bound and whether it is itself left out; drafts before 6 say the latter with a boolean."""
    at, out = _decimal(schema.get(plain)), schema.get(exclusive)
    if isinstance(out, bool):
        return at, out and at is not None
    beyond = _decimal(out)
    if at is None or beyond is None:
        return (at, False) if beyond is None else (beyond, True)
    bound = tighter(at, beyond)
    return bound, bound == beyond


def _decimal(number: Any) -> Decimal | None:
    return None if number is None or isinstance(number, bool) else Decimal(str(number))


def _at(path: str) -> str:
    return f" at {path}" if path else ""
