"""The second half of expressions: a syntax tree becomes a closure and a type.

Types are short texts: any, null, bool, int, number, text, record, list:T, row:Entity, table:Entity. `any` agrees with
everything; the check refuses only what is known to be wrong.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from synth.errors import SpecError
from synth.worlds.expr import Closure, Env, Node, Scope, parse
from synth.worlds.functions import FUNCTIONS, Function, call_function, sort_key
from synth.worlds.operators import OPERATORS, is_number
from synth.worlds.trees import above, below

_MATCHES = 0.5  # score from which a row counts as found


class Fuel(Exception):
    """A call visited more rows than it may; becomes the declared error `too_large`."""


def burn(env: Env, amount: int) -> None:
    fuel = env["$fuel"]
    fuel[0] -= amount
    if fuel[0] < 0:
        raise Fuel


def _bad(node: Node, message: str) -> SpecError:
    return SpecError(f"column {node.at + 1}", message)


def _near(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def element(kind: str) -> str:
    """Type of the elements of a list type."""
    return kind[5:] if kind.startswith("list:") else "any"


def not_a_list(kind: str) -> bool:
    """Whether a type is known to be something else than a list."""
    return kind in ("int", "number", "bool", "text") or kind.startswith(("table:", "row:"))


def listed(kind: str) -> str:
    """The type of a list whose parts are of this type, flattened: members that are no lists fall away."""
    return kind if kind.startswith("list:") else "list:any"


NUMERIC = {"int", "number"}


def compatible(a: str, b: str) -> bool:
    """Whether values of the two types can be compared."""
    if a == b or "any" in (a, b) or "null" in (a, b):
        return True
    if a in NUMERIC and b in NUMERIC:
        return True
    head_a, head_b = a.split(":")[0], b.split(":")[0]
    return head_a == head_b or {head_a, head_b} <= {"record", "row"}


def compile_expr(text: str, scope: Scope, where: str = "") -> tuple[Closure, str]:
    """Check `text` in `scope` and compile it. Returns (closure over an environment, inferred type). The environment
    binds every name of the scope; entity names are read from `env["$state"]`, work is charged to `env["$fuel"]`."""
    try:
        return compile_node(parse(text), scope)
    except SpecError as error:
        suffix = "" if text in error.message else f" in `{text}`"
        raise SpecError(f"{where}, {error.path}" if where else error.path, error.message + suffix) from None


def compile_node(node: Node, scope: Scope) -> tuple[Closure, str]:
    """One node as a closure, and its type. What holds no name is computed here, once."""
    run, kind = _COMPILERS[node.kind](node, scope)
    if node.kind in _FOLDED and _constant(node):
        value = run({})
        return (lambda env: value), kind
    return run, kind


_FOLDED = frozenset({"list", "rec", "op", "not", "neg", "if"})  # calls may differ in what they share; they stay


def _constant(node: Any) -> bool:
    """Whether a tree holds literals only."""
    if isinstance(node, Node):
        return node.kind == "lit" or (node.kind in _FOLDED and all(_constant(p) for p in node.parts))
    if isinstance(node, tuple):
        return all(_constant(p) for p in node)
    return True  # a name of a field, an operator


def _lit(node: Node, scope: Scope) -> tuple[Closure, str]:
    value = node.parts[0]
    kind = (
        "null" if value is None else "bool" if isinstance(value, bool) else "int" if isinstance(value, int)
        else "number" if isinstance(value, float) else "text"
    )  # fmt: skip
    return (lambda env: value), kind


def _name(node: Node, scope: Scope) -> tuple[Closure, str]:
    name = node.parts[0]
    if name in scope.types:
        return operator.itemgetter(name), scope.types[name]
    if name in scope.entities:
        return (lambda env: name), f"table:{name}"
    raise _bad(node, f"unknown name `{name}`" + _near(name, [*scope.types, *scope.entities]))


def _dot(node: Node, scope: Scope) -> tuple[Closure, str]:
    target, kind = compile_node(node.parts[0], scope)
    name = node.parts[1]
    out = "any"
    if kind.startswith("row:"):
        fields = scope.entities.get(kind[4:], {})
        if name not in fields:
            raise _bad(node, f"{kind[4:]} has no field `{name}`" + _near(name, list(fields)))
        out = fields[name]
    elif kind in ("bool", "int", "number", "text") or kind.startswith(("list:", "table:")):
        raise _bad(node, f"a {kind.split(':')[0]} has no fields (`.{name}`)")

    return _member(node.parts[0], target, name), out


def _member(node: Node, target: Closure, name: str) -> Closure:
    """`target.name`; what stands under a plain name is read straight."""
    if node.kind == "name":
        holder = node.parts[0]

        def direct(env: Env) -> Any:
            row = env[holder]
            return row.get(name) if isinstance(row, dict) else None

        return direct

    def run(env: Env) -> Any:
        row = target(env)
        return row.get(name) if isinstance(row, dict) else None

    return run


def _at(node: Node, scope: Scope) -> tuple[Closure, str]:
    target, kind = compile_node(node.parts[0], scope)
    index, ikind = compile_node(node.parts[1], scope)
    if kind.startswith("table:"):
        entity = kind[6:]

        def lookup(env: Env) -> Any:
            key = index(env)
            burn(env, 1)
            return env["$state"].tables[entity].rows.get(key) if isinstance(key, str | int | tuple) else None

        return lookup, f"row:{entity}"
    if kind.startswith("list:") and not compatible(ikind, "int"):
        raise _bad(node, f"a list is indexed by an int, not {ikind}")
    if kind.startswith("row:") and ikind == "text" and node.parts[1].kind == "lit":
        return _member(node.parts[0], target, node.parts[1].parts[0]), "any"

    def run(env: Env) -> Any:
        value, at = target(env), index(env)
        if isinstance(value, dict):
            return value.get(at) if isinstance(at, str) else None
        if isinstance(value, tuple | list | str) and isinstance(at, int) and not isinstance(at, bool):
            return value[at] if -len(value) <= at < len(value) else None
        return None

    return run, element(kind) if kind.startswith("list:") else "any"


def _if(node: Node, scope: Scope) -> tuple[Closure, str]:
    test, _ = compile_node(node.parts[0], scope)
    yes, a = compile_node(node.parts[1], scope)
    no, b = compile_node(node.parts[2], scope)
    return (
        lambda env: yes(env) if test(env) is True else no(env)
    ), a if a == b else b if a == "null" else a if b == "null" else "any"


def _not(node: Node, scope: Scope) -> tuple[Closure, str]:
    inner, kind = compile_node(node.parts[0], scope)
    if not compatible(kind, "bool"):
        raise _bad(node, f"`!` needs a bool, not {kind}")

    def run(env: Env) -> Any:
        value = inner(env)
        return None if value is None else value is not True

    return run, "bool"


def _neg(node: Node, scope: Scope) -> tuple[Closure, str]:
    inner, kind = compile_node(node.parts[0], scope)
    if kind not in (*NUMERIC, "any", "null"):
        raise _bad(node, f"`-` needs a number, not {kind}")
    return (lambda env: -v if is_number(v := inner(env)) else None), kind


def _op(node: Node, scope: Scope) -> tuple[Closure, str]:
    op, left, right = node.parts
    a, ka = compile_node(left, scope)
    b, kb = compile_node(right, scope)
    if op in ("&&", "||"):
        for kind in (ka, kb):
            if not compatible(kind, "bool"):
                raise _bad(node, f"`{op}` needs bools, not {kind}")
        if op == "&&":
            return (lambda env: a(env) is True and b(env) is True), "bool"
        return (lambda env: a(env) is True or b(env) is True), "bool"
    out = _op_type(node, op, ka, kb)
    if op in ("==", "!=") and "text" in (ka, kb):  # no text equals a bool or a number
        return (lambda env: a(env) == b(env)) if op == "==" else (lambda env: a(env) != b(env)), out
    run = OPERATORS[op]
    return (lambda env: run(a(env), b(env))), out


def _op_type(node: Node, op: str, ka: str, kb: str) -> str:
    if op == "in":
        if kb in ("int", "number", "bool"):
            raise _bad(node, f"`in` needs a list, record or text on its right, not {kb}")
        return "bool"
    if op in ("==", "!=", "<", "<=", ">", ">="):
        if not compatible(ka, kb):
            raise _bad(node, f"`{op}` compares {ka} with {kb}")
        if op not in ("==", "!=") and "bool" in (ka, kb):
            raise _bad(node, f"`{op}` compares numbers or texts, not bools")
        return "bool"
    if op == "+" and (ka == kb == "text" or {ka, kb} == {"text", "any"}):
        return "text"
    if op == "+" and (ka.startswith("list:") or kb.startswith("list:")) and compatible(ka, kb):
        return ka if ka != "any" else kb
    for kind in (ka, kb):
        if kind not in (*NUMERIC, "any", "null"):
            raise _bad(node, f"`{op}` needs numbers, not {ka} and {kb}")
    if op == "/":
        return "number"
    return "int" if ka == kb == "int" else "any" if "any" in (ka, kb) else "number"


def _list(node: Node, scope: Scope) -> tuple[Closure, str]:
    parts = [compile_node(n, scope) for n in node.parts[0]]
    kinds = {k for _, k in parts}
    runs = [r for r, _ in parts]
    return (lambda env: tuple(r(env) for r in runs)), "list:" + (kinds.pop() if len(kinds) == 1 else "any")


def _rec(node: Node, scope: Scope) -> tuple[Closure, str]:
    parts = [(name, compile_node(n, scope)[0]) for name, n in node.parts[0]]

    def run(env: Env) -> Any:
        out: dict[str, Any] = {}
        for name, value in parts:
            if name is not None:
                out[name] = value(env)
            else:
                spread = value(env)
                if isinstance(spread, dict):
                    out.update(spread)
        return out

    return run, "record"


def _call(node: Node, scope: Scope) -> tuple[Closure, str]:
    name, arg_nodes = node.parts
    if name in ("walk", "path"):
        return _tree_call(node, scope)
    if name in ("rows", "by", "next"):
        return _table_call(node, scope)
    fn = FUNCTIONS.get(name)
    if fn is None:
        raise _bad(node, f"unknown function `{name}`" + _near(name, [*FUNCTIONS, "rows", "by", "walk", "path"]))
    if not fn.least <= len(arg_nodes) <= fn.most:
        raise _bad(
            node,
            f"`{name}` takes {fn.least}{f' to {fn.most}' if fn.most != fn.least else ''} arguments, "
            f"not {len(arg_nodes)}",
        )
    parts = [compile_node(n, scope) for n in arg_nodes]
    runs = [r for r, _ in parts]
    kind = parts[0][1] if fn.result == "same" and parts else fn.result
    return _called(name, fn, runs), kind


def _called(name: str, fn: Function, runs: list[Closure]) -> Closure:
    """A call of `fn`; the commonest without the detour."""
    if name == "has":
        (only,) = runs
        return lambda env: only(env) is not None
    if name == "coalesce":

        def coalesce(env: Env) -> Any:
            for run in runs:
                value = run(env)
                if value is not None:
                    return value
            return None

        return coalesce
    if name == "size":
        (sized,) = runs
        return lambda env: len(v) if isinstance(v := sized(env), tuple | str | dict | list) else None
    if len(runs) == 1 and fn.strict:
        (one,) = runs
        return lambda env: None if (v := one(env)) is None else call_function(fn, [v])
    return lambda env: call_function(fn, [r(env) for r in runs])


def _table_call(node: Node, scope: Scope) -> tuple[Closure, str]:
    name, args = node.parts
    want = {"rows": 1, "by": 3}.get(name)
    if want is None:
        raise _bad(node, f"unknown function `{name}`")
    if len(args) != want or args[0].kind != "name" or args[0].parts[0] not in scope.entities:
        raise _bad(node, f"`{name}` takes an entity{', a field and a value' if want == 3 else ''}")
    entity = args[0].parts[0]
    if name == "rows":

        def all_rows(env: Env) -> Any:
            found = tuple(env["$state"].tables[entity].rows.values())
            burn(env, len(found))
            return found

        return all_rows, f"list:row:{entity}"
    fields = scope.entities[entity]
    if args[1].kind not in ("name", "lit") or args[1].parts[0] not in fields:
        raise _bad(args[1], f"{entity} has no field `{args[1].parts[0] if args[1].parts else ''}`")
    field = args[1].parts[0]
    value, kind = compile_node(args[2], scope)
    if not compatible(kind, fields[field]):
        raise _bad(args[2], f"{entity}.{field} is {fields[field]}, not {kind}")

    def indexed(env: Env) -> Any:
        found = env["$state"].tables[entity].by(field, value(env))
        burn(env, 1 + len(found))
        return found

    return indexed, f"list:row:{entity}"


def _tree_call(node: Node, scope: Scope) -> tuple[Closure, str]:
    """`walk(E, key)`: the row and all below it; `path(E, key)`: from the top down to the row."""
    name, args = node.parts
    if len(args) != 2 or args[0].kind != "name" or "$parent" not in scope.entities.get(args[0].parts[0], {}):
        raise _bad(node, f"`{name}` takes an entity that declares its `tree`, and a key")
    entity = args[0].parts[0]
    parent, key_field = scope.entities[entity]["$parent"], scope.entities[entity]["$key"]
    key, _ = compile_node(args[1], scope)

    def run(env: Env) -> Any:
        at = key(env)
        if at is None or isinstance(at, dict | list):
            return ()
        state = env["$state"]
        found = below(state, entity, parent, key_field, at) if name == "walk" else above(state, entity, parent, at)
        burn(env, 1 + len(found))
        return found

    return run, f"list:row:{entity}"


def _method(node: Node, scope: Scope) -> tuple[Closure, str]:
    name, target_node, args = node.parts
    target, kind = compile_node(target_node, scope)
    if name in ("omit", "pick"):
        names = [_literal_text(a) for a in args]
        if name == "omit":
            return (lambda env: {k: v for k, v in _record(target(env)).items() if k not in names}), "record"
        return _pick(target, names), "record"
    if name in ("first", "sum", "count", "min", "max", "sort", "flat") and not args:
        if not_a_list(kind):
            raise _bad(node, f".{name}() needs a list, not {kind.split(':')[0]}")
        return _plain_aggregate(name, target, kind)
    if name in FUNCTIONS:  # text.lower() reads better than lower(text); both mean the same
        return _call(Node("call", node.at, (name, (target_node, *args))), scope)
    raise _bad(node, f"unknown method `.{name}()`")


def _pick(target: Closure, names: list[str]) -> Closure:
    def run(env: Env) -> Any:
        row = target(env)
        return {k: row[k] for k in names if k in row} if isinstance(row, dict) else {}

    return run


def _literal_text(node: Node) -> str:
    if node.kind == "lit" and isinstance(node.parts[0], str):
        return node.parts[0]
    if node.kind == "name":
        return str(node.parts[0])
    raise _bad(node, "expected a field name")


def _record(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> tuple[Any, ...] | list[Any]:
    return value if isinstance(value, tuple | list) else ()


def _plain_aggregate(name: str, target: Closure, kind: str) -> tuple[Closure, str]:
    elem = element(kind)
    if name == "first":
        return (lambda env: xs[0] if (xs := _items(target(env))) else None), elem
    if name == "count":
        return (lambda env: len(_items(target(env)))), "int"
    if name == "sum":
        return (lambda env: sum(x for x in _items(target(env)) if is_number(x))), elem if elem in NUMERIC else "any"
    if name == "sort":
        return (lambda env: tuple(sorted(_items(target(env)), key=sort_key))), listed(kind)
    if name == "flat":
        return (lambda env: tuple(y for x in _items(target(env)) for y in _items(x))), listed(elem)
    pick = min if name == "min" else max
    return (
        lambda env: pick(xs, key=sort_key) if (xs := [x for x in _items(target(env)) if x is not None]) else None
    ), elem


def _bind(node: Node, scope: Scope) -> tuple[Closure, str]:
    name, target_node, var, body_node, extra = node.parts
    target, kind = compile_node(target_node, scope)
    if not_a_list(kind) and name != "map_values":
        raise _bad(node, f".{name}() needs a list, not {kind.split(':')[0]}")
    if var in scope.entities:
        raise _bad(node, f"`{var}` is an entity; name the variable otherwise")
    body, body_kind = compile_node(body_node, scope.with_(**{var: element(kind)}))
    if extra is not None:
        raise _bad(node, f".{name}() takes a variable and one expression")

    def each(env: Env) -> Any:
        """(item, body value) pairs; the variable lives in a child environment so that outer names stay as they were."""
        items = _items(target(env))
        burn(env, len(items))
        inner = dict(env)
        for item in items:
            inner[var] = item
            yield item, body(inner)

    elem = element(kind)
    if name == "map_values":
        return _map_values(target, var, body), "record"
    if name == "map":
        return _mapped(target, var, body), f"list:{body_kind}"
    if name == "rank":
        return _ranked(target, var, body), listed(kind)
    if name == "filter":
        return (lambda env: tuple(x for x, v in each(env) if v is True)), listed(kind)
    if name == "all":
        return (lambda env: all(v is True for _, v in each(env))), "bool"
    if name == "exists":
        return (lambda env: any(v is True for _, v in each(env))), "bool"
    if name == "first":
        return (lambda env: next((x for x, v in each(env) if v is True), None)), elem
    if name == "count":
        return (lambda env: sum(1 for _, v in each(env) if v is True)), "int"
    if name == "sum":
        return (lambda env: sum(v for _, v in each(env) if is_number(v))), body_kind if body_kind in NUMERIC else "any"
    if name in ("min", "max"):
        pick = min if name == "min" else max
        return (
            lambda env: (
                pick(ps, key=lambda p: sort_key(p[1]))[0]
                if (ps := [p for p in each(env) if p[1] is not None])
                else None
            )
        ), elem
    if name == "sort":
        return (lambda env: tuple(x for x, _ in sorted(each(env), key=lambda p: sort_key(p[1])))), listed(kind)
    if name == "flat":
        return (lambda env: tuple(y for _, v in each(env) for y in _items(v))), listed(body_kind)
    if name == "index":
        return (lambda env: {str(v): x for x, v in each(env) if v is not None}), "record"
    return _group(each), "record"


def _mapped(target: Closure, var: str, body: Closure) -> Closure:
    def run(env: Env) -> Any:
        items = _items(target(env))
        burn(env, len(items))
        inner = env.copy()
        out = []
        for item in items:
            inner[var] = item
            out.append(body(inner))
        return tuple(out)

    return run


def _ranked(target: Closure, var: str, body: Closure) -> Closure:
    """The items whose score is at least `_MATCHES`, best first, ties as they came."""

    def run(env: Env) -> Any:
        items = _items(target(env))
        burn(env, len(items))
        inner = env.copy()
        scored = []
        for item in items:
            inner[var] = item
            score = body(inner)
            if is_number(score) and score >= _MATCHES:
                scored.append((score, item))
        scored.sort(key=lambda pair: -pair[0])
        return tuple(item for _, item in scored)

    return run


def _map_values(target: Closure, var: str, body: Closure) -> Closure:
    def run(env: Env) -> Any:
        record = _record(target(env))
        burn(env, len(record))
        inner = dict(env)
        out: dict[str, Any] = {}
        for name, value in record.items():
            inner[var] = value
            out[name] = body(inner)
        return out

    return run


def _group(each: Callable[[Env], Any]) -> Closure:
    def run(env: Env) -> Any:
        out: dict[str, tuple[Any, ...]] = {}
        for item, value in each(env):
            name = "null" if value is None else str(value)
            out[name] = (*out.get(name, ()), item)
        return out

    return run


_COMPILERS: dict[str, Callable[[Node, Scope], tuple[Closure, str]]] = {
    "lit": _lit, "name": _name, "dot": _dot, "at": _at, "if": _if, "not": _not, "neg": _neg, "op": _op, "list": _list,
    "rec": _rec, "call": _call, "method": _method, "bind": _bind,
}  # fmt: skip
