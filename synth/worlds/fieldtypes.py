"""The types of fields and keys as expressions see them."""

from __future__ import annotations

from synth.worlds.spec import FieldSpec, World


def field_type(world: World, spec: FieldSpec) -> str:
    """The expression type of a field."""
    if spec.type in ("int", "money"):
        return "int"
    if spec.type in ("number", "bool"):
        return spec.type
    if spec.type == "list":
        return "list:any"
    if spec.type in ("map", "record"):
        return "record"
    if spec.type == "ref":
        return key_type(world, str(spec.to))
    return "text"


def key_type(world: World, entity: str) -> str:
    e = world.entities[entity]
    if e.generated_key:
        return "int" if e.id.kind == "int" else "text"
    first = e.fields[e.keys[0]]
    return "any" if len(e.keys) > 1 or first.type == "ref" else field_type(world, first)


def entity_types(world: World) -> dict[str, dict[str, str]]:
    """Field types of every table, as expressions see them."""
    out: dict[str, dict[str, str]] = {}
    for name, e in world.entities.items():
        out[name] = {k: key_type(world, name) for k in e.keys if k not in e.fields}
        out[name] |= {f: field_type(world, s) for f, s in e.fields.items()}
        if e.tree is not None:  # no names of fields: what `walk` and `path` go by
            out[name] |= {"$parent": e.tree, "$key": e.keys[0]}
    return out
