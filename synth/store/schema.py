"""Rows <-> Arrow. The Parquet schema follows from the pydantic rows, so that there is one place to add a column.

A field marked `Json` becomes JSON text (SQL NULL for None); nested rows become structs; `class_` becomes `class`.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pyarrow as pa
from pydantic import BaseModel

from synth.records import Json, Row, json_text

_JSON_MARK = type(get_args(Json)[1])

Codec = Callable[[Any], Any]


@dataclass(frozen=True)
class Column:
    """One field of a row: its Parquet name and type, and the way in and out."""

    field: str
    name: str
    type: pa.DataType
    nullable: bool
    encode: Codec
    decode: Codec


def _same(value: Any) -> Any:
    return value


def _encode_json(value: Any) -> str | None:
    return None if value is None else json_text(value)


def _decode_json(text: str | None) -> Any:
    return None if text is None else json.loads(text)


@cache
def columns(model: type[BaseModel]) -> tuple[Column, ...]:
    """The columns of a row model, in field order. Raises TypeError for an annotation without a Parquet form."""
    found = []
    for field, info in model.model_fields.items():
        marked = any(isinstance(mark, _JSON_MARK) for mark in info.metadata)
        kind, nullable, encode, decode = (
            (pa.string(), True, _encode_json, _decode_json) if marked else _column_type(info.annotation)
        )
        found.append(Column(field, field.rstrip("_"), kind, nullable, encode, decode))
    return tuple(found)


def _column_type(annotation: Any) -> tuple[pa.DataType, bool, Codec, Codec]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _column_type(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        options = [option for option in get_args(annotation) if option is not type(None)]
        if len(options) != 1:
            raise TypeError(f"{annotation} has no Parquet form; mark the field Json")
        kind, _, encode, decode = _column_type(options[0])
        return kind, True, _or_none(encode), _or_none(decode)
    if origin is Literal:
        return pa.string(), False, _same, _same
    if origin is list:
        kind, nullable, encode, decode = _column_type(get_args(annotation)[0])
        item = pa.field("element", kind, nullable=nullable)
        if encode is _same:
            return pa.list_(item), False, list, list
        return pa.list_(item), False, _each(encode), _each(decode)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pa.struct(list(arrow_schema(annotation))), False, _to_dict(annotation), _to_model(annotation)
    plain = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    if annotation not in plain:
        raise TypeError(f"{annotation} has no Parquet form; mark the field Json")
    return plain[annotation], False, _same, _same


def _or_none(codec: Codec) -> Codec:
    return codec if codec is _same else lambda value: None if value is None else codec(value)


def _each(codec: Codec) -> Codec:
    return lambda values: [codec(value) for value in values]


def _to_dict(model: type[BaseModel]) -> Codec:
    return lambda row: {c.name: c.encode(getattr(row, c.field)) for c in columns(model)}


def _to_model(model: type[BaseModel]) -> Codec:
    made = columns(model)

    def decode(value: dict[str, Any]) -> BaseModel:  # a field added since the part was written takes its default
        return model.model_construct(**{c.field: c.decode(value[c.name]) for c in made if c.name in value})

    return decode


@cache
def arrow_schema(model: type[BaseModel]) -> pa.Schema:
    """The Arrow schema of a row model."""
    return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in columns(model)])


def to_arrow(model: type[Row], rows: Sequence[Row]) -> pa.Table:
    """Rows as one Arrow table. Raises pyarrow.ArrowInvalid or TypeError where a value does not fit its column."""
    arrays = [pa.array([c.encode(getattr(row, c.field)) for row in rows], type=c.type) for c in columns(model)]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(model))


def from_arrow(model: type[Row], table: pa.Table) -> list[Any]:
    """An Arrow table as rows, without validation: what was committed has been validated when it was made. A column
    that an earlier version did not write takes its default; one without a default is a KeyError."""
    made = [c for c in columns(model) if c.name in table.column_names or model.model_fields[c.field].is_required()]
    decoded = [[c.decode(value) for value in table.column(c.name).to_pylist()] for c in made]
    return [
        model.model_construct(**dict(zip((c.field for c in made), values, strict=True)))
        for values in zip(*decoded, strict=True)
    ]


def decode_columns(model: type[Row], table: pa.Table, names: Iterable[str]) -> list[dict[str, Any]]:
    """Some columns only, as plain dicts keyed by field name."""
    wanted = [c for c in columns(model) if c.field in set(names)]
    decoded = [[c.decode(value) for value in table.column(c.name).to_pylist()] for c in wanted]
    return [dict(zip((c.field for c in wanted), values, strict=True)) for values in zip(*decoded, strict=True)]
