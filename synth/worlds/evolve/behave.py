"""Operators that give a world behaviour of other kinds: batches, retries that are safe, work that ends later, curves,
transfers, compositions, scopes, fees and policies."""

from __future__ import annotations

import random

from synth.worlds.evolve.draft import DEntity, DEvent, DPolicy, Draft, Join, copy_tool
from synth.worlds.evolve.grow import added, near
from synth.worlds.evolve.repair import NUMERIC, required_refs
from synth.worlds.evolve.reshape import rules_for
from synth.worlds.infer import word_set
from synth.worlds.spec import FieldSpec, IdStyle

REQUEST_KEY = "request_key"
_SYSTEM_TEXT = FieldSpec(type="text", gen="url", null=0.6, set_by="system")
_SYSTEM_COUNT = FieldSpec(type="int", null=0.6, set_by="system")
_JOBS: tuple[tuple[str, str, bool, dict[str, FieldSpec], dict[str, str]], ...] = (
    # what it is, its verb, whether it is about one row, what is asked, what it leaves behind
    ("export", "start", False, {"file_format": FieldSpec(type="enum", of=["csv", "json", "xlsx"])},
     {"row_count": "count", "file_url": "url"}),
    ("report run", "request", False, {"period": FieldSpec(type="enum", of=["week", "month", "quarter"])},
     {"row_count": "count", "file_url": "url"}),
    ("sync", "start", False, {"source_name": FieldSpec(type="text", gen="label"), "full": FieldSpec(type="bool")},
     {"changed_count": "count"}),
    ("audit", "run", True, {"depth": FieldSpec(type="enum", of=["quick", "standard", "full"])},
     {"result_url": "url", "finished_at": "now"}),
    ("backup", "create", False, {"title": FieldSpec(type="text", gen="title")},
     {"row_count": "count", "archive_url": "url"}),
    ("analysis", "run", True, {"focus": FieldSpec(type="text", gen="topic")},
     {"result_url": "url", "finished_at": "now"}),
    ("check", "schedule", True, {"reason": FieldSpec(type="text", gen="issue_title")}, {"finished_at": "now"}),
)  # fmt: skip
_CURVES: dict[str, tuple[tuple[str, str, dict[str, tuple[str, float, float]]], ...]] = {
    "asset": (("telemetry sample", "hour", {"temperature": ("season", -5, 60), "load_percent": ("walk", 0, 100)}),
              ("usage day", "day", {"active_minutes": ("walk", 0, 900), "cycles": ("bursts", 0, 60)})),
    "place": (("occupancy sample", "hour", {"visitors": ("bursts", 0, 240), "energy_kwh": ("season", 1, 80)}),),
    "person": (("activity day", "day", {"active_minutes": ("walk", 0, 480), "completed": ("bursts", 0, 20)}),),
    "item": (("sales day", "day", {"units_sold": ("bursts", 0, 90), "revenue": ("walk", 0, 9000)}),
             ("price point", "day", {"open": ("walk", 2, 400), "high": ("walk", 2, 400), "low": ("walk", 2, 400),
                                     "close": ("walk", 2, 400)})),
    "group": (("traffic day", "day", {"visits": ("season", 0, 4000), "active_members": ("growth", 5, 900)}),),
    "document": (("readership day", "day", {"views": ("bursts", 0, 900), "downloads": ("bursts", 0, 120)}),),
    "event": (("attendance sample", "hour", {"present": ("bursts", 0, 300)}),),
    "job": (("effort day", "day", {"hours_spent": ("walk", 0, 16), "remaining_points": ("walk", 0, 80)}),),
    "org": (("spend day", "day", {"amount_spent": ("walk", 0, 9000), "orders_placed": ("bursts", 0, 40)}),),
}  # fmt: skip
_HELD: dict[str, tuple[str, FieldSpec]] = {  # what things of a slot hold that can be handed on
    "person": ("points", FieldSpec(type="int", range=(0, 900))), "org": ("credit", FieldSpec(type="money")),
    "group": ("budget", FieldSpec(type="money")), "place": ("budget", FieldSpec(type="money")),
    "money": ("balance", FieldSpec(type="money")),
}  # fmt: skip
_PLAYFUL = word_set("gaming_entertainment games-and-gamification ecommerce-and-retail education_elearning")
_PURSES = word_set("account wallet fund budget card pot portfolio ledger safe pool purse")


def plain(draft: Draft) -> list[str]:
    """Entities with rows of their own key that callers write."""
    return [n for n, e in draft.entities.items() if not (e.link or e.virtual or e.job)]


def batch(draft: Draft, rng: random.Random) -> bool:
    """A tool for many rows at once beside the one for a single row."""
    fit = [
        t for t in draft.tools
        if t.op in ("get", "delete", "move", "update") and t.of in plain(draft) and not (t.by or t.batch or t.joins)
        and not t.rules and (t.op != "update" or t.needs + t.may) and not t.envelope
    ]  # fmt: skip
    if not fit:
        return False
    tool = rng.choice(fit)
    mode = rng.choice(("all_or_nothing", "skip", "skip", "stop"))
    draft.tools.append(copy_tool(tool, batch=mode, extras=set(), filters=[], verb=tool.verb))
    return True


