"""What lowers the confidence in a reading: hints against the verb, parameters without effect, odd nouns."""

from __future__ import annotations

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.read import READ_KINDS, Bound, Context, Draft, NotLifted
from synth.worlds.lift.roles import is_context
from synth.worlds.lift.words import is_plural


def contradictions(d: Draft, kind: str, bound: list[Bound], context: Context) -> None:
    hint = d.tool.annotations.get("readOnlyHint")
    reads = kind in READ_KINDS
    if any(a.opaque for a in d.args) and not any(b.role not in ("ignored", "payload", "confirm") for b in bound):
        raise NotLifted("opaque")
    if hint is True and not reads:
        raise NotLifted("contradiction", f"read-only {kind}")
    if hint is False and reads and d.tool.annotations.get("destructiveHint") is True:
        d.doubt(0.2, "hint says it writes")
    real = [b for b in bound if not (b.role == "ignored" and is_context(b.arg, reads))]
    dead = [b for b in real if b.role == "ignored"]
    if len(real) >= 2 and len(dead) > len(real) / 2:
        d.doubt(0.25, "most parameters without effect")
    if any(b.role == "ignored" and b.arg.required for b in real):
        d.doubt(0.15, "a required parameter without effect")
    if kind in ("create", "update", "upsert", "send", "setting") and not any(
        b.role in ("field", "payload", "natural", "parent") for b in bound
    ):
        raise NotLifted("no_payload")
    if any(b.role == "payload" for b in bound):
        d.doubt(0.05, "payload inferred")
    if len(d.entity) > 3:
        d.doubt(0.1, "long noun")
    if any(w.isdigit() or len(w) == 1 for w in d.entity):
        d.doubt(0.15, "odd noun")
    stands = d.entity in context.made | context.written
    if d.entity[-1] in lx.VERBS and d.entity[-1] not in lx.NOUNISH and not stands:
        d.doubt(0.2, "the noun is a verb")
    if is_plural(d.entity[-1]):
        d.doubt(0.1, "plural noun")
