"""The core statement `batch`: one operation for each item of a list argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from synth.worlds.expr import Env
from synth.worlds.exprcompile import burn
from synth.worlds.rows import ToolError

if TYPE_CHECKING:
    from synth.worlds.core import BodyCompiler

Body = Callable[[Env], tuple[Any] | None]


def do_batch(body: BodyCompiler, stmt: dict[str, Any], path: str, depth: int) -> Callable[[Env], None]:
    """`{batch: NAME, over: PARAM, members: {param: path in the item} | null, mode, do: [...]}`.

    The body runs once per item with `args[PARAM]` standing for the item (or, with `members`, each of these parameters
    read from it). `all_or_nothing`: the first error is the call's. `skip` and `stop`: an item that fails leaves nothing
    behind and is reported; `stop` leaves the rest undone. NAME becomes the list of what the items gave."""
    name, over, mode = stmt["batch"], stmt["over"], stmt["mode"]
    members: dict[str, list[str]] | None = stmt.get("members")
    run = body.block(stmt["do"], f"{path}.do", depth + 1)
    body.bind(name, "list:record")

    def step(env: Env) -> None:
        outer = env["args"]
        values = outer.get(over)
        done: list[Any] = []
        for item in values if isinstance(values, tuple | list) else ():
            burn(env, 1)
            env["args"] = outer | _inner(over, members, item)
            if mode == "all_or_nothing":
                done.append(_value(run(env)))
                continue
            entry = _attempt(env, run)
            done.append(entry if members is not None else {"item": item, **entry})
            if mode == "stop" and not entry["ok"]:
                break
        env["args"] = outer
        env[name] = tuple(done)

    return step


def _attempt(env: Env, run: Body) -> dict[str, Any]:
    """One item on a state of its own, kept where it succeeds."""
    state = env["$state"]
    trial = state.snapshot()
    trial.log = list(state.log or ())
    env["$state"] = trial
    try:
        return {"ok": True, "result": _value(run(env))}
    except ToolError as error:
        env["$state"] = state
        return {"ok": False, "error": error.code, "message": env["$fail"](error.code, **error.bound).message}


def _value(returned: tuple[Any] | None) -> Any:
    return returned[0] if returned else {"ok": True}


def _inner(over: str, members: dict[str, list[str]] | None, item: Any) -> dict[str, Any]:
    if members is None:
        return {over: item}
    return flat_item(item, members)


def flat_item(item: Any, members: Mapping[str, list[str]]) -> dict[str, Any]:
    """`{parameter: value}` of one object of a batch."""
    out: dict[str, Any] = {}
    for name, path in members.items():
        node = item
        for step in path:
            node = node.get(step) if isinstance(node, dict) else None
        if node is not None:
            out[name] = node
    return out


def nest_item(values: Mapping[str, Any], members: Mapping[str, list[str]]) -> dict[str, Any]:
    """The inverse of `flat_item`."""
    out: dict[str, Any] = {}
    for name, value in values.items():
        *path, leaf = members[name]
        node = out
        for step in path:
            node = node.setdefault(step, {})
        node[leaf] = value
    return out
