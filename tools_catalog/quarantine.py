"""Harvested tools that a scan flags are kept apart in the cache, with their findings, until a person lets them in.

A record of the cache holds `tools` (to be used), `quarantined` (tools kept apart), `findings`, and `allowed`: tool name
-> SHA-256 of what it said when it was let in. A tool that says something else by now has to be let in anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

from tools_catalog.originals import original_sha256
from tools_catalog.scan import Before, Finding, scan_tools


def allowed_by(allow: Iterable[str], server: str) -> frozenset[str] | None:
    """Names of tools that `SERVER/TOOL` entries let in; None where a bare `SERVER` lets in all."""
    mine = [a for a in allow if a == server or a.startswith(server + "/")]
    return None if server in mine else frozenset(a.removeprefix(server + "/") for a in mine)


def parted(
    record: dict[str, Any], old: Mapping[str, Any] | None, others: Mapping[str, str], allow: Iterable[str] = ()
) -> dict[str, Any]:
    """`record` with its tools scanned and parted. `old`: this server's record before, None at first. `others`: names of
    other servers' tools -> their server."""
    server = str(record.get("server_id", ""))
    tools = [t for key in ("tools", "quarantined") for t in record.get(key, ())]
    before = {
        str(t.get("name")): original_sha256(t) for key in ("tools", "quarantined") for t in (old or {}).get(key, ())
    }
    own = {t.get("name") for t in tools}
    beside = {n: s for n, s in others.items() if s != server and n not in own}
    findings = scan_tools(server, tools, Before(before, beside))
    flagged = {f.tool for f in findings}
    let_in, granted = allowed_by(allow, server), dict((old or {}).get("allowed") or {})
    said = {str(t.get("name")): original_sha256(t) for t in tools}
    granted |= {n: said[n] for n in flagged if let_in is None or n in let_in}
    apart = {n for n in flagged if granted.get(n) != said[n]}
    return {
        **record,
        "tools": [t for t in tools if t.get("name") not in apart],
        "quarantined": [t for t in tools if t.get("name") in apart],
        "findings": [asdict(f) for f in findings],
        "allowed": {n: s for n, s in sorted(granted.items()) if said.get(n) == s},
    }


def findings_of(record: Mapping[str, Any]) -> list[Finding]:
    """The findings of a record's tools; those of a harvest from before there were scans are made now."""
    if "findings" in record:
        return [Finding(**f) for f in record["findings"]]
    return scan_tools(str(record.get("server_id", "")), [t for t in record.get("tools", ()) if isinstance(t, dict)])


def kept_apart(record: Mapping[str, Any]) -> frozenset[str]:
    """Names of tools of a record that must not be used."""
    said = {str(t.get("name")): original_sha256(t) for t in record.get("tools", ()) if isinstance(t, dict)}
    allowed = record.get("allowed") or {}
    return frozenset(f.tool for f in findings_of(record) if f.tool not in said or allowed.get(f.tool) != said[f.tool])


@cache
def names_of_all() -> Mapping[str, str]:
    """Tool names of the shipped catalog -> server; the first one where several have it."""
    from tools_catalog.facts import load_catalog  # it reads records through this module

    out: dict[str, str] = {}
    for tool in load_catalog():
        out.setdefault(tool.name, tool.server)
    return out