def idempotent(draft: Draft, rng: random.Random) -> bool:
    """A create that may be sent twice: the same key again makes nothing new."""
    fit = [
        t for t in draft.tools
        if t.op in ("create", "send") and t.of in plain(draft) and not t.extras and not t.preset and not t.envelope
    ]  # fmt: skip
    if not fit:
        return False
    tool = rng.choice(fit)
    tool.extras.add("idempotency")
    fields = draft.entities[tool.of].fields
    fields[REQUEST_KEY] = FieldSpec(type="text", gen="uuid", null=0.9, set_by="system")
    return True


def defer(draft: Draft, rng: random.Random) -> bool:
    """Work that is started now and done some calls later: a job with polling, and a way to call it off."""
    main = draft.main()
    if main not in plain(draft) or any(e.job for e in draft.entities.values()) or len(draft.entities) >= 7:
        return False
    what, verb, one_row, asked, left = rng.choice(_JOBS)
    noun = f"{draft.entities[main].noun} {what}"
    key = "_".join(noun.replace("-", " ").split())
    if key in draft.entities:
        return False
    entity = DEntity(noun, "", "job", rows=10, job=True, state="status")
    if one_row:
        entity.fields[main] = FieldSpec(type="ref", to=main, on_delete="cascade")
    entity.fields |= asked
    states = ["queued", "running", "done", "cancelled"]
    entity.fields["status"] = FieldSpec(type="enum", of=states, set_by="system")
    for name, kind in left.items():
        entity.fields[name] = {
            "count": _SYSTEM_COUNT, "url": _SYSTEM_TEXT, "now": FieldSpec(type="time", null=0.6, set_by="system"),
        }[kind]  # fmt: skip
    entity.moves = {"queued": ["cancelled"], "running": ["cancelled"], "done": [], "cancelled": []}
    entity.verbs = {"cancelled": "cancel"}
    entity.label = next((f for f in asked if asked[f].type == "text"), None)
    entity.id = IdStyle(kind=rng.choice(("token", "hex", "uuid")), prefix="job" if rng.random() < 0.5 else "", size=10)
    draft.entities[key] = entity
    like = near(draft, main)
    added(draft, like, "job", key, needs=[*([main] if one_row else []), *asked], verb=verb)
    added(draft, like, "get", key)
    if rng.random() < 0.8:
        added(draft, like, "move", key, to="cancelled")
    draft.events += [
        DEvent(key, "queued", 1, "running", {}, main),
        DEvent(key, "running", rng.choice((1, 2, 3)), "done", left, main),
    ]
    return True


def measure(draft: Draft, rng: random.Random) -> bool:
    """Values over time of one of the world's things, and often the latest of them."""
    fit = [n for n in plain(draft) if draft.entities[n].slot in _CURVES]
    if not fit or any(e.virtual for e in draft.entities.values()):
        return False
    name = draft.main() if draft.main() in fit and rng.random() < 0.6 else rng.choice(fit)
    what, step, values = rng.choice(_CURVES[draft.entities[name].slot])
    owner = draft.entities[name]
    key = f"{name}_{what.replace(' ', '_')}"
    at = "measured_at" if step == "hour" else "day"
    fields = {name: FieldSpec(type="ref", to=name), at: FieldSpec(type="time" if step == "hour" else "date")}
    for field, (shape, low, high) in values.items():
        whole = field in ("visitors", "cycles", "completed", "units_sold", "visits", "active_members", "views",
                          "downloads", "present", "orders_placed", "active_minutes", "remaining_points")  # fmt: skip
        fields[field] = FieldSpec(type="int" if whole else "number", gen=shape, range=(low, high))
    draft.entities[key] = DEntity(f"{owner.noun} {what}", "", "record", fields, virtual=(name, at), step=step)
    like = near(draft, name)
    added(draft, like, "series", key)
    if rng.random() < 0.4:
        added(draft, like, "get", key)
    return True


def transfer(draft: Draft, rng: random.Random) -> bool:
    """An amount moved from one row to another of its kind; the sum stays."""
    fit = [n for n in plain(draft) if _holds(draft, n)]
    if not fit:
        return False
    name = rng.choice(fit)
    entity = draft.entities[name]
    field, spec = _HELD[entity.slot]
    if any(t.op == "transfer" for t in draft.tools) or (
        field in entity.fields and entity.fields[field].type not in NUMERIC
    ):
        return False
    entity.fields.setdefault(field, spec)
    kept = entity.fields[field]
    entity.fields[field] = kept.model_copy(update={"null": 0.0, "set_by": "system"})
    for tool in draft.of(name):  # what can be handed on is not typed over
        tool.needs, tool.may = [f for f in tool.needs if f != field], [f for f in tool.may if f != field]
        tool.rules = [r for r in tool.rules if r.field != field]
    added(draft, near(draft, name), "transfer", name, amount=field)
    return True


