"""Lowering of the operations that write: rows, settings, moves and links."""

from __future__ import annotations

from synth.worlds import schema as sch
from synth.worlds.lower_parts import Parts, Stmt
from synth.worlds.params import arg, quote
from synth.worlds.spec import restricting


class Writes(Parts):
    """One method per writing operation."""

    def insert(self) -> Stmt:
        named = {str(p.field): n for n, p in self.by_role("idempotency").items()}
        return {
            "insert": self.tool.of,
            "given": self.payload() | self.own_keys() | named,
            "row": dict(self.tool.init),
            "as": "it",
        }

    def op_create(self) -> list[Stmt]:
        assert self.entity is not None
        checks = [*self.load_others(), *self.check_payload(None)]
        if not self.entity.generated_key:
            checks.append({
                "require": f"{self.tool.of}[{self.key_expr()}] == null", "else": self.error("duplicate"),
                "with": {"field": quote(self.entity.keys[0]), "value": self.key_expr()},
            })  # fmt: skip
        closing = self.returns("it", self.echo())
        return [
            *self.asked_before(closing[-1]), *checks, *self.gates(), *self.dry_run(), self.insert(), *closing,
        ]  # fmt: skip

    def asked_before(self, answer: Stmt) -> list[Stmt]:
        """The same request again (by its idempotency key) gives the row it made; another one with that key fails."""
        out: list[Stmt] = []
        for n, p in self.by_role("idempotency").items():
            same: list[Stmt] = [
                {
                    "require": f"!has({arg(given)}) || it[{quote(field)}] == {arg(given)}",
                    "else": self.error("key_reused"), "with": {"value": arg(n)},
                }
                for field, given in self.payload().items()
            ]  # fmt: skip
            out += [
                {"let": {"it": f"by({self.tool.of}, {quote(str(p.field))}, {arg(n)}).first()"}},
                {"when": f"has({arg(n)}) && it != null", "do": [*same, answer]},
            ]
        return out

    op_send = op_create

    def set_given(self) -> Stmt:
        return {"set": "it", "of": self.tool.of, "given": self.payload(), "to": dict(self.tool.init)}

    def op_update(self) -> list[Stmt]:
        return [
            *self.load(),
            *self.check_payload("it"),
            *self.gates(),
            *self.dry_run(),
            self.set_given(),
            *self.returns("it", self.echo()),
        ]

    def op_setting(self) -> list[Stmt]:
        if not self.payload():
            return [*self.load(), *self.gates(), *self.returns("it", self.all_fields())]
        return self.op_update()

    def op_upsert(self) -> list[Stmt]:
        assert self.entity is not None
        checks = [*self.load_others(), *self.check_payload(None)]
        if self.entity.generated_key:
            names = list(self.own_keys().values())
            key = arg(names[0]) if names else "null"
            checks = [
                *self.load_others(),
                {"let": {"it": f"{self.tool.of}[{key}]"}},
                {"require": f"!has({key}) || it != null", "else": self.error("not_found") if names else "not_found"},
                *self.check_payload("it"),
            ]
        else:
            checks = [
                *self.load_others(),
                {"let": {"it": f"{self.tool.of}[{self.key_expr()}]"}},
                *self.check_payload("it"),
            ]
        branch: Stmt = {"when": "it == null", "do": [self.insert()], "otherwise": [self.set_given()]}
        return [*checks, *self.gates(), *self.dry_run(), branch, *self.returns("it", self.echo())]

    def op_copy(self) -> list[Stmt]:
        return [
            *self.load(), *self.check_payload(None), *self.gates(), *self.dry_run(),
            {"insert": self.tool.of, "like": "it", "given": self.payload(), "row": dict(self.tool.init), "as": "it"},
            *self.returns("it", self.all_fields()),
        ]  # fmt: skip

    def op_delete(self) -> list[Stmt]:
        out = [*self.load(), *self.gates(), *self.dry_run()]
        for name, entity in self.world.entities.items():
            if entity.virtual:  # it stores nothing that could be in the way
                continue
            guarded = any(f"by({name}," in r.that for r in self.tool.require)  # the tool's own rule speaks first
            if not guarded and any(self.tool.of in restricting(f) for f in entity.fields.values()):
                self.error("in_use")
        key = self.first_key()
        if self.tool.gives is None:
            props: sch.Schema = {"deleted": {"type": "boolean"}, key: sch.key_schema(self.world, str(self.tool.of))}
            self.output = {"type": "object", "properties": props, "required": ["deleted", key]}
            if self.by_role("dry_run"):
                self.output = {"type": "object"}
        gives = self.tool.gives or f"{{deleted: true, {quote(key)}: it[{quote(key)}]}}"
        return [*out, {"delete": "it", "of": self.tool.of}, *self.tool.then, {"return": gives}]

    def op_move(self) -> list[Stmt]:
        assert self.entity is not None and self.entity.lifecycle is not None
        field = self.entity.lifecycle.field
        if self.tool.to is None:
            return self.op_update()
        set_: Stmt = {
            "set": "it",
            "of": self.tool.of,
            "given": self.payload(),
            "to": {**self.tool.init, field: quote(self.tool.to)},
        }
        return [
            *self.load(), *self.check_payload("it"), *self.gates(), self.move_check("it", quote(self.tool.to)),
            *self.dry_run(), set_, *self.returns("it", self.echo()),
        ]  # fmt: skip

    def link(self) -> tuple[list[Stmt], str]:
        assert self.entity is not None
        left, right = str(self.tool.left), str(self.tool.right)
        keys = {**self.payload(), **self.own_keys()}
        a, b = arg(keys[left]), arg(keys[right])
        out: list[Stmt] = []
        for field, value in ((left, a), (right, b)):
            target = str(self.entity.fields[field].to)
            out.append(
                {
                    "require": f"{target}[{value}] != null",
                    "else": self.error("not_found"),
                    "with": {"entity": quote(target), "id": value},
                }
            )
        return out, f"by({self.tool.of}, {quote(left)}, {a}).first(row, row[{quote(right)}] == {b})"

    def op_relate(self) -> list[Stmt]:
        checks, found = self.link()
        checks.append({"require": f"{found} == null", "else": self.error("already_linked")})
        return [
            *checks,
            *self.gates(),
            *self.dry_run(),
            self.insert(),
            *self.returns("it", [str(self.tool.left), str(self.tool.right)]),
        ]

    def op_unrelate(self) -> list[Stmt]:
        checks, found = self.link()
        left, right = str(self.tool.left), str(self.tool.right)
        out = [*checks, {"let": {"it": found}}, {"require": "it != null", "else": self.error("not_linked")}]
        if self.tool.gives is None:
            props = sch.view_schema(self.world, str(self.tool.of), [left, right])["properties"]
            self.output = {
                "type": "object",
                "properties": {"removed": {"type": "boolean"}, **props},
                "required": ["removed", left, right],
            }
        gives = (
            self.tool.gives
            or f"{{removed: true, {quote(left)}: it[{quote(left)}], {quote(right)}: it[{quote(right)}]}}"
        )
        return [*out, *self.gates(), {"delete": "it", "of": self.tool.of}, *self.tool.then, {"return": gives}]
