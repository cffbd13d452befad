"""`synth catalog scan [FILE|--live ID]`: what tools say that attacks who reads them, listed for a person."""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synth.errors import UsageError

if TYPE_CHECKING:
    from tools_catalog.scan import Report

FLAGGED = 3  # exit code where something was found

ByServer = dict[str, list[dict[str, Any]]]


def scan(
    file: Annotated[
        Path | None, typer.Argument(help="Harvest lines, a cache folder or file, or a tools/list result as JSON.")
    ] = None,
    live: Annotated[str | None, typer.Option("--live", metavar="ID", help="Start this server and scan it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Scan names, descriptions and schemas for poison; without FILE your own harvest, or else the shipped catalog."""
    if file is not None and live is not None:
        raise UsageError("Name a FILE or a server with --live, not both.")
    report = _scanned(_of_live(live) if live is not None else _of_file(file) if file is not None else _of_own())
    if as_json:
        sys.stdout.write(json.dumps(report.as_json()) + "\n")
    else:
        sys.stdout.write("".join(line + "\n" for line in _lines(report)))
    if report.findings:
        raise typer.Exit(FLAGGED)


def _scanned(servers: ByServer) -> Report:
    from tools_catalog.quarantine import names_of_all
    from tools_catalog.scan import Before, report_of, scan_tools

    names = dict(names_of_all())
    for server, tools in servers.items():
        names |= {str(t.get("name")): server for t in tools if t.get("name") not in names}
    findings = []
    for server, tools in servers.items():
        own = {t.get("name") for t in tools}
        others = {n: s for n, s in names.items() if s != server and n not in own}
        findings += scan_tools(server, tools, Before(others=others))
    return report_of(len(servers), sum(len(t) for t in servers.values()), findings)


def _of_live(server: str) -> ByServer:
    import anyio

    from tools_catalog import load_servers
    from tools_catalog.harvest import Limits
    from tools_catalog.harvest.run import harvest_one

    known = load_servers()
    if server not in known:
        raise UsageError(f"There is no server {server!r} in the list; `synth catalog list` shows what there is.")
    for name in ("mcp", "client"):  # the SDK's log repeats what a server sent
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    outcome = anyio.run(harvest_one, known[server], Limits())
    if outcome.status != "ok":
        raise UsageError(f"{server} could not be listed: {outcome.reason}: {outcome.detail}")
    return {server: list(outcome.tools)}


def _of_own() -> ByServer:
    from tools_catalog import load_catalog
    from tools_catalog.cache import cache_dir, cached_files

    if cached_files(cache_dir()):
        return _of_file(cache_dir())
    out: ByServer = {}
    for tool in load_catalog():
        out.setdefault(tool.server, []).append({
            "name": tool.name, "description": tool.description, "inputSchema": tool.input_schema,
            "outputSchema": tool.output_schema, "annotations": tool.annotations,
        })  # fmt: skip
    return out


def _of_file(file: Path) -> ByServer:
    """The tools of a file by server; those of a cache that are kept apart too."""
    out: ByServer = {}
    try:
        for server, tool in _rows(file):
            out.setdefault(server, []).append(tool)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(
            f"{file} cannot be scanned ({why}); name a harvest or the JSON of a tools/list result."
        ) from None
    if not out:
        raise UsageError(f"{file} holds no tools; name a harvest or the JSON of a tools/list result.")
    return out


def _rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    from tools_catalog.cache import read_record
    from tools_catalog.originals import read_harvest

    if not file.is_dir() and file.suffix != ".json":
        yield from ((str(row.get("server_id") or file.stem), row) for row in read_harvest(file))
        return
    for one in sorted(file.glob("*.json")) if file.is_dir() else [file]:
        record = read_record(one)
        if record is None or not isinstance(record.get("tools"), list):
            raise ValueError(f"{one.name}: no list of tools")
        for tool in [*record["tools"], *record.get("quarantined", ())]:
            if not isinstance(tool, dict):
                raise ValueError(f"{one.name}: a tool is not an object")
            yield str(record.get("server_id") or one.stem), tool


def _lines(report: Report) -> Iterator[str]:
    """Findings by tool, then the sums. Evidence is printable ASCII already; names are made so."""
    last: tuple[str, str] | None = None
    for f in report.findings:
        if (f.server, f.tool) != last:
            last = (f.server, f.tool)
            yield f"{_plain(f.server)}/{_plain(f.tool)}"
        yield f"  {f.attack:<22} {_plain(f.where) or '/'}  {f.evidence}"
    kinds = Counter(f.attack for f in report.findings)
    yield f"{len(report.flagged)} of {report.tools} tools of {report.servers} servers flagged"
    yield from (f"  {n:>5} {attack}" for attack, n in sorted(kinds.items()))


def _plain(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
