"""Surface operations are lowered to core statements; those alone run.

`explicit(world, tool)` spells out the short forms (needs, may, filters, in, paging) as parameters with roles.
`lower(world, name, tool)` gives the core body, the declared errors and the result's schema. Error codes are derived
from what can go wrong (keys, references, uniqueness, lifecycles, `require`), never invented, so that admission can
reach each.
"""

from __future__ import annotations

from typing import NamedTuple

from synth.errors import SpecError
from synth.worlds import schema as sch
from synth.worlds.lower_more import Batches, Changes, Series
from synth.worlds.lower_parts import Stmt
from synth.worlds.params import arg, explicit, one_item, quote
from synth.worlds.spec import Param, ToolSpec, World


class Lowered(NamedTuple):
    """A tool ready to compile. `body` is JSON: core statements over `args`, `now` and the tables."""

    params: dict[str, Param]
    body: list[Stmt]
    errors: list[str]
    input_schema: sch.Schema
    output_schema: sch.Schema | None
    item_errors: list[str]  # batch: codes that stand in an item's entry, where the call itself goes on
    own: int = 0  # statements at the end of the body that stand in the tool's `do`


def lower(world: World, tool: ToolSpec, name: str = "") -> Lowered:
    """Lower one tool; what is wrong shows when it is compiled. `name` finds the policies that guard it."""
    params = explicit(world, tool)
    build = Lowering(world, tool, params, name)
    body = build.body()
    own = len(tool.do or []) if tool.op == "do" else 0
    schema = sch.input_schema(world, tool, params)
    return Lowered(params, body, build.errors, schema, tool.output_schema or build.output, build.item_errors, own)


class Lowering(Series, Changes, Batches):
    """One method per operation, found by name."""

    def body(self) -> list[Stmt]:
        if self.tool.batch_over is not None:
            spec, params = one_item(self.tool, self.params)
            inner = Lowering(self.world, spec, params, self.name)
            return self.batched(inner, inner.body())
        method = getattr(self, f"op_{self.tool.op}")
        out = [*self.check_types(), *method()]
        for code in _codes(self.tool.then):
            self.error(code)
        return out

    def op_choose(self) -> list[Stmt]:
        action = next(iter(self.by_role("action")), str(self.tool.by))
        out: list[Stmt] = []
        schemas: list[sch.Schema] = []
        for case_name, case in (self.tool.cases or {}).items():
            params = explicit(self.world, case)
            inner = Lowering(self.world, case, params, self.name)
            needed = [n for n, p in params.items() if p.required]
            guards: list[Stmt] = [
                {
                    "require": f"has({arg(n)})",
                    "else": self.error("missing_argument"),
                    "with": {"name": quote(self.shown(n))},
                }
                for n in needed
            ]  # fmt: skip
            body = [*guards, *inner.body()]
            for code in inner.errors:
                self.error(code)
            schemas.append(case.output_schema or inner.output or {})
            out.append({"when": f"{arg(action)} == {quote(case_name)}", "do": body})
        self.output = {"anyOf": schemas} if all(schemas) else None
        return out

    def shown(self, name: str) -> str:
        """A parameter as a caller knows it."""
        p = self.params.get(name)
        return p.at[-1] if p is not None and p.at else name

    def op_do(self) -> list[Stmt]:
        """A body of its own. With `of`, the row named by the key is loaded into `it` first."""
        keyed = self.entity is not None and (self.entity.singleton or self.own_keys())
        loads = self.load() if keyed else self.load_others()
        body = self.inlined(self.tool.do or [], ())
        for code in _codes(body):
            self.error(code)
        return [*loads, *self.gates(), *self.dry_run(), *body]

    def inlined(self, body: list[Stmt], using: tuple[str, ...]) -> list[Stmt]:
        """The body with shared blocks in place of `use`, so that their codes and effects are seen."""
        out: list[Stmt] = []
        for stmt in body:
            name = stmt.get("use")
            if isinstance(name, str):
                if name not in self.world.shared or name in using:
                    why = "uses itself" if name in using else "does not exist"
                    raise SpecError(f"tools.{self.name}", f"the shared block {name} {why}")
                # in one statement, so that the others keep their places
                out.append({"when": "true", "do": self.inlined(self.world.shared[name], (*using, name))})
            else:
                out.append({k: self.inlined(v, using) if k in ("do", "otherwise") else v for k, v in stmt.items()})
        return out


def _codes(body: list[Stmt]) -> list[str]:
    out: list[str] = []
    for stmt in body:
        if isinstance(stmt.get("else"), str):
            out.append(stmt["else"])
        for inner in ("do", "otherwise"):
            out += _codes(stmt.get(inner, []))
    return out
