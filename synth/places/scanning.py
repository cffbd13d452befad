"""Tools of live servers are scanned as harvested ones are: what is flagged is not offered to anybody."""

from __future__ import annotations

from collections.abc import Sequence

from synth.executors.protocol import PlaceTool
from synth.pipeline_executors import McpServer
from synth.records import WorldRow
from tools_catalog.quarantine import names_of_all
from tools_catalog.scan import Before, scan_tools

MOST = 1000  # characters of the reasons


def kept_apart(row: WorldRow, tools: Sequence[PlaceTool]) -> dict[str, str]:
    """Name -> what the poison scan found, of the tools that must not be used. None of a place of ours, and none that
    the server's `allow` names."""
    if "server" not in row.spec:
        return {}
    server = McpServer.model_validate(row.spec["server"])
    own = {t.name for t in tools}
    others = {n: s for n, s in names_of_all().items() if s != server.id and n not in own}
    listed = [{"name": t.name, "description": t.description, "inputSchema": t.input_schema,
               "outputSchema": t.output_schema, "annotations": t.annotations} for t in tools]  # fmt: skip
    out: dict[str, list[str]] = {}
    for f in scan_tools(server.id, listed, Before(others=others)):
        if f.tool not in server.allow:
            out.setdefault(f.tool, []).append(f"{f.attack} at {f.where or '/'}: {f.evidence}")
    return {name: "; ".join(found)[:MOST] for name, found in out.items()}
