"""What must agree inside a world: names that other parts mention, and what each operation needs. The first
disagreement is a ValueError whose text begins with its place; `World.load` makes a SpecError of it."""

from __future__ import annotations

from typing import Any

from synth.worlds.conserve import parse_term
from synth.worlds.spec import NAME, Entity, Event, ToolSpec, World, statements_of, targets
from synth.worlds.steps import parse_step


def check_world(world: World) -> None:
    """Raise ValueError at the first name that leads nowhere."""
    for ename, entity in world.entities.items():
        if not NAME.match(ename):
            raise ValueError(f"entities.{ename}: an entity's name is letters, digits and underscores")
        _check_entity(ename, entity, world.entities)
    sessions = [n for n, e in world.entities.items() if e.session]
    if len(sessions) > 1:
        raise ValueError(f"entities.{sessions[1]}.session: {sessions[0]} is the session already")
    for tname, tool in world.tools.items():
        _check_tool(f"tools.{tname}", tool, world)
    for i, event in enumerate(world.events):
        _check_event(f"events[{i}]", event, world.entities)
    for i, kept in enumerate(world.conserve):
        for tname in kept.except_:
            if tname not in world.tools:
                raise ValueError(f"conserve[{i}].except: no tool {tname}")
        for term in kept.terms:
            _check_term(f"conserve[{i}]", term, world)
    for policy in world.policies:
        for guarded in policy.guards:
            if guarded not in world.tools:
                raise ValueError(f"policies.{policy.id}.guards: no tool {guarded}")
        if policy.held_by == "tool" and policy.needs_facts:
            raise ValueError(
                f"policies.{policy.id}: a tool cannot know {policy.needs_facts[0]}; let the assistant hold it"
            )


def _check_entity(name: str, entity: Entity, entities: dict[str, Entity]) -> None:
    for fname, f in entity.fields.items():
        for target in targets(f):
            if target not in entities:
                raise ValueError(f"entities.{name}.fields.{fname}: no entity {target}")
    if not isinstance(entity.key, str):
        for k in entity.key:
            if k not in entity.fields:
                raise ValueError(f"entities.{name}.key: composite key part {k} is not a field")
    for k in entity.keys:
        if k in entity.fields and entity.fields[k].type == "ref" and entity.fields[k].on_delete == "clear":
            raise ValueError(f"entities.{name}.fields.{k}.on_delete: a part of the key cannot be cleared; say cascade")
    cycle = entity.lifecycle
    if cycle is not None:
        state = entity.fields.get(cycle.field)
        if state is None or state.type != "enum" or not isinstance(state.of, list):
            raise ValueError(f"entities.{name}.lifecycle: {cycle.field} is not an enum field")
        for source, ends in cycle.moves.items():
            for s in [source, *ends]:
                if s not in state.of:
                    raise ValueError(f"entities.{name}.lifecycle: {s} is not a member of {cycle.field}")
    if entity.label is not None and entity.label not in entity.fields:
        raise ValueError(f"entities.{name}.label: no field {entity.label}")
    if entity.tree is not None:
        parent = entity.fields.get(entity.tree)
        if parent is None or parent.type != "ref" or parent.to != name or len(entity.keys) > 1:
            raise ValueError(f"entities.{name}.tree: {entity.tree} is not a field of type `ref {name}`")
    if entity.virtual:
        _check_virtual(f"entities.{name}", entity)


def _check_term(where: str, text: str, world: World) -> None:
    term = parse_term(text)
    if term is None:
        raise ValueError(f"{where}: {text!r} is not a sum such as 'sum of Account.balance' or '-sum of Loan.owed'")
    entity = world.entities.get(term.entity)
    spec = entity.fields.get(term.field) if entity is not None and not entity.virtual else None
    if spec is None or spec.type not in ("int", "number", "money"):
        raise ValueError(f"{where}: {term.entity}.{term.field} is no number field of a stored entity")


def _check_virtual(where: str, entity: Entity) -> None:
    moment = entity.fields.get(entity.keys[-1]) if entity.keys else None
    if moment is None or moment.type not in ("date", "time"):
        raise ValueError(f"{where}.key: the last key part of a virtual entity is a date or time field")
    if entity.lifecycle is not None or entity.singleton:
        raise ValueError(f"{where}: a virtual entity stores nothing; it has no lifecycle and is no singleton")
    if parse_step(entity.step) is None:
        raise ValueError(f"{where}.step: {entity.step!r} is not a step such as day, hour, 15min, month")
    for fname, f in entity.fields.items():
        if f.type == "ref" and fname not in entity.keys:
            raise ValueError(f"{where}.fields.{fname}: a virtual row refers to stored rows by its key only")


def _check_event(where: str, event: Event, entities: dict[str, Entity]) -> None:
    entity = entities.get(event.of)
    if entity is None or entity.virtual:
        raise ValueError(f"{where}.of: no stored entity {event.of}")
    for f in event.to:
        spec = entity.fields.get(f)
        if spec is None:
            raise ValueError(f"{where}.to: {event.of} has no field {f}")
        if spec.set_by == "tool":
            raise ValueError(
                f"{where}.to.{f}: what happens by itself is no caller's doing; give the field set_by: system"
            )