def _holds(draft: Draft, name: str) -> bool:
    """Whether a person would hand something on between two of these."""
    entity = draft.entities[name]
    if entity.slot == "money":
        return entity.noun.split()[-1] in _PURSES
    return entity.slot in _HELD and (entity.slot != "person" or draft.category in _PLAYFUL)


def compose(draft: Draft, rng: random.Random) -> bool:
    """Two steps that are often taken together become one: made and moved on at once, or a row with what hangs on it."""
    forms = [_overview, _overview, _ready_made]
    rng.shuffle(forms)
    return any(form(draft, rng) for form in forms)


def _ready_made(draft: Draft, rng: random.Random) -> bool:
    """A create that leaves the row in the state after the first move."""
    for name in plain(draft):
        entity = draft.entities[name]
        makers = [t for t in draft.of(name) if t.op == "create" and not t.rules and "idempotency" not in t.extras]
        first = next(iter(entity.moves), None)
        if not makers or first is None or not entity.moves[first] or entity.state is None:
            continue
        state = entity.moves[first][0]
        if state in entity.verbs:
            draft.tools.append(copy_tool(makers[0], preset=(entity.state, state), verb=entity.verbs[state]))
            return True
    return False


def _overview(draft: Draft, rng: random.Random) -> bool:
    """One row with counts and sums over the rows that refer to it."""
    options = []
    for name in plain(draft):
        links = [(c, f) for c, f in draft.children(name) if c != name and not draft.entities[c].virtual]
        if links and not any(t.joins for t in draft.of(name)):
            options.append((name, links))
    if not options:
        return False
    name, links = rng.choice(options)
    joins: list[Join] = []
    for child, field in links[:2]:
        other = draft.entities[child]
        joins.append(Join(f"{child}_count", "count", child, field))
        sums = [f for f, s in other.fields.items() if s.type in NUMERIC and not s.nullable]
        if sums and rng.random() < 0.6:
            joins.append(Join(f"total_{sums[0]}", "sum", child, field, sums[0]))
        if other.state and len(other.moves) > 2 and rng.random() < 0.5:
            state = rng.choice(list(other.moves))
            joins.append(Join(f"{state}_{child}_count", "state", child, field, state))
    tool = added(draft, near(draft, name), "get", name)
    tool.joins = list({j.name: j for j in joins if j.name not in draft.entities[name].fields}.values())
    return True


def scope(draft: Draft, rng: random.Random) -> bool:
    """Rows are named inside their parent: every tool of an entity asks for the parent's id as well."""
    options = [
        (n, f) for n in plain(draft) for f in required_refs(draft.entities[n])
        if draft.entities[n].fields[f].to != n and draft.entities[n].fields[f].to in plain(draft)
    ]  # fmt: skip
    if not options:
        return False
    name, field = rng.choice(options)
    done = False
    for tool in draft.of(name):
        if tool.op in ("get", "delete", "move", "list", "search") and not tool.by and not tool.batch:
            tool.filters = [(field, "eq", True), *(f for f in tool.filters if f[0] != field)]
            done = True
        elif tool.op == "update" and field not in tool.needs + tool.may and not tool.batch:
            tool.filters = [(field, "eq", True)]
            done = True
    return done


def add_fee(draft: Draft, rng: random.Random) -> bool:
    """Making a row costs: a fee that the world works out from the amount."""
    for name in plain(draft):
        entity = draft.entities[name]
        amounts = [f for f, s in entity.fields.items() if s.type == "money" and s.set_by == "tool" and not s.nullable]
        makers = [t for t in draft.of(name) if t.op == "create" and not t.envelope and not t.preset]
        if amounts and makers and "fee" not in entity.fields:
            entity.fields["fee"] = FieldSpec(type="money", set_by="system", null=0.1)
            tool = makers[0]
            tool.needs = list(dict.fromkeys([*tool.needs, amounts[0]]))
            tool.may = [f for f in tool.may if f != amounts[0]]
            tool.fee = (amounts[0], rng.choice((0.01, 0.015, 0.02, 0.025, 0.05)))
            return True
    return False


def add_policy(draft: Draft, rng: random.Random) -> bool:
    """A rule of the house over one tool: held by the tool (the call fails) or by the assistant (it should not call)."""
    found = [
        (t, rule) for t in draft.tools for rule in rules_for(draft, t)
        if not t.rules and not t.batch and rule.kind in ("not_in_state", "needs_ref", "ceiling", "ref_state")
    ]  # fmt: skip
    if not found or draft.policies:
        return False
    tool, rule = rng.choice(found)
    held = "tool" if rng.random() < 0.4 else "assistant"
    draft.policies.append(DPolicy(tool, rule, held, rng.choice(("refuse", "refuse", "transfer", "offer"))))
    return True
