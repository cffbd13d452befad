"""Amounts of money as people say them: "162.34 EUR" where the tools take 16234.

Only where a description of an offered tool says that the amount is in minor units: nobody could know otherwise.
"""

from __future__ import annotations

import re
from typing import Any

from synth.goals.desk import Act, Desk

_MINOR = re.compile(r"\b(?:cents?|pence|minor (?:currency )?units?|smallest (?:currency )?unit)\b", re.IGNORECASE)


def in_minor_units(desk: Desk, entity: str | None, field: str | None) -> bool:
    """Whether a field holds money in minor units, and an offered tool says so."""
    spec = desk.field(entity, field) if entity is not None else None
    if spec is None or spec.type != "money":
        return False
    return any(
        (p.entity or act.of) == entity and p.field == field and _MINOR.search(_description(desk, act, name))
        for act in desk.acts
        for name, p in act.params.items()
    )


def amount_field(act: Act, name: str) -> str | None:
    """The field that a parameter sets or moves."""
    p = act.params[name]
    return act.spec.field if p.role == "amount" else p.field


def in_major_units(value: int) -> str:
    """`16234` -> "162.34"."""
    return f"{'-' if value < 0 else ''}{abs(value) // 100}.{abs(value) % 100:02d}"


def _description(desk: Desk, act: Act, name: str) -> str:
    node: Any = desk.cw.tool(act.tool).input_schema
    for step in act.params[name].at or [name]:
        node = (node.get("properties") or {}).get(step, {}) if isinstance(node, dict) else {}
    return str(node.get("description") or "") if isinstance(node, dict) else ""
