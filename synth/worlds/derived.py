"""Fields of start rows that follow from others (`derive`): an order's total from its lines, a due date from its start.

Only start rows are derived; afterwards a field is what tools write. Entities are taken so that references point back;
a value that another one changes is computed again, at most PASSES times.
"""

from __future__ import annotations

from synth.errors import SpecError
from synth.worlds.expr import Closure, Scope
from synth.worlds.exprcompile import compile_expr
from synth.worlds.spec import World
from synth.worlds.start import creation_order
from synth.worlds.state import State, freeze

PASSES = 3
_FUEL = 10_000_000  # a start state is made once
Derived = list[tuple[str, str, Closure]]  # (entity, field, expression), in order


def compile_derived(world: World, entities: dict[str, dict[str, str]]) -> Derived:
    """Every `derive` of a world. SpecError with its place where one is wrong."""
    if not any(f.derive for e in world.entities.values() for f in e.fields.values()):
        return []
    out: Derived = []
    for name in creation_order(world):
        entity = world.entities[name]
        scope = Scope({"it": f"row:{name}", "now": "text", **dict.fromkeys(world.tables, "any")}, entities)
        for field, spec in entity.fields.items():
            if spec.derive is None:
                continue
            where = f"entities.{name}.fields.{field}.derive"
            if field in entity.keys:
                raise SpecError(where, "a key is not derived")
            out.append((name, field, compile_expr(spec.derive, scope, where)[0]))
    return out


def derive_rows(world: World, derived: Derived, state: State) -> State:
    """The state with its derived fields computed."""
    now = world.clock.removesuffix("Z") + "Z"
    for _ in range(PASSES if derived else 0):
        changed = False
        for entity, field, run in derived:
            for key, row in list(state.rows(entity).items()):
                value = freeze(run({"it": row, "now": now, **world.tables, "$state": state, "$fuel": [_FUEL]}))
                if value != row[field]:
                    state.put(entity, key, {**row, field: value})
                    changed = True
        if not changed:
            break
    return state