def _check_tool(where: str, tool: ToolSpec, world: World) -> None:
    entities = world.entities
    if tool.op in ("compute", "do", "choose"):
        if tool.op == "choose":
            if not tool.cases or not isinstance(tool.by, str):
                raise ValueError(f"{where}: choose needs `by` and `cases`")
            for cname, case in tool.cases.items():
                _check_tool(f"{where}.cases.{cname}", case, world)
        if tool.op == "compute" and tool.gives is None:
            raise ValueError(f"{where}: compute needs `gives`")
        if tool.op == "do" and tool.do is None:
            raise ValueError(f"{where}: op do needs its body in `do`")
        if tool.op == "do" and tool.effect is None and _uses(tool.do or []):
            raise ValueError(f"{where}: a body with `use` says its `effect`, read or write")
        _check_takes(where, tool, entities)
        if tool.of is None:
            return
    if tool.of is None or tool.of not in entities:
        raise ValueError(f"{where}.of: no entity {tool.of}")
    _check_takes(where, tool, entities)
    entity = entities[tool.of]
    known = {*entity.fields, *entity.keys}
    if tool.joins and tool.op not in ("get", "list", "search", "series"):
        raise ValueError(f"{where}.joins: {tool.op} shows no rows; joins are for get, list, search and series")
    for n in tool.joins:
        if n in known:
            raise ValueError(f"{where}.joins: {n} is a field of {tool.of}; name it otherwise")
    for n in [*tool.needs, *tool.may, *tool.filters, *tool.init]:
        if n not in known:
            raise ValueError(f"{where}: {tool.of} has no field {n}")
    for n in [*tool.in_, *(tool.shows or [])]:
        if n not in known and n not in tool.joins:
            raise ValueError(f"{where}: {tool.of} has no field {n}, nor is it among `joins`")
    for pname, p in (tool.params or {}).items():
        owner = entities.get(p.entity) if p.entity else entity
        if owner is None:
            raise ValueError(f"{where}.params.{pname}: no entity {p.entity}")
        if p.field is not None and p.field not in owner.fields and p.field not in owner.keys:
            raise ValueError(f"{where}.params.{pname}: {p.entity or tool.of} has no field {p.field}")
        if p.role in ("field", "filter") and p.field is None:
            raise ValueError(f"{where}.params.{pname}: a {p.role} parameter names its field")
    _check_op(where, tool, entity, world)


def _check_op(where: str, tool: ToolSpec, entity: Entity, world: World) -> None:
    op, of = tool.op, str(tool.of)
    if op == "move" and (entity.lifecycle is None or (tool.to is None and not tool.needs and not tool.params)):
        raise ValueError(f"{where}: move needs a lifecycle on {of} and a target state")
    if op in ("relate", "unrelate") and (tool.left not in entity.fields or tool.right not in entity.fields):
        raise ValueError(f"{where}: {op} needs `left` and `right`, ref fields of the link entity {of}")
    if entity.virtual and op not in ("series", "get"):
        raise ValueError(f"{where}: {of} is virtual; op {op} needs stored rows (use series or get)")
    if op == "series" and not entity.virtual:
        raise ValueError(f"{where}: series needs a virtual entity, {of} is stored (use list)")
    if tool.every is not None and parse_step(tool.every) is None:
        raise ValueError(f"{where}.every: {tool.every!r} is not a step such as day, hour, 15min, month")
    if op == "job" and not any(e.of == of for e in world.events):
        raise ValueError(f"{where}: a job needs an event over {of} that finishes it")
    if op == "transfer":
        for side in (entity, *_sides(tool, world)):
            spec = side.fields.get(tool.field or "")
            if spec is None or spec.type not in ("int", "number", "money"):
                raise ValueError(f"{where}.field: transfer needs a number field of {of} (and of every side) in `field`")
    if op == "edit":
        text = entity.fields.get(tool.field or "")
        if text is None or text.type != "text" or tool.how is None:
            raise ValueError(f"{where}: edit needs a text field of {of} in `field` and what it does in `how`")
    if op == "session" and not entity.singleton:
        raise ValueError(f"{where}: session needs a one-row entity, give {of} session: true")
    if tool.batch_over is not None and tool.params is not None and tool.batch_over not in tool.params:
        raise ValueError(f"{where}.batch_over: no parameter {tool.batch_over}")
    if tool.batch_over is not None and op not in BATCHED:
        raise ValueError(f"{where}.batch_over: op {op} works on one thing; batches are of {', '.join(sorted(BATCHED))}")
    if tool.idempotent_by is not None:
        if op not in ("create", "send", "job"):
            raise ValueError(f"{where}.idempotent_by: only what makes a row (create, send, job) can be asked for twice")
        if tool.params is None and tool.idempotent_by not in entity.fields:
            raise ValueError(f"{where}.idempotent_by: {of} has no field {tool.idempotent_by} to keep it in")


BATCHED = frozenset(
    {"get", "update", "delete", "move", "create", "send", "copy", "upsert", "relate", "unrelate", "job"}
)


def _sides(tool: ToolSpec, world: World) -> list[Entity]:
    return [world.entities[p.entity] for p in (tool.params or {}).values() if p.role == "key" and p.entity]


def _check_takes(where: str, tool: ToolSpec, entities: dict[str, Entity]) -> None:
    for name, spec in tool.takes.items():
        if not NAME.match(name):
            raise ValueError(f"{where}.takes: {name!r} is not a name of letters, digits and underscores")
        for target in targets(spec):
            if target not in entities:
                raise ValueError(f"{where}.takes.{name}: no entity {target}")
            if len(entities[target].keys) > 1:
                raise ValueError(
                    f"{where}.takes.{name}: {target} has a key of several parts; take the parts one by one"
                )


def _uses(body: Any) -> bool:
    return any("use" in stmt or any(_uses(stmt.get(k)) for k in ("do", "otherwise")) for stmt in statements_of(body))
