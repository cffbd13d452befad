"""What became of one server, and the limits it was held to. Every harvested server ends as exactly one outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tools_catalog.scan.finding import Finding

Reason = Literal[
    "ok",
    "unknown_version",       # the list names no version to install
    "installer_missing",     # no npm, no node, or a node older than the server needs
    "install_failed",
    "install_timeout",
    "no_command",            # installed, but it ships nothing that can be launched
    "prepare_failed",        # the server's own preparation steps failed or hung
    "start_failed",          # the command could not be executed
    "initialize_timeout",    # it ran, and did not answer initialize in time
    "died_before_initialize",
    "initialize_refused",    # an error answer, an answer that is no InitializeResult, or an unknown protocol version
    "list_timeout",
    "died_during_list",
    "list_refused",          # an error answer, or an answer that is no ListToolsResult
    "page_cap",              # more pages than anyone needs: endless fresh cursors
    "cursor_cycle",          # a cursor came back; the detail names it
    "tool_cap",
    "line_too_long",         # one line of output over the bound
    "output_limit",          # all output together over the bound
    "no_usable_tools",       # every listed tool was dropped
    "harvester_error",       # a bug or a full disk on this side
]  # fmt: skip
DropReason = Literal[
    "not_a_tool",            # no MCP tool: no name, or no input schema of type object
    "bad_name",
    "duplicate_name",
    "schema_too_large",
    "schema_too_deep",
    "schema_invalid",        # not a schema of its own dialect
    "schema_unresolved_ref", # a remote or dangling reference; nothing is ever fetched
    "schema_recursive",      # a reference that leads to itself without passing a property or an item
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class DroppedTool:
    """One listed tool that was left out. `name` is cut to 128 characters."""

    name: str
    reason: DropReason
    detail: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one server. Times are seconds, sizes bytes."""

    initialize: float = 60.0
    listing: float = 60.0  # all pages together
    grace: float = 2.0  # after stdin is closed, before the one SIGTERM; and again before SIGKILL
    line: int = 16 * 2**20
    output: int = 64 * 2**20  # stdout and stderr together
    pages: int = 200
    tools: int = 5000
    schema_bytes: int = 512 * 1024
    schema_depth: int = 64
    schema_nodes: int = 50_000


@dataclass(frozen=True, slots=True)
class HarvestOutcome:
    """One server: either its tools as it described them, or one reason why there are none.

    `tools` are harvest lines' tool parts (`name, title, description, inputSchema, outputSchema, annotations`).
    `apart` are tools that the scan keeps from being used, `findings` say why (also of tools that were let in).
    `cached` says the outcome was read from an earlier harvest. `stopped` says how the process ended.
    """

    server: str
    status: Literal["ok", "failed"]
    reason: Reason
    detail: str
    tools: tuple[dict[str, Any], ...] = ()
    dropped_tools: tuple[DroppedTool, ...] = ()
    stopped: Literal["", "exited", "terminated", "killed"] = ""
    cached: bool = False
    apart: tuple[dict[str, Any], ...] = ()
    findings: tuple[Finding, ...] = ()


class HarvestFailure(Exception):
    """Ends one server's harvest with one reason. Raised inside the harvester only; never leaves it."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail


def plain(text: str, limit: int = 400) -> str:
    """Foreign text made fit for one line of a record: control characters replaced, cut to `limit`."""
    flat = "".join(c if c.isprintable() else " " for c in text[: 4 * limit])
    flat = " ".join(flat.split())
    return flat if len(flat) <= limit else flat[: limit - 3] + "..."
