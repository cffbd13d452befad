"""What a scan comes to: which tools are kept apart and why, as data and as lines for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tools_catalog.scan.finding import Finding


@dataclass(frozen=True, slots=True)
class Report:
    """`servers` and `tools` were looked at; `findings` by server, tool and kind."""

    servers: int
    tools: int
    findings: tuple[Finding, ...]

    @property
    def flagged(self) -> list[tuple[str, str]]:
        """(server, tool) of every tool with a finding, in order."""
        return list(dict.fromkeys((f.server, f.tool) for f in self.findings))

    def as_json(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "servers": self.servers, "tools": self.tools, "flagged": len(self.flagged),
            "attacks": dict(sorted(Counter(f.attack for f in self.findings).items())),
            "findings": [asdict(f) for f in self.findings],
        }  # fmt: skip


def report_of(servers: int, tools: int, findings: Iterable[Finding]) -> Report:
    return Report(servers, tools, tuple(findings))


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A server's tools, parted: what may be used, and what is kept apart with its findings."""

    kept: list[dict[str, Any]]
    apart: list[dict[str, Any]]
    findings: list[Finding]


def quarantined(
    tools: Sequence[dict[str, Any]], findings: Sequence[Finding], allowed: Collection[str] = ()
) -> Quarantine:
    """Part the tools. `allowed`: names of tools that a person has looked at and lets in all the same."""
    flagged = {f.tool for f in findings} - set(allowed)
    return Quarantine(
        [t for t in tools if t.get("name") not in flagged],
        [t for t in tools if t.get("name") in flagged],
        list(findings),
    )
