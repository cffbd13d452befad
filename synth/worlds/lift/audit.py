"""Precision against hand labels: what was lifted compared with what careful readers say a tool does.

A label is one JSON object a line: `server`, `tool`, `kind`, `entity` (a noun or a list of accepted ones), `keys` (names
of the parameters that name the row), and optionally `kinds` (all accepted kinds), `keys_also` (other accepted lists of
keys), `relocation` (a move to another place: `move` is accepted), `parents`, `liftable`. Strictly right is a lift whose
kind, entity and keys all agree. Names of nouns are compared word by word in the singular.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synth.errors import UsageError
from synth.worlds.lift.build import lift_server
from synth.worlds.lift.read import KEY_ROLES, Reading
from synth.worlds.lift.words import singular, split
from tools_catalog import Catalog

Label = dict[str, Any]
_SAME = {"singleton": ("get", "singleton"), "setting": ("setting", "update"), "flag": ("update", "move", "flag")}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One label beside what was lifted. `wrong`: what disagrees (kind, entity, keys); empty where strictly right or
    where nothing was lifted (`lifted` false, `reason` says why)."""

    label: Label
    lifted: bool
    reason: str
    reading: Reading
    wrong: tuple[str, ...]

    @property
    def line(self) -> str:
        """One line for people: what was read, what the label says."""
        r, label = self.reading, self.label
        return (
            f"{label['server']} {label['tool']}: {'/'.join(self.wrong)}: read {r.kind} {' '.join(r.entity)!r} "
            f"{sorted(_keys(r))}, label {'|'.join(_kinds(label))} {'|'.join(_nouns(label))!r} {label.get('keys') or []}"
        )


def read_labels(path: Path) -> list[Label]:
    """The labels of a file; a broken line is a `UsageError` with its number."""
    out: list[Label] = []
    for n, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip():
            continue
        try:
            label = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{path}:{n} is no JSON object ({error}); write one label a line") from error
        missing = [k for k in ("server", "tool", "kind") if not isinstance(label, dict) or k not in label]
        if missing:
            raise UsageError(f"{path}:{n} has no {', '.join(missing)}; a label needs server, tool, kind")
        out.append(label)
    return out


def audit(catalog: Catalog, labels: Iterable[Label]) -> list[Verdict]:
    """Every label beside its lift. An unknown server or tool is a `UsageError`."""
    lifts: dict[str, tuple[dict[str, Reading], dict[str, str], set[str]]] = {}
    out = []
    for label in labels:
        server = label["server"]
        if server not in lifts:
            facts = catalog.server(server)
            if facts is None:
                raise UsageError(f"label of an unknown server {server!r}; the catalog does not hold it")
            lift = lift_server(server, facts.category, catalog.tools_of(server))
            lifts[server] = (
                {r.tool: r for r in lift.readings},
                {d.tool: d.reason for d in lift.dropped},
                {t.source or n for w in lift.worlds for n, t in w.tools.items()},
            )
        readings, reasons, standing = lifts[server]
        if label["tool"] not in readings:
            raise UsageError(f"label of an unknown tool {label['tool']!r} of {server}; the catalog does not hold it")
        reading = readings[label["tool"]]
        lifted = label["tool"] in standing
        wrong = disagreements(label, reading) if lifted else ()
        out.append(Verdict(label, lifted, "" if lifted else reasons.get(label["tool"], "unsure"), reading, wrong))
    return out


def disagreements(label: Label, reading: Reading) -> tuple[str, ...]:
    """What of kind, entity and keys is not as the label says."""
    wrong = []
    if not set(_SAME.get(reading.kind, (reading.kind,))) & set(_kinds(label)):
        wrong.append("kind")
    if label["kind"] != "none" and _nouns(label) and _plain(" ".join(reading.entity)) not in map(_plain, _nouns(label)):
        wrong.append("entity")
    accepted = [set(label.get("keys") or []), *(set(keys) for keys in label.get("keys_also") or [])]
    if reading.kind in ("relate", "unrelate"):
        accepted = [keys | set(label.get("parents") or []) for keys in accepted] + accepted
    found = _keys(reading)
    natural = {b.arg.name for b in reading.roles if b.role == "natural"}
    if not any(_same_names(keys, found) or (natural and _same_names(keys, found | natural)) for keys in accepted):
        wrong.append("keys")
    return tuple(wrong)


def _kinds(label: Label) -> list[str]:
    moved = ["move"] if label.get("relocation") else []
    return list(dict.fromkeys([label["kind"], *(label.get("kinds") or []), *moved]))


def _nouns(label: Label) -> list[str]:
    noun = label.get("entity") or []
    return [noun] if isinstance(noun, str) else list(noun)


def _plain(noun: str) -> str:
    return "".join(singular(w) for w in split(noun))


def _keys(reading: Reading) -> set[str]:
    return {b.arg.name for b in reading.roles if b.role in KEY_ROLES}


def _same_names(said: set[str], found: set[str]) -> bool:
    """Whether two sets of parameter names agree; a label may name the path (`body.id`) or only its end."""
    ends = {"".join(split(s.split(".")[-1])) for s in said}
    return said == found or ends == {"".join(split(f)) for f in found}


def wilson(right: int, of: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share. Source: Wilson 1927."""
    if of == 0:
        return 0.0, 1.0
    z = 1.959964
    p = right / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return middle - half, middle + half


def summary(verdicts: list[Verdict]) -> dict[str, Any]:
    """Strict precision over the lifted, recall over the liftable, both by kind; disagreements; reasons of the rest."""
    lifted = [v for v in verdicts if v.lifted]
    right = [v for v in lifted if not v.wrong]
    liftable = [v for v in verdicts if v.label.get("liftable", v.label["kind"] != "none")]
    low, high = wilson(len(right), len(lifted))
    kinds = Counter(v.reading.kind for v in lifted)
    good = Counter(v.reading.kind for v in right)
    return {
        "labels": len(verdicts),
        "lifted": len(lifted),
        "strict_precision": round(len(right) / max(len(lifted), 1), 4),
        "interval_95": [round(low, 3), round(high, 3)],
        "agreeing": {
            part: round(1 - sum(part in v.wrong for v in lifted) / max(len(lifted), 1), 4)
            for part in ("kind", "entity", "keys")
        },
        "liftable": len(liftable),
        "recall": round(sum(v.lifted for v in liftable) / max(len(liftable), 1), 4),
        "recall_right": round(sum(v.lifted and not v.wrong for v in liftable) / max(len(liftable), 1), 4),
        "by_kind": {k: f"{good[k]} of {n}" for k, n in kinds.most_common()},
        "disagreements": [v.line for v in lifted if v.wrong],
        "not_lifted": [
            f"{v.label['server']} {v.label['tool']}: {v.reason}, label {'|'.join(_kinds(v.label))} "
            f"{'|'.join(_nouns(v.label))!r} {v.label.get('keys') or []}"
            for v in liftable
            if not v.lifted
        ],
    }
