"""JSON Schemas of tools, derived from what their parameters and results mean, and arguments moved between their real
(nested) form and their canonical one (`{parameter: value}`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synth.errors import SpecError
from synth.worlds.spec import Entity, Envelope, FieldSpec, Param, ToolSpec, World
from synth.worlds.steps import STEP_WORDS, parse_step

Schema = dict[str, Any]
_PLAIN: dict[str, Schema] = {
    "text": {"type": "string"},
    "code": {"type": "string"},
    "int": {"type": "integer"},
    "money": {"type": "integer"},
    "number": {"type": "number"},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "date-time"},
}


def key_schema(world: World, entity: str) -> Schema:
    """Schema of the key of `entity` (of its first part where the key is composite)."""
    e = world.entities[entity]
    name = e.keys[0]
    if name in e.fields:
        return field_schema(world, e.fields[name], nullable=False)
    return {"type": "integer"} if e.id.kind == "int" else {"type": "string"}


def field_schema(world: World, field: FieldSpec, nullable: bool | None = None) -> Schema:
    """Schema of a field's value; `nullable` None = as the field says."""
    out: Schema
    if field.type == "enum":
        out = {"type": "string", "enum": list(field.of or [])}
    elif field.type == "ref":
        out = dict(key_schema(world, str(field.to)))
    elif field.type in ("list", "map"):
        inner = _element_schema(world, field)
        out = (
            {"type": "array", "items": inner}
            if field.type == "list"
            else {"type": "object", "additionalProperties": inner}
        )
    elif field.type == "record":
        out = _record_schema(world, field)
    else:
        out = dict(_PLAIN[field.type])
    if field.nullable if nullable is None else nullable:
        out["type"] = [out["type"], "null"]
        if "enum" in out:
            out["enum"] = [*out["enum"], None]
    return out


def _element_schema(world: World, field: FieldSpec) -> Schema:
    if field.fields:
        return _record_schema(world, field)
    return field_schema(world, FieldSpec.model_validate(field.of), nullable=False)


def _record_schema(world: World, field: FieldSpec) -> Schema:
    parts = {n: field_schema(world, f) for n, f in (field.fields or {}).items()}
    return {"type": "object", "properties": parts, "required": list(parts)}


def param_schema(world: World, tool: ToolSpec, param: Param) -> Schema:
    """The parameter's own fragment where it has one, else what its role and field imply."""
    if param.schema_:
        out = dict(param.schema_)
    else:
        out = _implied(world, tool, param)
    if param.description and "description" not in out:
        out["description"] = param.description
    return out


def _implied(world: World, tool: ToolSpec, param: Param) -> Schema:
    owner = param.entity or tool.of
    entity = world.entities[owner] if owner else None
    if param.role == "key" and entity is not None:
        if param.field and param.field in entity.fields:
            return field_schema(world, entity.fields[param.field], nullable=False)
        return key_schema(world, str(param.entity or tool.of))
    if param.role in ("field", "filter") and entity is not None:
        if param.field in entity.fields:
            out = field_schema(world, entity.fields[param.field], nullable=False)
        else:
            out = key_schema(world, str(param.entity or tool.of))
        if param.compare == "in":
            return {"type": "array", "items": out}
        return {"type": "string"} if param.compare == "contains" else out
    if param.role in ("from", "until") and entity is not None:
        return dict(_PLAIN[entity.fields[entity.keys[-1]].type])
    if param.role == "every":
        return {"type": "string", "enum": list(_steps_of(entity))}
    if param.role == "amount" and entity is not None:
        number = entity.fields[str(tool.field)].type == "number"
        return {"type": "number", "exclusiveMinimum": 0} if number else {"type": "integer", "minimum": 1}
    if param.role in ("line", "line_end"):
        return {"type": "integer", "minimum": 0 if tool.how == "insert" else 1}
    if param.role == "span":
        return {"type": "integer", "minimum": 1}
    if param.role in ("limit", "offset", "page"):
        return {"type": "integer", "minimum": 0 if param.role == "offset" else 1}
    if param.role in ("confirm", "dry_run"):
        return {"type": "boolean"}
    if param.role == "order":
        return {"type": "string", "enum": ["asc", "desc"]}
    if param.role == "sort" and entity is not None:
        return {"type": "string", "enum": sortable(entity)}
    if param.role == "projection" and entity is not None:
        return {"type": "array", "items": {"type": "string", "enum": [*entity.keys, *entity.fields]}}
    if param.role == "action":
        return {"type": "string", "enum": list(tool.cases or {})}
    if param.type is not None:
        return argument_schema(world, param.type)
    return {} if param.role == "value" else {"type": "string"}


def argument_schema(world: World, spec: FieldSpec) -> Schema:
    """Schema of a typed argument: a `range` bounds it, records hold nothing but their fields, and what may be null may
    be left out."""
    out = field_schema(world, spec, nullable=False)
    if spec.range and spec.type in ("int", "number", "money", "list"):
        low, high = spec.range if spec.type == "number" else map(int, spec.range)
        names = ("minItems", "maxItems") if spec.type == "list" else ("minimum", "maximum")
        out |= dict(zip(names, (low, high), strict=True))
    if spec.fields:
        parts = {n: argument_schema(world, f) for n, f in spec.fields.items()}
        needed = [n for n, f in spec.fields.items() if not f.nullable]
        record: Schema = {"type": "object", "properties": parts, "required": needed, "additionalProperties": False}
        inner = {"list": "items", "map": "additionalProperties"}.get(spec.type)
        out = {**out, inner: record} if inner else record
    return out


