"""From any row back to the real tools it grew from: trajectory -> task -> agent -> tools -> worlds -> real tool."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.text import Text
from rich.tree import Tree

from synth.records import AgentRow, ToolRow, TrajectoryRow, WorldRow
from synth.view.escape import plain
from synth.view.lookup import find

DEPTH = 12  # generations walked; lineages are far shorter


def ancestors(run_dir: Path, tools: Iterable[ToolRow]) -> dict[str, ToolRow]:
    """The given tools and all their parents, by id."""
    known = {t.tool_id: t for t in tools}
    fresh = list(known.values())
    for _ in range(DEPTH):
        wanted = {p for t in fresh for p in t.parents} - known.keys()
        fresh = find(run_dir, "tools", wanted)
        if not fresh:
            break
        known |= {t.tool_id: t for t in fresh}
    return known


def lineage(run_dir: Path, table: str, row: Any) -> Tree | None:
    """The tree above a row; None for a table without one."""
    if table == "worlds":
        return _worlds_tree(run_dir, row)
    if table == "tools":
        return _tool_tree(run_dir, [row], ancestors(run_dir, [row]), Tree(_name("tool", row.tool_id)))
    if table not in ("trajectories", "tasks", "agents"):
        return None
    root = Tree(_name(table.rstrip("s") if table != "trajectories" else "trajectory", _id(table, row)))
    at = root
    if table == "trajectories":
        at = at.add(_name("task", row.task_id))
    if table != "agents":
        at = at.add(_name("agent", row.agent_id))
    agents = [row] if table == "agents" else find(run_dir, "agents", [row.agent_id])
    for agent in agents:
        _agent_tools(run_dir, agent, row if table == "trajectories" else None, at)
    return root


def _id(table: str, row: Any) -> str:
    return str(getattr(row, {"trajectories": "trajectory_id", "tasks": "task_id", "agents": "agent_id"}[table]))


def _agent_tools(run_dir: Path, agent: AgentRow, trajectory: TrajectoryRow | None, at: Tree) -> None:
    """The agent's tools; under a trajectory only those that were called, the rest as a count."""
    offered: dict[str, str] = agent.traits["offered"]
    called = {c.name for c in trajectory.calls} if trajectory is not None else set(offered)
    shown = {tool_id: name for name, tool_id in offered.items() if name in called}
    tools: list[ToolRow] = find(run_dir, "tools", shown)
    _tool_tree(run_dir, tools, ancestors(run_dir, tools), at, shown)
    if len(offered) > len(shown):
        at.add(plain(f"{len(offered) - len(shown)} more tools offered, not called", "bright_black"))


def _tool_tree(
    run_dir: Path, tools: list[ToolRow], known: dict[str, ToolRow], at: Tree, names: dict[str, str] | None = None
) -> Tree:
    worlds = {w.world_id: w for w in find(run_dir, "worlds", {t.world_id for t in known.values() if t.world_id})}
    for tool in tools:
        offered = (names or {}).get(tool.tool_id, tool.name)
        _add_tool(at, tool, offered, known, worlds, DEPTH)
    return at


def _add_tool(
    at: Tree, tool: ToolRow, name: str, known: dict[str, ToolRow], worlds: dict[str, WorldRow], depth: int
) -> None:
    label = Text.assemble(plain(f"{tool.origin} tool "), plain(name, "bold"))
    if name != tool.name:
        label.append_text(plain(f" (own name {tool.name})"))
    label.append_text(plain(f"  {tool.tool_id}", "bright_black"))
    node = at.add(label)
    if tool.origin == "real":
        facts = tool.provenance or {}
        shown = [f"{k} {facts[k]}" for k in ("server", "package", "version", "licence") if facts.get(k)]
        node.add(plain(", ".join(shown or [f"server {tool.server}"])))
        return
    world = worlds.get(tool.world_id or "")
    if world is not None:
        how = f", by {' + '.join(world.operators)}" if world.operators else ""
        node.add(plain(f"{world.origin} world {world.world_id}: {world.domain} ({world.category}){how}"))
    wrote = (tool.provenance or {}).get("model")
    if wrote:
        node.add(plain(f"{' and '.join(wrote['wrote'])} written by {wrote['name']}"))
    for parent in tool.parents if depth else ():
        if parent in known:
            _add_tool(node, known[parent], known[parent].name, known, worlds, depth - 1)
        else:
            node.add(plain(f"parent {parent}", "bright_black"))


def _worlds_tree(run_dir: Path, world: WorldRow) -> Tree:
    root = Tree(_name("world", world.world_id))
    parents: dict[str, WorldRow] = {w.world_id: w for w in find(run_dir, "worlds", world.parents)}
    for parent in world.parents:
        found = parents.get(parent)
        root.add(_worlds_tree(run_dir, found) if found is not None else plain(parent))
    root.add(plain(f"real servers: {', '.join(world.roots)}"))
    return root


def _name(what: str, row_id: str) -> Text:
    return Text.assemble(plain(f"{what} "), plain(row_id, "bright_black"))
