"""`synth catalog list|show|harvest|audit|scan`: look at the real tools, and repeat the harvest on this machine.

Names and texts that come from servers are data: control characters are taken out and markup is escaped before
anything reaches a terminal; `--json` writes JSON with every non-ASCII character escaped.
"""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from synth.cli_audit import audit
from synth.cli_scan import scan
from synth.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from tools_catalog import Catalog, ToolFacts
    from tools_catalog.harvest import HarvestOutcome

catalog_app = typer.Typer(name="catalog", help="The real MCP tools that worlds grow from.", no_args_is_help=True)
catalog_app.command("audit")(audit)
catalog_app.command("scan")(scan)

Own = Annotated[bool, typer.Option("--own", help="Prefer your own harvest, with the servers' own texts.")]


@catalog_app.command("list")
def list_tools(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per tool and line.")] = False,
    server: Annotated[list[str] | None, typer.Option(help="Only this server (repeatable).")] = None,
    category: Annotated[list[str] | None, typer.Option(help="Only this category (repeatable).")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many tools.")] = None,
    own: Own = False,
) -> None:
    """List the tools of the catalog."""
    catalog = _load(own)
    servers = [s.id for s in catalog.servers]
    categories = sorted({s.category for s in catalog.servers})
    for name in server or []:
        _known(name, servers, "server", "synth catalog list")
    for name in category or []:
        _known(name, categories, "category", "synth catalog list")
    chosen = [
        tool
        for tool in catalog
        if (not server or tool.server in server) and (not category or tool.category in category)
    ]
    shown = chosen[:limit]
    if as_json:
        for tool in shown:
            sys.stdout.write(json.dumps(_row(tool)) + "\n")
        return
    _print_tools(shown, len(chosen))


@catalog_app.command("show")
def show(
    server: Annotated[str, typer.Argument(help="Server id.")],
    tool: Annotated[str | None, typer.Argument(help="Tool name; without it, the server and its tools.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    own: Own = False,
) -> None:
    """Show one server, or one of its tools with its schemas."""
    catalog = _load(own)
    _known(server, [s.id for s in catalog.servers], "server", "synth catalog list")
    if tool is None:
        _show_server(catalog, server, as_json)
        return
    _known(tool, [t.name for t in catalog.tools_of(server)], f"tool of {server}", f"synth catalog show {server}")
    found = next(t for t in catalog.tools_of(server) if t.name == tool)
    if as_json:
        sys.stdout.write(json.dumps(_full(found)) + "\n")
        return
    _show_tool(found)


@catalog_app.command("harvest")
def harvest_servers(
    server: Annotated[list[str] | None, typer.Option(help="Only this server (repeatable); all without it.")] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Servers at a time.")] = 2,
    timeout: Annotated[float | None, typer.Option(min=1, help="Seconds to initialize, and again to list.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Harvest again what is already in the cache.")] = False,
    allow: Annotated[
        list[str] | None, typer.Option(metavar="SERVER[/TOOL]", help="Let in what the poison scan flags (repeatable).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per server and line.")] = False,
) -> None:
    """Install real servers into throw-away environments, list their tools, keep the result in your cache."""
    from tools_catalog import load_servers
    from tools_catalog.cache import cache_dir
    from tools_catalog.harvest import Limits, harvest

    known = load_servers()
    for name in server or []:
        _known(name, list(known), "server", "synth catalog list")
    for name in allow or []:
        _known(name.partition("/")[0], list(known), "server", "synth catalog list")
    specs = [known[name] for name in dict.fromkeys(server or known)]
    limits = Limits() if timeout is None else Limits(initialize=timeout, listing=timeout)
    console = _console()
    for name in ("mcp", "client"):  # the SDK's log repeats what a server sent; the outcome says it, escaped
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)

    def tell(outcome: HarvestOutcome) -> None:
        if as_json:
            sys.stdout.write(json.dumps(_outcome_row(outcome)) + "\n")
            sys.stdout.flush()
        else:
            console.print(_outcome_line(outcome))

    try:
        outcomes = harvest(specs, jobs=jobs, limits=limits, fresh=fresh, allow=allow or (), on_outcome=tell)
    except OSError as error:
        raise UsageError(
            f"The cache {cache_dir()} cannot be written ({error.strerror or error}); "
            "set XDG_CACHE_HOME to a folder that can."
        ) from error
    good = sum(o.status == "ok" for o in outcomes)
    if not as_json:
        tools = sum(len(o.tools) for o in outcomes)
        console.print(f"{good} of {len(outcomes)} servers, {tools} tools, in {_clean(str(cache_dir()))}")
    if good == 0:
        raise typer.Exit(1)
    if good < len(outcomes):
        raise typer.Exit(3)


def _load(own: bool) -> Catalog:
    from tools_catalog import load_catalog

    try:
        return load_catalog(prefer_cache=own)
    except (OSError, ValueError) as error:
        raise UsageError(f"The tool catalog cannot be read ({error}); install the package again.") from error


def _known(name: str, names: list[str], what: str, where: str) -> None:
    """Raise UsageError with the nearest names where `name` is unknown."""
    if name in names:
        return
    import difflib

    lowered = {n.lower(): n for n in names}
    near = [lowered[n] for n in difflib.get_close_matches(name.lower(), list(lowered), n=3, cutoff=0.5)]
    near += [n for n in names if name and name.lower() in n.lower() and n not in near][: 3 - len(near)]
    hint = f"; nearest: {', '.join(_strip(n) for n in near)}" if near else f"; `{where}` shows what there is"
    raise UsageError(f"There is no {what} named {_strip(name)!r} in the catalog{hint}.")


def _row(tool: ToolFacts) -> dict[str, object]:
    return {
        "server": tool.server,
        "package": tool.package,
        "version": tool.version,
        "name": tool.name,
        "input_schema": tool.input_schema,
        "effect": tool.effect,
    }


def _full(tool: ToolFacts) -> dict[str, object]:
    return {
        **_row(tool),
        "registry": tool.registry,
        "licence": tool.licence,
        "category": tool.category,
        "description": tool.description,
        "output_schema": tool.output_schema,
        "annotations": tool.annotations,
        "sha256": tool.sha256,
    }


def _outcome_row(outcome: HarvestOutcome) -> dict[str, object]:
    return {
        "server": outcome.server,
        "status": outcome.status,
        "reason": outcome.reason,
        "detail": outcome.detail,
        "tools": len(outcome.tools),
        "dropped_tools": [{"name": t.name, "reason": t.reason, "detail": t.detail} for t in outcome.dropped_tools],
        "kept_apart": [t["name"] for t in outcome.apart],
        "findings": [asdict(f) for f in outcome.findings],
        "cached": outcome.cached,
    }


def _outcome_line(outcome: HarvestOutcome) -> str:
    if outcome.status == "failed":
        return f"[red]failed[/] {_clean(outcome.server)}: {outcome.reason}: {_clean(outcome.detail)}"
    notes = Counter(tool.reason for tool in outcome.dropped_tools)
    dropped = f", dropped {', '.join(f'{n} {reason}' for reason, n in sorted(notes.items()))}" if notes else ""
    if outcome.apart:
        kinds = ", ".join(sorted({f.attack for f in outcome.findings}))
        dropped += f", [yellow]kept apart {len(outcome.apart)}[/] ({kinds}; `synth catalog scan` lists them)"
    state = "[dim]kept[/]  " if outcome.cached else "[green]ok[/]    "
    return f"{state} {_clean(outcome.server)}: {len(outcome.tools)} tools{dropped}"


def _strip(text: str) -> str:
    """Without control and formatting characters (terminal escapes, bidirectional overrides); line ends stay."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def _clean(text: str) -> str:
    """Fit for a rich console: no control characters, no markup."""
    from rich.markup import escape

    return escape(_strip(text))


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty(), emoji=False)


def _print_tools(tools: Iterable[ToolFacts], total: int) -> None:
    console = _console()
    shown = 0
    for tool in tools:
        shown += 1
        first = tool.description.split("\n", 1)[0]
        console.print(f"{_clean(tool.server)} [bold]{_clean(tool.name)}[/] [dim]{tool.effect}[/] {_clean(first)}")
    more = f"{shown} of {total}" if shown < total else str(total)
    console.print(f"[dim]{more} tools[/]")


def _show_server(catalog: Catalog, server: str, as_json: bool) -> None:
    facts = catalog.server(server)
    if facts is None:
        raise UsageError(f"There is no server named {_strip(server)!r} in the catalog.")
    if as_json:
        row = {
            "server": facts.id,
            "package": facts.package,
            "registry": facts.registry,
            "version": facts.version,
            "licence": facts.licence,
            "category": facts.category,
            "tools": list(facts.tool_names),
        }
        sys.stdout.write(json.dumps(row) + "\n")
        return
    console = _console()
    console.print(f"[bold]{_clean(facts.id)}[/]  {_clean(facts.package)} {_clean(facts.version)} ({facts.registry})")
    console.print(f"licence {_clean(facts.licence)}, category {_clean(facts.category)}")
    _print_tools(catalog.tools_of(server), len(facts.tool_names))


def _show_tool(tool: ToolFacts) -> None:
    console = _console()
    hints = ", ".join(f"{key}={str(value).lower()}" for key, value in tool.annotations.items()) or "none"
    console.print(f"[bold]{_clean(tool.name)}[/]  {tool.effect}")
    console.print(f"{_clean(tool.server)}: {_clean(tool.package)} {_clean(tool.version)} ({_clean(tool.registry)})")
    console.print(f"licence {_clean(tool.licence)}, category {_clean(tool.category)}, hints {_clean(hints)}")
    console.print(f"original sha256 {tool.sha256}\n")
    console.print(_clean(tool.description))
    console.print("\n[bold]input[/]")
    console.print(_clean(json.dumps(tool.input_schema, indent=2)))
    if tool.output_schema is not None:
        console.print("[bold]output[/]")
        console.print(_clean(json.dumps(tool.output_schema, indent=2)))
