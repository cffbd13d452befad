"""Audits as a table for `docs/fidelity.md`, as JSON, and as text with every disagreement named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from synth.fidelity.compare import Disagreement, Figures, disagreements, tallies
from synth.fidelity.drive import Audit

HEAD = "| server | calls | succeed live | balanced accuracy | readable | class of error | lifted tools called |"
RULE = "|---|---|---|---|---|---|---|"
GROUPS = {"development": "development", "aside": "set aside"}


def as_json(audit: Audit) -> dict[str, Any]:
    """One audit, JSON-ready; texts of the server are cut to 300 characters."""
    total, per_tool = tallies(audit.compared)
    return {
        "server": audit.server, "group": audit.group, "seed": audit.seed, "lifted": audit.lifted, "tools": audit.tools,
        "sequences": audit.sequences, "seconds": round(audit.seconds, 1), "ended": audit.ended,
        "uncalled": audit.uncalled, "total": asdict(total.figures()),
        "per_tool": {name: asdict(t.figures()) for name, t in per_tool.items()},
        "disagreements": [{**asdict(d), "named": d.named} for d in disagreements(audit.compared)],
    }  # fmt: skip


def table(audits: Sequence[Audit]) -> str:
    """A Markdown table per group, with the mean over servers and the figure over all calls together."""
    out: list[str] = []
    for group, spoken in GROUPS.items():
        members = [a for a in audits if a.group == group]
        if not members:
            continue
        out += ["", f"**{spoken}**", "", HEAD, RULE]
        totals = []
        for a in members:
            total, per_tool = tallies(a.compared)
            totals.append(total)
            out.append(_row(a.server, total.figures(), f"{len(per_tool)} of {a.lifted}"))
        out.append(_row("mean over servers", _mean([t.figures() for t in totals]), ""))
    return "\n".join(out).strip()


def markdown(audit: Audit, examples: bool = False) -> str:
    """Figures per tool and the disagreements of one audit."""
    total, per_tool = tallies(audit.compared)
    ended = f" (ended early: {audit.ended})" if audit.ended else ""
    out = [f"## {audit.server}: {audit.sequences} sequences, {audit.seconds:.0f} s{ended}", "", HEAD, RULE]
    out += [_row(name, t.figures(), "") for name, t in per_tool.items()]
    out += [_row("all", total.figures(), ""), ""]
    for d in disagreements(audit.compared):
        out.append(f"- {named(d)}")
        if examples:
            for arguments, live, twin in d.examples:
                out += [f"    {arguments}", f"      live   {live[:200]!r}", f"      lifted {twin[:200]!r}"]
    return "\n".join(out)


def named(d: Disagreement) -> str:
    """One disagreement in one line."""
    return f"{d.named} ({d.count} of {d.of} calls)"


def _row(name: str, f: Figures, last: str) -> str:
    shares = (f.live_success, f.balanced, f.readable, f.error_class)
    return f"| {name} | {f.calls} | " + " | ".join(_percent(s) for s in shares) + f" | {last} |"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f}%"


def _mean(figures: Sequence[Figures]) -> Figures:
    def mean(name: str) -> float | None:
        values = [v for f in figures if (v := getattr(f, name)) is not None]
        return sum(values) / len(values) if values else None

    return Figures(
        sum(f.calls for f in figures), mean("live_success"), mean("balanced"), mean("agreement"), mean("readable"),
        mean("error_class"),
    )  # fmt: skip


__all__ = ["HEAD", "RULE", "as_json", "markdown", "named", "table"]
