"""Many servers, a few at a time, each to exactly one recorded outcome; what is already harvested is kept."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from tools_catalog.cache import cache_dir as default_cache
from tools_catalog.cache import cache_file, read_record, write_record
from tools_catalog.harvest.environment import Workspace, for_server
from tools_catalog.harvest.install import install
from tools_catalog.harvest.listing import list_tools
from tools_catalog.harvest.outcome import DroppedTool, HarvestFailure, HarvestOutcome, Limits, plain
from tools_catalog.quarantine import allowed_by, findings_of, names_of_all, parted
from tools_catalog.servers import ServerSpec

FORMAT = 2  # 1: not scanned
OnOutcome = Callable[[HarvestOutcome], None]
Harvester = Callable[[ServerSpec, Limits], Awaitable[HarvestOutcome]]


def harvest(
    servers: Iterable[ServerSpec],
    cache_dir: Path | None = None,
    *,
    jobs: int = 2,
    limits: Limits | None = None,
    fresh: bool = False,
    allow: Iterable[str] = (),
    on_outcome: OnOutcome | None = None,
) -> list[HarvestOutcome]:
    """Harvest `servers`, `jobs` at a time; one outcome per server, in the order given. Blocks until done.

    Results are written to `cache_dir` (default: the user's cache) as each server ends, so an interrupted harvest goes
    on where it was: a server with a successful record of the same package, version and launch arguments is not
    launched again unless `fresh`. Failures are recorded and tried again next time. `limits.initialize` and
    `limits.listing` give way to a server's own longer `timeout`. Tools that the poison scan flags are kept apart, but
    for those that `allow` (`SERVER` or `SERVER/TOOL`) lets in.
    Raises ValueError for `jobs` under 1 or two servers of one id, OSError where the cache cannot be written.
    """
    return anyio.run(
        _harvest_all,
        list(servers),
        cache_dir or default_cache(),
        jobs,
        limits or Limits(),
        fresh,
        tuple(allow),
        on_outcome,
    )


async def _harvest_all(
    specs: list[ServerSpec],
    folder: Path,
    jobs: int,
    limits: Limits,
    fresh: bool,
    allow: tuple[str, ...],
    on_outcome: OnOutcome | None,
) -> list[HarvestOutcome]:
    if jobs < 1:
        raise ValueError("jobs must be 1 or more")
    if len({spec.id for spec in specs}) < len(specs):
        raise ValueError("a server is named twice")
    outcomes: dict[str, HarvestOutcome] = {}
    slots = anyio.CapacityLimiter(jobs)

    async def one(spec: ServerSpec) -> None:
        async with slots:
            file = cache_file(folder, spec.id)
            outcome = None if fresh else _from_cache(file, spec)
            if outcome is None:
                outcome = await harvest_one(spec, limits)
                if outcome.status == "ok" or _from_cache(file, spec) is None:  # a failure never replaces a success
                    outcome = await anyio.to_thread.run_sync(_kept, file, _record(spec, outcome), allow, outcome)
            elif outcome.apart and allowed_by(allow, spec.id) != frozenset():
                outcome = await anyio.to_thread.run_sync(_kept, file, read_record(file) or {}, allow, outcome)
            outcomes[spec.id] = outcome
            if on_outcome is not None:
                on_outcome(outcome)

    try:
        async with anyio.create_task_group() as group:
            for spec in specs:
                group.start_soon(one, spec)
    except BaseExceptionGroup as errors:
        raise _first(errors) from None
    return [outcomes[spec.id] for spec in specs]


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def harvest_one(spec: ServerSpec, limits: Limits) -> HarvestOutcome:
    """Install, launch, list, check, clean up: one server to one outcome. Never raises on what the server does."""
    root = Path(tempfile.mkdtemp(prefix="synth-harvest-"))
    space = Workspace(root.resolve())
    try:
        space.make()
        command, bin_dir = await install(spec, space)
        held = replace(
            limits, initialize=max(limits.initialize, spec.timeout), listing=max(limits.listing, spec.timeout)
        )
        env = for_server(space, bin_dir, spec.env)
        return await list_tools(spec.id, command, env=env, cwd=space.work, home=space.home, limits=held)
    except HarvestFailure as failure:
        return HarvestOutcome(spec.id, "failed", failure.reason, plain(failure.detail, 600))
    except Exception as error:  # noqa: BLE001 - one server must never stop the others; the outcome names the error
        return HarvestOutcome(spec.id, "failed", "harvester_error", plain(f"{type(error).__name__}: {error}"))
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(root, ignore_errors=True))


def _kept(file: Path, record: dict[str, Any], allow: tuple[str, ...], outcome: HarvestOutcome) -> HarvestOutcome:
    """Scan and part the record's tools, write it, and give the outcome with what came of it."""
    if record["status"] == "ok":
        record = parted(record, read_record(file), names_of_all(), allow)
    write_record(file, record)
    return _with_parts(outcome, record)


def _with_parts(outcome: HarvestOutcome, record: dict[str, Any]) -> HarvestOutcome:
    findings = tuple(findings_of(record)) if record["status"] == "ok" else ()
    return replace(outcome, tools=tuple(record["tools"]), apart=tuple(record.get("quarantined", ())), findings=findings)


def _record(spec: ServerSpec, outcome: HarvestOutcome) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "server_id": spec.id,
        "registry": spec.registry,
        "package": spec.package,
        "version": spec.version,
        "args": list(spec.args),
        "license": spec.licence,
        "domain": spec.category,
        "status": outcome.status,
        "reason": outcome.reason,
        "detail": outcome.detail,
        "stopped": outcome.stopped,
        "dropped_tools": [asdict(tool) for tool in outcome.dropped_tools],
        "tools": list(outcome.tools),
    }


def _from_cache(file: Path, spec: ServerSpec) -> HarvestOutcome | None:
    """The recorded success of this very server, or None."""
    record = read_record(file)
    if record is None or record.get("status") != "ok" or record.get("format") != FORMAT:
        return None
    same = (record.get("package"), record.get("version"), record.get("args"))
    if same != (spec.package, spec.version, list(spec.args)) or not isinstance(record.get("tools"), list):
        return None
    dropped = tuple(DroppedTool(**tool) for tool in record.get("dropped_tools", []))
    tools = tuple(record["tools"])
    outcome = HarvestOutcome(spec.id, "ok", "ok", str(record.get("detail", "")), tools, dropped, cached=True)
    return _with_parts(outcome, record)
