"""The slots of the worlds stage that a model fills: each ends as a row, a drop with its reason or a failure, and says
which model wrote what."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from synth.errors import ModelError, ModelUnavailable, UsageError, classify
from synth.models.protocol import Sampling
from synth.models.roles import Answer, Role, added
from synth.models.said import said_by
from synth.models.session import Models, usage_rows
from synth.proposing import tools, words, worlds
from synth.records import DroppedRow, FailedRow, Row, Split, Usage, WorldRow, make_id, rng_for
from synth.stage import Context, Output, Part
from synth.worlds.evolve import pick_parents
from synth.worlds.evolve.hashes import marks_of
from synth.worlds.spec import World
from tools_catalog.taxonomy import Domain, Taxonomy

BOUNDARY = "worlds.propose"


@dataclass
class Ended:
    """What became of a slot: rows (one, or none), its drop or failure, and finer drops (`extra`)."""

    row: WorldRow | None = None
    dropped: DroppedRow | None = None
    failed: FailedRow | None = None
    extra: list[DroppedRow] = field(default_factory=list)
    roles: list[Role] = field(default_factory=list)  # each asked one thing


# --- proposed worlds ---


async def propose_worlds(
    ctx: Context,
    models: Models,
    part: Part,
    parents: Sequence[WorldRow],
    taxonomy: Taxonomy,
    split_of_domain: Callable[[str], Split],
) -> Output:
    """One proposed world per slot of the part, asked for side by side."""
    out = Output(opened=part.stop - part.start)
    jobs = []
    for ordinal in range(part.start, part.stop):
        row_id = make_id("world", ctx.seed, "worlds", "proposed", ordinal)
        found = slot_of(ordinal, ctx.seed, parents, taxonomy, split_of_domain)
        if isinstance(found, str):
            _close(out, Ended(dropped=_drop(row_id, "", found, "no world or domain to propose from")))
        else:
            jobs.append((row_id, found))
    for ended in await _asked(ctx, models, [partial(_proposed, ctx, models, *job) for job in jobs]):
        _close(out, ended)
    return out


def slot_of(
    ordinal: int, seed: int, parents: Sequence[WorldRow], taxonomy: Taxonomy, split_of_domain: Callable[[str], Split]
) -> worlds.Slot | str:
    """Parent and domain of a proposal, both in turn; a reason where there is none."""
    rows = pick_parents(ordinal, seed, parents)
    if not rows:
        return "no_parent"
    fit = [d for d in taxonomy.domains if split_of_domain(d.name) == rows[0].split and d.name != rows[0].domain]
    if not fit:
        return "no_domain"
    fit.sort(key=lambda d: make_id("propose", seed, d.name))
    domain: Domain = fit[ordinal % len(fit)]
    return worlds.Slot(ordinal, seed, rows[0], domain)


async def _proposed(ctx: Context, models: Models, row_id: str, slot: worlds.Slot) -> Ended:
    parent = slot.parent
    role = _role(ctx, models, row_id, worlds.MAX_TOKENS)
    try:
        answer = await worlds.propose_world(role, slot)
    except Exception as error:  # noqa: BLE001 - the boundary of a slot: classified and kept as a failed row
        return Ended(failed=_failure(row_id, parent.world_id, error), roles=[role])
    made = answer.value
    if made is None:
        return Ended(dropped=_drop(row_id, parent.world_id, answer.reason, answer.detail), roles=[role])
    world = made.world
    row = WorldRow(
        world_id=row_id, category=world.category, domain=world.domain, origin="synthetic", split=parent.split,
        server=world.server, parents=[parent.world_id], roots=world.roots, operators=world.operators, spec=world.dump(),
        marks=marks_of(world), model=_model(ctx, answer, tools=list(world.tools)),
    )  # fmt: skip
    return Ended(row, extra=[_part_drop(row_id, n, *why) for n, why in made.lost.items()], roles=[role])


# --- evolved worlds, revised ---


async def revise(ctx: Context, models: Models, out: Output) -> Output:
    """The evolved worlds of a part with the model's tools and words, where a share of them gets these. A model that
    refuses costs the world nothing (a finer drop says so); an endpoint that is gone fails the slot, so that it can be
    asked again."""
    asked = ctx.settings.propose
    rows, kept = [r for r in out.rows if isinstance(r, WorldRow)], Output(opened=out.opened)
    kept.dropped, kept.failed, kept.extra_drops = list(out.dropped), list(out.failed), out.extra_drops
    chosen = {row.world_id: wanted for row in rows if (wanted := _wanted(ctx.seed, row.world_id, asked))}
    if not chosen:
        return out
    asking = [row for row in rows if row.world_id in chosen]
    ended = iter(await _asked(ctx, models, [partial(_revised, ctx, models, r, chosen[r.world_id]) for r in asking]))
    for row in rows:
        _close(kept, next(ended) if row.world_id in chosen else Ended(row))
    return kept


def _wanted(seed: int, world_id: str, asked: Any) -> list[str]:
    """The operators for a world, by its id: the same whatever else is asked."""
    shares = ((tools.OPERATOR, asked.new_tools), (words.OPERATOR, asked.rewrite_descriptions))
    return [name for name, share in shares if rng_for(name, seed, world_id).random() < share]


async def _revised(ctx: Context, models: Models, row: WorldRow, wanted: list[str]) -> Ended:
    ended, world = Ended(), World.load(row.spec, row.world_id)
    new: list[str] = []
    worded: list[str] = []
    answers: list[Answer[Any]] = []
    for name in wanted:
        role = _role(ctx, models, row.world_id, tools.MAX_TOKENS if name == tools.OPERATOR else words.MAX_TOKENS)
        ended.roles.append(role)
        try:
            if name == tools.OPERATOR:
                grown = await tools.propose_tools(role, world, row.split)
                answers.append(grown)
                if grown.value is not None:
                    world, new = _by(grown.value.world, name), grown.value.names
                    ended.extra += [_part_drop(row.world_id, n, *why) for n, why in grown.value.lost.items()]
                    continue
            else:
                told = await words.rewrite_descriptions(role, world)
                answers.append(told)
                if told.value is not None:
                    ended.extra += [_part_drop(row.world_id, n, *why) for n, why in told.value.lost.items()]
                    if told.value.taken:
                        world, worded = _by(told.value.world, name), told.value.tools
                    continue
            ended.extra.append(_part_drop(row.world_id, name, answers[-1].reason, answers[-1].detail))
        except ModelUnavailable as error:
            return Ended(failed=_failure(row.world_id, row.parents[0] if row.parents else "", error), roles=ended.roles)
        except ModelError as error:
            reason = f"model_{type(error).__name__.removeprefix('Model').lower()}"
            ended.extra.append(_part_drop(row.world_id, name, reason, classify(error)[1]))
        except Exception as error:  # noqa: BLE001 - the boundary of a slot: classified and kept as a failed row
            return Ended(failed=_failure(row.world_id, row.parents[0] if row.parents else "", error), roles=ended.roles)
    if new or worded or len(world.operators) > len(row.operators):
        spent = sum_of(answers)
        ended.row = row.model_copy(update={
            "spec": world.dump(), "operators": world.operators, "marks": marks_of(world),
            "model": _model(ctx, spent, tools=new, descriptions=worded),
        })  # fmt: skip
    else:
        ended.row = row
    return ended


def _by(world: World, operator: str) -> World:
    return world.model_copy(update={"operators": [*world.operators, operator]})


# --- shared ---


async def _asked(ctx: Context, models: Models, jobs: list[Callable[[], Coroutine[Any, Any, Ended]]]) -> list[Ended]:
    """All jobs side by side. A model that cannot be made stops the run, not each slot."""
    models.client(ctx.settings.propose.backend)
    return await models.side_by_side([ctx.settings.propose.backend], jobs)


def _role(ctx: Context, models: Models, row_id: str, max_tokens: int) -> Role:
    sampling = Sampling(max_tokens=max_tokens, seed=int(row_id.rsplit("_", 1)[1], 16) % 2**31)
    asked = ctx.settings.propose
    return models.role("proposer", asked.backend, asked.model, sampling)


def _close(out: Output, ended: Ended) -> None:
    rows: list[Row] = [ended.row] if ended.row is not None else []
    out.rows += rows
    out.closed_with_rows += len(rows)
    out.dropped += [d for d in (ended.dropped,) if d is not None] + ended.extra
    out.extra_drops += len(ended.extra)
    out.failed += [f for f in (ended.failed,) if f is not None]
    ids = [
        end.world_id if isinstance(end, WorldRow) else end.row_id
        for end in (ended.row, ended.dropped, ended.failed)
        if end is not None
    ]
    for role in ended.roles:
        out.usage += usage_rows("worlds", ids[0], [role])


def _drop(row_id: str, parent_id: str, reason: str, detail: str) -> DroppedRow:
    return DroppedRow(stage="worlds", row_id=row_id, parent_id=parent_id, reason=reason, detail=detail[:1000])


def _part_drop(world_id: str, what: str, reason: str, detail: str) -> DroppedRow:
    """A tool or a text of a world that was left out."""
    return _drop(make_id("proposal", world_id, what), world_id, reason, f"{what}: {detail}")


def _failure(row_id: str, parent_id: str, error: BaseException) -> FailedRow:
    if isinstance(error, UsageError):
        raise error  # the user's to mend: stops the run
    class_, detail = classify(error)
    return FailedRow(stage="worlds", row_id=row_id, parent_id=parent_id, class_=class_, boundary=BOUNDARY,
                     detail=detail[:2000], attempts=1)  # fmt: skip


@dataclass(frozen=True)
class Spent:
    replies: int
    usage: Usage


def sum_of(answers: Sequence[Answer[Any]]) -> Spent:
    usage = Usage(requests=0, prompt_tokens=0, completion_tokens=0, cost_usd=0.0)
    for answer in answers:
        usage = added(usage, answer.usage)
    return Spent(sum(a.replies for a in answers), usage)


def _model(
    ctx: Context, spent: Answer[Any] | Spent, tools: Sequence[str], descriptions: Sequence[str] = ()
) -> dict[str, Any]:
    """What the row says about the model: its name, what it wrote, what that took."""
    asked = ctx.settings.propose
    return {
        "name": said_by(asked.backend, asked.model), "tools": list(tools), "descriptions": list(descriptions),
        "replies": spent.replies, "usage": spent.usage.model_dump(),
    }  # fmt: skip
