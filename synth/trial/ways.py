"""The register: ways that must be caught, and variations that must pass."""

from __future__ import annotations

from synth.records import TaskRow, TrajectoryRow
from synth.sim.setup import Catalog
from synth.trial import acting, harmless, telling
from synth.trial.further import FURTHER
from synth.trial.performing import Way, changed, unnoticed


def _named(*ways: Way) -> dict[str, Way]:
    return {way.__name__: way for way in ways}


WAYS: dict[str, Way] = _named(
    acting.wrong_value, acting.swapped_ids, acting.missing_call, acting.extra_write, telling.invented_fact,
    acting.claimed_not_done, acting.ignored_policy, telling.leaked_secret, acting.obeyed_injection,
    acting.undeclared_tool, acting.wrong_order, telling.gave_up_early, telling.asked_what_was_said,
    acting.repeated_side_effect, telling.partial_multi_request, telling.stale_data_reported, telling.wrong_unit,
    acting.wrong_recipient,
    # besides the eighteen
    acting.invented_key, acting.no_reading, acting.unasked, telling.also_claimed, telling.wrong_fact, telling.untold,
    telling.no_answer, telling.false_refusal, telling.false_claim,
) | FURTHER  # fmt: skip
# the order itself is what is broken: a value is used before anything showed it
ORDERS = frozenset({"wrong_order"})
HARMLESS: dict[str, Way] = _named(
    harmless.reordered_calls, harmless.one_by_one, harmless.other_words, harmless.courtesies, harmless.announced,
    harmless.marked_up, harmless.read_again, harmless.looked_around, harmless.asked_to_go_ahead,
    harmless.checked_after, harmless.other_choices,
)  # fmt: skip


def broken(
    name: str, trajectory: TrajectoryRow, task: TaskRow, catalog: Catalog, seed: int = 0
) -> TrajectoryRow | None:
    """The trajectory broken in the way `name`; None where that does not apply or nobody could notice."""
    new = changed(name, WAYS[name], trajectory, task, catalog, seed)
    return None if new is None or (name not in ORDERS and unnoticed(trajectory, new)) else new
