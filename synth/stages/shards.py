"""Shards: passed trajectories -> SFT examples. Which rows are kept is decided here and nowhere else.

`candidates` and `choose` also tell the run loop, after each round, how many rows are accepted so far. For each cell
(rounds.py) the lowest passing ordinals are kept up to its target, so candidates opened beyond what was needed never
change a shard; then rows are swapped within cells until each trait asked for has its share. `part.payload["parts"]`
names the parts that the run's plan opened: what an earlier, larger target left behind is surplus.
Every trajectory ends as an example or as a drop with a reason: held_out, undecided, not_passed, other_policy,
duplicate, near_duplicate (a code task like one before it), surplus.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synth.code.similar import Distinct
from synth.records import SCHEMA_VERSION, DroppedRow, canonical, content_hash, json_text
from synth.rounds import cell_of, split_cell
from synth.stage import Context, Output, Part
from synth.store.sft import SftFolder, write_sft
from synth.surface import functions_of
from synth.traits import traits_of

TABLE = "sft"
VERSION = "7"
ASSETS: list[str] = []

# values that differ between two otherwise equal conversations: uuids, long hex, ids like `inv_4f9a2c` or `ORD-88213`
_ID_LIKE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{10,}\b"
    r"|\b[A-Za-z]{1,12}[_-](?=[A-Za-z0-9]*\d)[A-Za-z0-9]{4,}\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Candidate:
    """One judged trajectory, without its text. `refused`: why it can never be a row, empty when it can. `policy`: who
    played it, as rows call it."""

    kind: str
    cell: str  # of the part (rounds.py)
    ordinal: int
    attempt: int
    split: str
    index: int  # of the part
    trajectory_id: str
    task_id: str
    score: float | None
    refused: str
    content: str  # hash of the normalised conversation; empty when refused
    traits: frozenset[str] = frozenset()  # looked for only where a share is asked
    calls: int = 0  # requests to models; messages of a built-in policy
    tokens: int = 0
    usd: float = 0.0
    policy: str = ""
    asked: bool = False  # a model played it: what it was asked stands in the ledger of usage
    essence: str = ""  # of a code task: what near-duplicates are told by


@dataclass
class Selection:
    """Which candidates become rows (`kept`, by ordinal) and why the others do not."""

    kept: list[Candidate] = field(default_factory=list)
    dropped: list[tuple[Candidate, str]] = field(default_factory=list)

    def accepted(self) -> Counter[str]:
        """Rows per kind."""
        return Counter(candidate.kind for candidate in self.kept)

    def by_cell(self) -> Counter[str]:
        """Rows per cell."""
        return Counter(candidate.cell for candidate in self.kept)

    def with_trait(self, trait: str) -> int:
        """Kept rows that have a trait."""
        return sum(trait in candidate.traits for candidate in self.kept)


def candidates(inputs: Any, index: int, traits: bool = False) -> list[Candidate]:
    """The judged trajectories of one part; with their traits where asked."""
    wanted = ["task_id", "ordinal", "kind", "split", "goal"]
    wanted += ["start"] if split_cell(cell_of(index))[0] == "code" else []
    tasks = {r["task_id"]: r for r in inputs.columns("tasks", wanted, [index])}
    verdicts = {
        r["trajectory_id"]: r for r in inputs.columns("verdicts", ["trajectory_id", "passed", "score"], [index])
    }
    fields = ["trajectory_id", "task_id", "attempt", "policy", "messages", "usage", "turns"]
    fields += ["calls"] if traits else []
    found = []
    for row in inputs.columns("trajectories", fields, [index]):
        task, verdict, usage = tasks[row["task_id"]], verdicts.get(row["trajectory_id"]), row["usage"]
        refused = _refused(task["split"], verdict)
        refuses = isinstance(task["goal"], dict) and bool(task["goal"].get("refuse"))
        found.append(
            Candidate(
                task["kind"],
                cell_of(index),
                task["ordinal"],
                row["attempt"],
                task["split"],
                index,
                row["trajectory_id"],
                row["task_id"],
                verdict["score"] if verdict else None,
                refused,
                "" if refused else conversation_hash(row["messages"]),
                traits_of(row["messages"], row["calls"], refuses) if traits else frozenset(),
                usage.requests or row["turns"],
                usage.prompt_tokens + usage.completion_tokens,
                usage.cost_usd,
                row["policy"],
                bool(usage.requests),
                "" if refused else _essence(task.get("start")),
            )
        )
    return found


def _essence(start: Any) -> str:
    return "".join(place.get("essence", "") for place in (start or {}).get("places", {}).values())


def _refused(split: str, verdict: Mapping[str, Any] | None) -> str:
    if verdict is None:
        return "not_judged"
    if verdict["passed"] is None:
        return "undecided"
    if not verdict["passed"]:
        return "not_passed"
    return "held_out" if split == "eval" else ""


def choose(
    found: Iterable[Candidate], target: Mapping[str, int], dedup: bool, shares: Mapping[str, float] | None = None,
    policies: Sequence[str] = (),
) -> Selection:  # fmt: skip
    """Walk by ordinal: one row per task, no conversation twice, no code task near another, no more than the target of
    each cell; then swap for the shares. `policies`: whose rows may be kept, the preferred first; none given means all,
    and none is preferred."""
    chosen = Selection()
    rank = {policy: place for place, policy in reversed(list(enumerate(policies)))}

    def order(one: Candidate) -> tuple[int, int, int, str]:
        return (one.ordinal, rank.get(one.policy, len(rank)), one.attempt, one.trajectory_id)

    count: Counter[str] = Counter()
    seen: set[str] = set()
    done: set[str] = set()
    distinct = Distinct()
    for one in sorted(found, key=order):
        reason = one.refused or ("other_policy" if rank and one.policy not in rank else "")
        if not reason and (count[one.cell] >= target.get(one.cell, 0) or one.task_id in done):
            reason = "surplus"
        if not reason and dedup and one.content in seen:
            reason = "duplicate"
        if not reason and dedup and one.essence and not distinct.add(one.essence):
            reason = "near_duplicate"
        if reason:
            chosen.dropped.append((one, reason))
            continue
        seen.add(one.content)
        done.add(one.task_id)
        count[one.cell] += 1
        chosen.kept.append(one)
    for trait in sorted(shares or {}):
        _swap(chosen, trait, shares or {}, dedup, order, distinct)
    return chosen


def _swap(
    chosen: Selection, trait: str, shares: Mapping[str, float], dedup: bool,
    order: Callable[[Candidate], tuple[int, int, int, str]], distinct: Distinct,
) -> None:  # fmt: skip
    """Surplus rows that have the trait, lowest ordinal first, for the last kept rows of the same cell that have none of
    the traits asked for, until the share is reached."""
    missing = math.ceil(shares[trait] * len(chosen.kept)) - chosen.with_trait(trait)
    kept = {one.trajectory_id: one for one in chosen.kept}
    seen, done = {one.content for one in chosen.kept}, {one.task_id for one in chosen.kept}
    plain: dict[str, list[Candidate]] = {}
    for one in chosen.kept:
        if not one.traits & shares.keys():
            plain.setdefault(one.cell, []).append(one)
    swapped: dict[str, Candidate] = {}  # what takes a place: by id
    for one, reason in chosen.dropped:
        if missing <= 0:
            break
        fits = reason == "surplus" and trait in one.traits and plain.get(one.cell) and one.task_id not in done
        if not fits or (dedup and one.content in seen):
            continue
        if dedup and one.essence and not distinct.add(one.essence):
            continue
        out = plain[one.cell].pop()
        del kept[out.trajectory_id]
        swapped[out.trajectory_id] = out
        kept[one.trajectory_id] = swapped[one.trajectory_id] = one
        seen.add(one.content)
        done.add(one.task_id)
        missing -= 1
    chosen.kept = sorted(kept.values(), key=order)
    still = [(one, reason) for one, reason in chosen.dropped if one.trajectory_id not in kept]
    gone = [(one, "surplus") for one in swapped.values() if one.trajectory_id not in kept]
    chosen.dropped = sorted(still + gone, key=lambda pair: order(pair[0]))


def conversation_hash(messages: list[dict[str, Any]]) -> str:
    """A hash that two conversations share when only ids, letter case or spaces differ; system prompts do not count."""
    said = [
        [
            m["role"],
            _normal(m.get("content") or ""),
            [_normal(canonical(c.get("function", {}))) for c in m.get("tool_calls") or []],
        ]
        for m in messages
        if m["role"] != "system"
    ]
    return content_hash(said)


def _normal(value: Any) -> str:
    text = value if isinstance(value, str) else canonical(value)
    return " ".join(_ID_LIKE.sub("#", text).lower().split())


@dataclass
class ShardsOutput(Output):
    """The ledger of the shards, and how to build the folder."""

    folder: SftFolder | None = None

    def build(self, run_dir: Path) -> dict[str, Any]:
        """Write the folder aside; the driver swaps it in. Returns its name and the sha256 of each file."""
        assert self.folder is not None
        return write_sft(run_dir, self.folder)


def run(ctx: Context, part: Part) -> Output:
    """Choose the rows; the examples themselves are streamed when the folder is written."""
    inputs: Any = ctx.inputs
    planned = set(part.payload["parts"])
    found = [
        one for index in inputs.parts("trajectories") for one in candidates(inputs, index, bool(ctx.settings.shares))
    ]
    chosen = choose(
        (one for one in found if one.index in planned), ctx.settings.target, ctx.settings.dedup, ctx.settings.shares,
        ctx.settings.order,
    )  # fmt: skip
    chosen.dropped += [(one, one.refused or "surplus") for one in found if one.index not in planned]
    dropped = [
        DroppedRow(stage="shards", row_id=one.trajectory_id, parent_id=one.task_id, reason=reason,
                   detail=f"{one.kind} ordinal {one.ordinal} attempt {one.attempt}")
        for one, reason in chosen.dropped
    ]  # fmt: skip
    folder = SftFolder(
        splits=[split for split in ("train", "validation") if any(one.split == split for one in chosen.kept)],
        examples=lambda split: examples(inputs, [one for one in chosen.kept if one.split == split]),
        facts=_facts(inputs, chosen),
        row_group_bytes=ctx.settings.row_group_mib << 20,
    )
    return ShardsOutput(len(found), closed_with_rows=len(chosen.kept), dropped=dropped, folder=folder)


def examples(inputs: Any, kept: list[Candidate]) -> Iterator[dict[str, Any]]:
    """SFT examples in ordinal order, one part of trajectories in memory at a time."""
    agents = {row.agent_id: row for row in inputs.table("agents")}
    tools = {row.tool_id: row for row in inputs.table("tools")}
    by_part: dict[int, list[Candidate]] = {}
    for one in kept:
        by_part.setdefault(one.index, []).append(one)
    for index in sorted(by_part):  # parts hold rising ordinals, so this is ordinal order
        rows = {row.trajectory_id: row for row in inputs.part("trajectories", index)}
        for one in by_part[index]:
            row = rows[one.trajectory_id]
            offered = functions_of(agents[row.agent_id], tools)
            yield {
                "messages": [sft_message(message) for message in row.messages],
                "tools": json_text(offered),
                "trajectory_id": row.trajectory_id,
                "task_id": row.task_id,
                "kind": one.kind,
                "policy": row.policy,
                "score": one.score,
            }


def sft_message(message: Mapping[str, Any]) -> dict[str, Any]:
    """One message with the sft columns; absent fields are null. Loss falls on assistant messages."""
    calls = message.get("tool_calls")
    return {
        "role": message["role"],
        "content": message.get("content"),
        "reasoning_content": message.get("reasoning_content"),
        "name": message.get("name"),
        "tool_call_id": message.get("tool_call_id"),
        "train": message["role"] == "assistant",
        "tool_calls": [_sft_call(call) for call in calls] if calls else None,
    }


def _sft_call(call: Mapping[str, Any]) -> dict[str, Any]:
    arguments = call["function"]["arguments"]
    text = arguments if isinstance(arguments, str) else json_text(arguments)
    return {"id": call["id"], "type": "function", "function": {"name": call["function"]["name"], "arguments": text}}


def _facts(inputs: Any, chosen: Selection) -> dict[str, Any]:
    """What the dataset card states; counts only, in fixed order."""
    kept = {one.trajectory_id for one in chosen.kept}
    indexes = sorted({one.index for one in chosen.kept})
    rows = [r for r in inputs.columns("trajectories", ["trajectory_id", "agent_id", "policy"], indexes)
            if r["trajectory_id"] in kept]  # fmt: skip
    agents = {r["agent_id"]: r for r in inputs.columns("agents", ["agent_id", "world_ids", "tool_ids"])}
    worlds = {r["world_id"]: r for r in inputs.columns("worlds", ["world_id", "origin", "roots"])}
    tools = {r["tool_id"]: r["origin"] for r in inputs.columns("tools", ["tool_id", "origin"])}
    used = {r["agent_id"] for r in rows}
    used_worlds = {world_id for agent_id in used for world_id in agents[agent_id]["world_ids"]}
    used_tools = {tool_id for agent_id in used for tool_id in agents[agent_id]["tool_ids"]}
    return {
        "schema_version": SCHEMA_VERSION,
        "rows": dict(sorted(Counter(one.split for one in chosen.kept).items())),
        "kinds": dict(sorted(Counter(one.kind for one in chosen.kept).items())),
        "policies": dict(sorted(Counter(r["policy"] for r in rows).items())),
        "dropped": dict(sorted(Counter(reason for _, reason in chosen.dropped).items())),
        "agents": len(used),
        "worlds": dict(sorted(Counter(worlds[w]["origin"] for w in used_worlds if w in worlds).items())),
        "tools": dict(sorted(Counter(tools[t] for t in used_tools if t in tools).items())),
        "servers": len({root for w in used_worlds if w in worlds for root in worlds[w]["roots"]}),
    }