def _steps_of(entity: Entity | None) -> list[str]:
    """Steps not finer than the entity's own."""
    native = parse_step(entity.step) if entity is not None else None
    return [w for w in STEP_WORDS if native is None or (s := parse_step(w)) is None or s.seconds >= native.seconds]


def sortable(entity: Entity) -> list[str]:
    return [
        n
        for n, f in entity.fields.items()
        if f.type in ("text", "int", "number", "money", "date", "time", "code", "enum")
    ]


def input_schema(world: World, tool: ToolSpec, params: dict[str, Param]) -> Schema:
    """The tool's own schema where one was seen on a real server, else an object schema built from its parameters."""
    if tool.input_schema is not None:
        return tool.input_schema
    root = _object()
    if not world.closed:
        del root["additionalProperties"]
    for name, param in params.items():
        node = root
        *envelope, leaf = param.at or [name]
        for step in envelope:
            node = node["properties"].setdefault(step, _object())
            node = node.get("items", node)  # members of a batch stand in its items
            if "properties" not in node:
                raise SpecError(f"params.{name}.at", f"lies inside {step!r}, which another parameter takes whole")
        if name == tool.batch_over and not param.schema_:
            inner = _object() if param.role == "batch" else param_schema(world, tool, param)
            node["properties"][leaf] = {"type": "array", "items": inner, "minItems": 1, "maxItems": 50}
        else:
            node["properties"][leaf] = param_schema(world, tool, param)
        if param.required:
            _require(root, param.at or [name])
    return root


def _object() -> Schema:
    return {"type": "object", "properties": {}, "additionalProperties": False}


def _require(root: Schema, at: list[str]) -> None:
    node = root
    for step in at:
        required = node.setdefault("required", [])
        if step not in required:
            required.append(step)
        node = node["properties"][step]
        node = node.get("items", node)


def view_schema(world: World, entity_name: str, shows: list[str]) -> Schema:
    """Schema of a row shown with the fields `shows`."""
    entity = world.entities[entity_name]
    props: Schema = {}
    for name in shows:
        if name in entity.fields:
            # a row made by a tool may hold null in what was not given; a key never
            # (but for the key of a virtual row: null is "all")
            loose = name not in entity.keys or (entity.virtual and name != entity.keys[-1])
            props[name] = field_schema(world, entity.fields[name], nullable=loose)
        else:
            props[name] = key_schema(world, entity_name)
    return {"type": "object", "properties": props, "required": list(props)}


def wrap_item(schema: Schema, envelope: Envelope) -> Schema:
    if envelope.item is None:
        return schema
    return {"type": "object", "properties": {envelope.item: schema}, "required": [envelope.item]}


def wrap_items(schema: Schema, envelope: Envelope, paged: bool) -> Schema:
    array: Schema = {"type": "array", "items": schema}
    if envelope.items is None:
        return array
    props: Schema = {envelope.items: array}
    if envelope.total:
        props[envelope.total] = {"type": "integer"}
    required = list(props)
    if paged and envelope.next:
        props[envelope.next] = {"type": ["string", "integer", "null"]}
        required.append(envelope.next)
    return {"type": "object", "properties": props, "required": required}


def batch_schema(name: str, one: Schema, mode: str) -> Schema:
    """Schema of a batch's result: what each item gave, or an entry that says how it went."""
    if mode == "all_or_nothing":
        props: Schema = {name: {"type": "array", "items": one}, "count": {"type": "integer"}}
        return {"type": "object", "properties": props, "required": list(props)}
    text = {"type": "string"}
    entry = {
        "type": "object", "properties": {"ok": {"type": "boolean"}, "result": one, "error": text, "message": text},
        "required": ["ok"],
    }  # fmt: skip
    props = {name: {"type": "array", "items": entry}, "succeeded": {"type": "integer"}, "failed": {"type": "integer"}}
    return {"type": "object", "properties": props, "required": list(props)}


def given(params: Mapping[str, Param], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`{parameter: value}` of the parameters that stand in `arguments` (a null counts as not given)."""
    out: dict[str, Any] = {}
    for name, param in params.items():
        node: Any = arguments
        for step in param.at or [name]:
            node = node.get(step) if isinstance(node, Mapping) else None
            if node is None:
                break
        if node is not None:
            out[name] = node
    return out


def canonical(params: dict[str, Param], arguments: dict[str, Any]) -> dict[str, Any]:
    """`{parameter: value}` of what was given, defaults filled in."""
    there = given(params, arguments)
    values = {name: there.get(name, param.default) for name, param in params.items()}
    return {name: value for name, value in values.items() if value is not None}


def nested(params: dict[str, Param], values: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `canonical`: the real arguments object, parameters in declared order."""
    out: dict[str, Any] = {}
    for name, param in params.items():
        if name in values:
            *envelope, leaf = param.at or [name]
            node = out
            for step in envelope:
                node = node.setdefault(step, {})
            node[leaf] = values[name]
    return out
