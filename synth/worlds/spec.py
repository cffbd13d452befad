"""The surface form of a world: what a lifter, a person or a model writes.

A world is entities (typed tables), tools (surface operations over them), errors and policies. It is data: YAML for a
person, JSON in the `worlds` table. `synth.worlds.lower` turns every tool into core statements, and those alone run.

Short forms are accepted wherever a person would write them: a field may be the text `"text"`, `"a | b | c"`,
`"ref Contact"`, `"list of text"`, each with a trailing `?` for "may be null"; a tool may name its parameters by
`needs`, `may`, `filters`, `in`, `paging` and `takes` instead of spelling out `params`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from synth.errors import SpecError

FieldType = Literal[
    "text", "int", "number", "money", "bool", "date", "time", "code", "enum", "ref", "list", "map", "record"
]  # fmt: skip
Op = Literal[
    "get", "exists", "list", "search", "aggregate", "compute", "create", "update", "upsert", "copy", "delete", "move",
    "relate", "unrelate", "send", "setting", "choose", "do", "series", "job", "transfer", "edit", "session",
]  # fmt: skip
READ_OPS: frozenset[str] = frozenset({"get", "exists", "list", "search", "aggregate", "compute", "series"})
Role = Literal[
    "key",  # names the row the tool works on (or, with `entity`, another row: relate, copy into ...)
    "field",  # payload: goes into `field` of the row
    "filter",  # narrows a read: row.field COMPARE value
    "query",  # text search over the fields in `Tool.in_`
    "limit", "offset", "page", "cursor", "sort", "order",  # paging and sorting of list and search
    "projection",  # names the fields to show
    "action",  # chooses the case of a `choose` tool
    "confirm",  # a write happens only where it is true
    "dry_run",  # a write is checked, not done, where it is true
    "value",  # free argument of the type `Param.type`, read as args.NAME by expressions of the tool
    "from", "until", "span",  # time range of a series; span: a length back from its end ("30d", 30 days)
    "every",  # width of a series' steps
    "amount",  # of a transfer
    "text", "find", "line", "line_end",  # edit: new text, old text, 1-based lines
    "batch",  # batch of objects: the list itself; its members are parameters whose `at` starts with its place
    "idempotency",  # names the request: the same again does nothing; kept in `field`
    "ignored",  # accepted and without effect on records (region, verbosity, request ids)
]  # fmt: skip
Compare = Literal["eq", "ne", "lt", "le", "gt", "ge", "contains", "in"]

NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


class Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class FieldSpec(Spec):
    """One typed field of an entity."""

    type: FieldType
    of: list[str] | str | None = None  # enum members; element type of a list or map ("text", "ref Contact", ...)
    to: str | None = None  # target of a ref
    gen: str | None = None  # semantic generator, see synth.worlds.values; default by type and name
    null: float = Field(default=0.0, ge=0, le=1)  # share of null values; above 0 the field may be null
    unique: bool = False
    range: tuple[float, float] | None = None
    within: tuple[str, str] | None = None  # dates and times relative to the clock: ["-90d", "0d"]
    weights: list[float] | None = None
    pattern: str | None = None  # code: [A-Z]{3}[0-9]{3}
    fields: dict[str, FieldSpec] | None = None  # record
    p: float = 0.5  # share of true for a bool
    set_by: Literal["tool", "system", "never"] = "tool"  # system: stamped by the world, never matched by goals
    search: bool = False
    derive: str | None = None  # of a start row: expression over `it`, `now`, the tables and other rows
    on_delete: Literal["restrict", "cascade", "clear"] = "restrict"  # of a ref, when its target goes

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return _field_from_text(value)
        if isinstance(value, dict) and None in value:  # YAML reads the bare key `null` as None
            value = {("null" if k is None else k): v for k, v in value.items()}
        return value

    @model_validator(mode="after")
    def _whole(self) -> FieldSpec:
        if self.type == "enum" and not (isinstance(self.of, list) and self.of):
            raise ValueError("an enum needs its members in `of`")
        if self.type == "ref" and not self.to:
            raise ValueError("a ref needs its target in `to`")
        if self.type in ("list", "map") and not isinstance(self.of, str) and not self.fields:
            raise ValueError(f"a {self.type} needs its element type in `of` or its record in `fields`")
        if self.type == "record" and not self.fields:
            raise ValueError("a record needs `fields`")
        if self.type == "code" and not self.pattern:
            raise ValueError("a code needs its `pattern`")
        return self

    @property
    def nullable(self) -> bool:
        return self.null > 0


def _field_from_text(text: str) -> dict[str, Any]:
    body = text.strip()
    null = 0.3 if body.endswith("?") else 0.0
    body = body.removesuffix("?").strip()
    if "|" in body:
        return {"type": "enum", "of": [m.strip() for m in body.split("|")], "null": null}
    if body.startswith("ref "):
        return {"type": "ref", "to": body[4:].strip(), "null": null}
    if body.startswith("list of "):
        return {"type": "list", "of": body[8:].strip(), "null": null}
    if body.startswith("map of "):
        return {"type": "map", "of": body[7:].strip(), "null": null}
    return {"type": body, "null": null}


class IdStyle(Spec):
    """How keys of an entity look. Keys are drawn from a seeded, non-sequential space: they cannot be guessed."""

    kind: Literal["code", "int", "uuid", "hex", "token"] = "code"
    prefix: str = ""  # code: TCK-7F3K9Q; token: cus_Na6dX7...
    size: int = Field(default=6, ge=4, le=24)  # characters or digits after the prefix (uuid ignores it)


class Lifecycle(Spec):
    field: str
    moves: dict[str, list[str]]
    start: str | None = None  # state of a new row; default the first key of moves


class Entity(Spec):
    """One table. A `key` that is not among `fields` is a generated id in `id` style; one that is, is natural (a name, a
    path, an e-mail) and given by the caller on create. A list of names is a composite key."""

    key: str | list[str] = "id"
    id: IdStyle = IdStyle()
    rows: int = Field(default=24, ge=0, le=10_000)
    fields: dict[str, FieldSpec]
    fixed: list[dict[str, Any]] = []  # every start state has these rows and no others; what they leave out is drawn
    lifecycle: Lifecycle | None = None
    label: str | None = None  # the field a person would name a row by (name, title, subject, e-mail)
    singleton: bool = False  # one row: account, settings, profile
    session: bool = False  # a singleton that expressions know as `me`
    virtual: bool = False  # nothing stored: a row is a function of (seed, key, time); the last key part is the time
    step: str = "day"  # virtual: finest distance of two rows: minute, hour, day, week, month, quarter, year ("15min")
    tree: str | None = None  # a reference to the parent of the same entity: rows form trees, and stay so
    ahead: bool = False  # virtual: rows lie in the future (a forecast)
    noun: str | None = None  # spoken: "support ticket"; default from the entity's name
    plural: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _session_is_single(cls, value: Any) -> Any:
        return {**value, "singleton": True} if isinstance(value, dict) and value.get("session") else value

    @model_validator(mode="after")
    def _fixed_rows(self) -> Entity:
        for i, row in enumerate(self.fixed):
            if unknown := [n for n in row if n not in self.fields and n not in self.keys]:
                raise ValueError(f"fixed.{i}: there is no field {unknown[0]}")
        return self

    @property
    def keys(self) -> list[str]:
        return [self.key] if isinstance(self.key, str) else list(self.key)

    @property
    def generated_key(self) -> bool:
        return isinstance(self.key, str) and self.key not in self.fields


class Param(Spec):
    """One parameter of a tool. The dict key it stands under is its canonical name (`args.NAME` in expressions); `at` is
    where it sits in the arguments object when that is not simply [NAME] (an envelope: ["request", "subject"])."""

    role: Role
    field: str | None = None  # entity field bound by key, field, filter
    entity: str | None = None  # of a key when it is not the tool's own entity
    compare: Compare = "eq"
    required: bool = False
    schema_: dict[str, Any] = Field(default_factory=dict, alias="schema")  # JSON Schema fragment; {} = derived
    default: Any = None
    at: list[str] | None = None
    description: str | None = None
    type: FieldSpec | None = None  # of a value: its schema, what is drawn for it, and rows it names must exist
    unit: str | None = None  # span: what a plain number counts (day, hour, ...); default day


class Require(Spec):
    that: str
    else_: str = Field(alias="else")


class Envelope(Spec):
    """How results are wrapped; semantics do not depend on it."""

    item: str | None = None  # get, create, ...: {"ticket": {...}}; None = the bare object
    items: str | None = "items"  # list, search: {"tickets": [...]}; None = a bare array
    total: str | None = "total"
    next: str | None = None  # name of the next-page marker


class Paging(Spec):
    kind: Literal["offset", "page", "cursor", "none"] = "none"
    default: int = Field(default=20, ge=1, le=1000)
    max: int = Field(default=100, ge=1, le=10_000)


class ToolSpec(Spec):
    """One surface operation."""

    op: Op
    of: str | None = None
    description: str | None = None
    title: str | None = None
    params: dict[str, Param] | None = None  # None: derived from the short form below
    by: str | list[str] | None = None  # get/update/...: fields that may name the row; choose: the action parameter
    needs: list[str] = []
    may: list[str] = []
    filters: list[str] = []
    takes: dict[str, FieldSpec] = {}  # free arguments by type; a trailing ? (or null > 0) makes one optional
    in_: list[str] = Field(default_factory=list, alias="in")  # searched text fields
    where: list[str] = []  # fixed conditions on `it` (a view: active orders)
    joins: dict[str, str] = {}  # get, list, search: more to show and search of a row, name -> expression over `it`
    sort: str | None = None  # field, "-field" for descending
    paging: Paging | Literal["offset", "page", "cursor", "none"] = "none"
    shows: list[str] | None = None
    init: dict[str, str] = {}  # create: field -> expression
    to: str | None = None  # move: target state
    left: str | None = None  # relate, unrelate: ref field of the link entity `of`
    right: str | None = None
    measure: str | None = None  # aggregate: "sum of total" (mean, median, min, max), or an expression over `found`
    group: str | None = None
    require: list[Require] = []
    then: list[dict[str, Any]] = []  # core statements after the effect
    gives: str | None = None  # result expression
    do: list[dict[str, Any]] | None = None  # op "do": body of core statements
    cases: dict[str, ToolSpec] | None = None  # choose
    field: str | None = None  # transfer: the amount's field in both rows; edit: the text field
    how: Literal["append", "prepend", "replace", "replace_one", "insert", "lines"] | None = None  # edit
    every: str | None = None  # series: width of its steps where no parameter says; default the entity's step
    clear: bool = False  # session: sets every field to null (log out)
    batch_over: str | None = None  # a parameter that holds a list: the operation is done for each of its items
    batch: Literal["all_or_nothing", "skip", "stop"] = "all_or_nothing"  # what an item that fails does to the others
    idempotent_by: str | None = None  # create, job, send: parameter of role `idempotency`
    envelope: Envelope | None = None
    input_schema: dict[str, Any] | None = None  # kept where it was seen on a real server; else derived from params
    output_schema: dict[str, Any] | None = None  # {}: none is declared; results are checked against the derived one
    effect: Literal["read", "write"] | None = None  # derived from op where absent
    side: Literal["assistant", "user"] = "assistant"  # user: only the user's side of the state; never offered
    annotations: dict[str, Any] = {}
    parents: list[str] = []  # tool ids this one grew from
    source: str | None = None  # name of the real tool on the root server (lifted tools)

    @field_validator("paging", mode="before")
    @classmethod
    def _paging(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @property
    def writes(self) -> bool:
        if self.effect is not None:
            return self.effect == "write"
        if self.op == "session" and self.clear:
            return True
        if self.op in ("setting", "session"):
            return any(p.role == "field" for p in (self.params or {}).values()) or bool(self.needs or self.may)
        if self.op == "choose":
            return any(c.writes for c in (self.cases or {}).values())
        if self.op == "do":
            return _body_writes(self.do or [])
        return self.op not in READ_OPS


def _body_writes(body: Any) -> bool:
    return any(
        stmt.keys() & {"insert", "set", "delete"} or any(_body_writes(stmt.get(k)) for k in ("do", "otherwise"))
        for stmt in statements_of(body)
    )


def statements_of(body: Any) -> list[dict[str, Any]]:
    """The statements of a body that may not be well-formed yet."""
    return [stmt for stmt in body if isinstance(stmt, dict)] if isinstance(body, list) else []


class ErrorSpec(Spec):
    status: int = 400
    say: str  # template over bound names: "{entity} {id} does not exist"


class Conserved(Spec):
    """A sum that no call changes: "sum of Account.balance". `terms` count together, one with a leading minus is taken
    away; tools in `except` may change it (deposits, fees that leave the world)."""

    terms: list[str] = Field(min_length=1)
    except_: list[str] = Field(default_factory=list, alias="except")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"terms": [value]} if isinstance(value, str) else value


class Event(Spec):
    """What the world does by itself: `after` ticks (one per call) after a call left a row of `of` in a condition, and
    while the row is still in it, fields that only the system sets take new values. Start rows wait for a first
    write."""

    of: str
    when: str  # condition on `it`
    after: int = Field(default=1, ge=1, le=10_000)
    to: dict[str, str]  # field -> expression over `it`, `now` and the tables


class Policy(Spec):
    """A rule of the domain. `tool`: the call fails; `assistant`: the call would work, the judge looks."""

    id: str
    guards: list[str]
    allow_if: str
    when: str | None = None
    needs_facts: list[str] = []
    otherwise: Literal["refuse", "transfer", "ask", "offer"] = "refuse"
    held_by: Literal["tool", "assistant"] = "assistant"
    text: str


class World(Spec):
    """One application domain, whole."""

    world: str  # short identifier
    title: str = ""  # spoken name of the application
    category: str = ""
    domain: str = ""
    server: str | None = None
    clock: str = "2026-03-02T09:00:00"
    entities: dict[str, Entity]
    tables: dict[str, Any] = {}  # constants: fee matrices, allowances
    tools: dict[str, ToolSpec]
    errors: dict[str, ErrorSpec] = {}
    error_style: Literal["plain", "http", "coded"] = "plain"
    closed: bool = True  # schemas say that unknown arguments are refused (they are refused either way)
    policies: list[Policy] = []
    events: list[Event] = []
    conserve: list[Conserved] = []
    shared: dict[str, list[dict[str, Any]]] = {}
    roots: list[str] = []  # real servers at the end of every lineage path
    operators: list[str] = []

    @model_validator(mode="after")
    def _links(self) -> World:
        from synth.worlds.speccheck import check_world  # it needs the classes of this module

        check_world(self)
        return self

    @classmethod
    def load(cls, spec: Any, where: str = "world") -> World:
        """Validate `spec`; the first problem becomes one SpecError with its path."""
        try:
            return cls.model_validate(spec)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            path = ".".join([where, *(str(p) for p in first["loc"])])
            raise SpecError(path, first["msg"].removeprefix("Value error, ")) from None

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the surface form as it is ordered, computed once: rows are drawn, and fields shown, in that order, so
        two worlds that differ in it alone are no replacement for one another."""
        return hashlib.sha256(json.dumps(self.dump(), ensure_ascii=False).encode()).hexdigest()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A changed copy has a fingerprint of its own."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("fingerprint", None)
        return copied

    def dump(self) -> dict[str, Any]:
        """JSON-ready surface form without defaults; `World.load(w.dump()) == w`."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def restricting(spec: FieldSpec) -> list[str]:
    """Entities whose rows cannot be deleted while a value of this type names them."""
    if spec.type == "ref":
        return [str(spec.to)] if spec.on_delete == "restrict" else []
    return [t for f in (spec.fields or {}).values() for t in restricting(f)]


def targets(spec: FieldSpec) -> list[str]:
    """Entities that values of this type refer to, at any depth."""
    if spec.type == "ref":
        return [str(spec.to)]
    inner = [t for f in (spec.fields or {}).values() for t in targets(f)]
    return [spec.of[4:], *inner] if isinstance(spec.of, str) and spec.of.startswith("ref ") else inner
