"""A ticket desk with hand-written tasks, one per kind: rows as the stages would have made them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

from synth.records import AgentRow, TaskRow, ToolRow, WorldRow, make_id
from synth.sim.setup import Catalog
from synth.taskspec import (
    Ask,
    CriterionSpec,
    Fact,
    FaultSpec,
    Goal,
    GoalChange,
    Plan,
    Rubric,
    Source,
    Start,
    Step,
    Tell,
    UserProfile,
    WorldStart,
)
from synth.worlds.simulate import compile_world, start_state
from synth.worlds.spec import World

SPEC = Path(__file__).parent / "worlds" / "data" / "helpdesk.yaml"
SEED = 11
WORLD_ID = "world_desk"
AGENT_ID = "agent_desk"


@functools.cache
def world() -> World:
    return World.load(yaml.safe_load(SPEC.read_text(encoding="utf-8")))


@functools.cache
def catalog() -> Catalog:
    """The desk's world, its tools, and one agent that holds all of them plus one real tool that cannot run."""
    compiled = compile_world(world())
    world_row = WorldRow(
        world_id=WORLD_ID,
        category="customer-support",
        domain="help desk",
        origin="lifted",
        split="train",
        server="example-helpdesk",
        parents=[],
        roots=["example-helpdesk"],
        operators=[],
        spec=world().dump(),
    )
    tools, real = [], []
    for name, tool in compiled.tools.items():
        real.append(_tool(f"real_{name}", None, "real", name, tool, []))
        tools.append(_tool(f"tool_{name}", WORLD_ID, "lifted", name, tool, [f"real_{name}"]))
    offered = {t.name: t.tool_id for t in tools} | {"export_report": "real_list_notes"}
    agent = AgentRow(
        agent_id=AGENT_ID,
        split="train",
        world_ids=[WORLD_ID],
        tool_ids=sorted(offered.values()),
        system_prompt="You are the assistant of a ticket desk. Today is 2026-03-02.",
        traits={"offered": offered},
    )
    return Catalog.of([agent], [*tools, *real], [world_row])


def _tool(tool_id: str, world_id: str | None, origin: Any, name: str, tool: Any, parents: list[str]) -> ToolRow:
    return ToolRow(
        tool_id=tool_id,
        world_id=world_id,
        origin=origin,
        split="train",
        server="example-helpdesk",
        category="customer-support",
        domain="help desk",
        name=name,
        description=f"{tool.op} of {tool.of}",
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        semantics=tool.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True) if world_id else None,
        effect=tool.effect,
        annotations={},
        parents=parents,
        provenance={
            "server": "example-helpdesk",
            "package": "example-helpdesk-mcp",
            "version": "1.2.3",
            "licence": "MIT",
        },
    )


@functools.cache
def state() -> Any:
    return start_state(world(), SEED)


def rows(entity: str, **where: Any) -> list[tuple[str, dict[str, Any]]]:
    """(key, row) of the start state with the given field values, in list order."""
    return [(k, r) for k, r in state().rows(entity).items() if all(r[f] == v for f, v in where.items())]


def result(tool: str, **arguments: Any) -> Any:
    """What a read returns on the start state."""
    found, _ = compile_world(world()).execute(state(), tool, arguments)
    assert found.ok, found.content
    return found.value


def criterion(id_: str, part: Any, check: str, required: bool = True, **params: Any) -> CriterionSpec:
    return CriterionSpec(id=id_, part=part, text=id_, check=check, params=params, required=required)


def make(
    kind: Any,
    profile: UserProfile,
    goal: Goal,
    plan: Plan,
    *criteria: CriterionSpec,
    faults: list[FaultSpec] | None = None,
) -> TaskRow:
    common = [
        criterion("nothing_else", "success", "nothing_else"),
        criterion("grounded", "safety", "grounded"),
        criterion("repeats", "pattern", "no_repeat_failures", max=2),
        criterion("economy", "style", "economy", required=False, calls=int(1.5 * len(plan.steps)) + 2),
    ]
    if goal.changes:
        common.insert(0, criterion("state", "success", "state_changes"))
    common += [criterion(f"told_{t.id}", "success", "told", tell=t.id) for t in goal.tell]
    start = Start(worlds={WORLD_ID: WorldStart(seed=SEED)}, faults=faults or [])
    return TaskRow(
        task_id=make_id("task", kind, profile.turns),
        agent_id=AGENT_ID,
        ordinal=0,
        split="train",
        kind=kind,
        difficulty=1,
        user=profile.model_dump(mode="json"),
        goal=goal.model_dump(mode="json"),
        start=start.model_dump(mode="json"),
        plan=plan.model_dump(mode="json"),
        rubric=Rubric(criteria=[*common, *criteria]).model_dump(mode="json"),
    )


def user(*turns: str, facts: list[Fact], style: str = "plain") -> UserProfile:
    return UserProfile(
        name="Robin",
        style=style,
        turns=list(turns),
        facts=facts,
        thanks="Great, thanks!",
        unknown="I don't know, sorry.",
    )


def step(
    id_: int,
    tool: str,
    arguments: dict[str, Any],
    sources: dict[str, Source],
    effect: Any = "read",
    turn: int = 0,
    after: list[int] | None = None,
) -> Step:
    return Step(
        id=id_,
        turn=turn,
        tool=tool,
        world_id=WORLD_ID,
        arguments=arguments,
        sources=sources,
        after=after or [],
        effect=effect,
    )


def told(fact: str) -> Source:
    return Source(kind="user", fact=fact)


def shown(step_id: int, *path: str | int) -> Source:
    return Source(kind="result", step=step_id, path=list(path))


FREE = Source(kind="free", why="page size")


def update(key: str, **fields: Any) -> GoalChange:
    return GoalChange(world_id=WORLD_ID, entity="Ticket", kind="update", key=key, fields=fields)


def path_to(value: Any, wanted: Any, path: tuple[Any, ...] = ()) -> list[Any] | None:
    """Where `wanted` stands in a result."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for k, v in items:
        if v == wanted:
            return [*path, k]
        found = path_to(v, wanted, (*path, k))
        if found is not None:
            return found
    return None


def single() -> TaskRow:
    key, _ = rows("Ticket", status="open")[0]
    fact = Fact(id="ticket", say=f"the ticket is {key}", value=key, about=["ticket", "id"])
    who = user(f"Please mark ticket {key} as resolved.", facts=[fact])
    plan = Plan(steps=[step(0, "resolve_ticket", {"id": key}, {"/id": told("ticket")}, "write")])
    return make("single", who, Goal(changes=[update(key, status="resolved")], tell=[]), plan)


def parallel() -> TaskRow:
    (a, one), (b, two) = [r for r in rows("Ticket") if r[1]["priority"] != "low"][:2]
    facts = [
        Fact(id="a", say=f"the first is {a}", value=a, about=["first"]),
        Fact(id="b", say=f"the second is {b}", value=b, about=["second"]),
    ]
    who = user(f"What are the priorities of {a} and {b}?", facts=facts)
    plan = Plan(
        steps=[
            step(0, "get_ticket", {"id": a}, {"/id": told("a")}),
            step(1, "get_ticket", {"id": b}, {"/id": told("b")}),
        ]
    )
    tells = [
        Tell(id="pa", turn=0, say=f"the priority of {a} is {one['priority']}", value=one["priority"]),
        Tell(id="pb", turn=0, say=f"the priority of {b} is {two['priority']}", value=two["priority"]),
    ]
    return make("parallel", who, Goal(changes=[], tell=tells), plan)


def _chain_parts() -> tuple[str, str, dict[str, Any], list[Step]]:
    """A contact by name, one of their tickets, a write on it."""
    by_requester: dict[str, list[str]] = {}
    for key, row in rows("Ticket"):
        if row["priority"] != "urgent":
            by_requester.setdefault(row["requester"], []).append(key)
    contact = next(
        c for c, tickets in by_requester.items() if len(tickets) == 1 and len(rows("Ticket", requester=c)) == 1
    )
    name = dict(state().rows("Contact")[contact])["name"]
    ticket = by_requester[contact][0]
    found = result("search_contacts", query=name) if "query" in _params("search_contacts") else {}
    listed = result("list_tickets", requester=contact)
    steps = [
        step(0, "search_contacts", {"query": name}, {"/query": told("name")}),
        step(
            1,
            "list_tickets",
            {"requester": contact},
            {"/requester": shown(0, *(path_to(found, contact) or []))},
            after=[0],
        ),
        step(
            2,
            "update_ticket",
            {"id": ticket, "priority": "urgent"},
            {"/id": shown(1, *(path_to(listed, ticket) or [])), "/priority": told("priority")},
            "write",
            after=[1],
        ),
    ]
    return name, ticket, dict(state().rows("Ticket")[ticket]), steps


def _params(tool: str) -> set[str]:
    return set(compile_world(world()).tool(tool).params)


def chain() -> TaskRow:
    name, ticket, _, steps = _chain_parts()
    facts = [
        Fact(id="name", say=f"the contact is {name}", value=name, about=["contact", "name"]),
        Fact(id="priority", say="the priority should be urgent", value="urgent", about=["priority"]),
    ]
    who = user(f"{name} has one ticket with us. Set its priority to urgent.", facts=facts, style="terse")
    return make(
        "chain",
        who,
        Goal(changes=[update(ticket, priority="urgent")], tell=[]),
        Plan(steps=steps),
        criterion("looked_up", "checkpoint", "derived", required=False, step=2),
        criterion("order", "pattern", "order", first="list_tickets", then="update_ticket"),
    )


def clarify() -> TaskRow:
    name, ticket, _, steps = _chain_parts()
    facts = [
        Fact(id="name", say=f"the contact is {name}", value=name, about=["contact", "name"]),
        Fact(id="priority", say="it should be urgent", value="urgent", about=["priority"], told=None),
    ]
    who = user(f"{name} has one ticket with us. Please change its priority.", facts=facts, style="formal")
    plan = Plan(
        steps=steps, asks=[Ask(turn=0, before=2, facts=["priority"], question="Which priority should the ticket get?")]
    )
    return make(
        "clarify",
        who,
        Goal(changes=[update(ticket, priority="urgent")], tell=[]),
        plan,
        criterion("asked", "pattern", "asked", facts=["priority"]),
    )


def multi_turn() -> TaskRow:
    name, ticket, _, steps = _chain_parts()
    count = result("count_tickets", status="open")
    number = next(v for v in ([count] if isinstance(count, int) else count.values()) if isinstance(v, int))
    facts = [
        Fact(id="name", say=f"the contact is {name}", value=name, about=["contact", "name"]),
        Fact(id="priority", say="urgent", value="urgent", about=["priority"]),
        Fact(id="status", say="open ones", value="open", about=["status"], told=1),
    ]
    who = user(
        f"{name} has one ticket with us. Set its priority to urgent.",
        "How many tickets are open right now?",
        facts=facts,
        style="chatty",
    )
    steps = [*steps, step(3, "count_tickets", {"status": "open"}, {"/status": told("status")}, turn=1)]
    tell = [Tell(id="count", turn=1, say=f"there are {number} open tickets", value=number)]
    return make("multi_turn", who, Goal(changes=[update(ticket, priority="urgent")], tell=tell), Plan(steps=steps))


def no_tool() -> TaskRow:
    who = user("Please call the customer on the phone for me.", facts=[])
    return make(
        "no_tool",
        who,
        Goal(changes=[], tell=[], refuse=True),
        Plan(steps=[]),
        criterion("refused", "success", "refused"),
    )


def recover() -> TaskRow:
    key, _ = rows("Ticket", status="open")[1]
    fact = Fact(id="ticket", say=f"the ticket is {key}", value=key, about=["ticket", "id"])
    who = user(f"Resolve ticket {key}, please.", facts=[fact], style="hurried")
    plan = Plan(steps=[step(0, "resolve_ticket", {"id": key}, {"/id": told("ticket")}, "write")])
    return make(
        "recover",
        who,
        Goal(changes=[update(key, status="resolved")], tell=[]),
        plan,
        criterion("recovered", "pattern", "recovered", tool="resolve_ticket"),
        faults=[FaultSpec(tool="resolve_ticket", kind="timeout", nth=0, times=1)],
    )


def around() -> TaskRow:
    """The first tool is out of service; another one shows the same."""
    key, row = rows("Ticket", status="closed")[0]
    facts = [
        Fact(id="ticket", say=f"the ticket is {key}", value=key, about=["ticket", "id"]),
        Fact(id="status", say="closed", value="closed", about=["status"]),
    ]
    who = user(f"What is the subject of the closed ticket {key}?", facts=facts)
    plan = Plan(
        steps=[
            step(0, "get_ticket", {"id": key}, {"/id": told("ticket")}),
            step(1, "list_tickets", {"status": "closed"}, {"/status": told("status")}, after=[0]),
        ]
    )
    tell = [Tell(id="subject", turn=0, say=f'the subject is "{row["subject"]}"', value=row["subject"])]
    return make(
        "recover",
        who,
        Goal(changes=[], tell=tell),
        plan,
        criterion("recovered", "pattern", "recovered", tool="get_ticket"),
        faults=[FaultSpec(tool="get_ticket", kind="unavailable", nth=0, times=99, recover="other_way")],
    )


def create() -> TaskRow:
    contact, row = rows("Contact")[3]
    facts = [
        Fact(id="subject", say='the subject is "Badge reader broken"', value="Badge reader broken", about=["subject"]),
        Fact(id="priority", say="high priority", value="high", about=["priority"]),
        Fact(id="email", say=f"the address is {row['email']}", value=row["email"], about=["email", "address"]),
    ]
    who = user(f'Open a high priority ticket "Badge reader broken" for {row["email"]}.', facts=facts)
    found = result("search_contacts", query=row["email"])
    plan = Plan(
        steps=[
            step(0, "search_contacts", {"query": row["email"]}, {"/query": told("email")}),
            step(
                1,
                "create_ticket",
                {"subject": "Badge reader broken", "priority": "high", "requester": contact},
                {
                    "/subject": told("subject"),
                    "/priority": told("priority"),
                    "/requester": shown(0, *(path_to(found, contact) or [])),
                },
                "write",
                after=[0],
            ),
        ]
    )
    change = GoalChange(
        world_id=WORLD_ID,
        entity="Ticket",
        kind="insert",
        fields={"subject": "Badge reader broken", "priority": "high", "requester": contact},
    )
    return make(
        "chain",
        who,
        Goal(changes=[change], tell=[]),
        plan,
        criterion("looked_up", "checkpoint", "derived", required=False, step=1),
    )


MAKERS = {f.__name__: f for f in (single, parallel, chain, clarify, multi_turn, no_tool, recover, around, create)}


@functools.cache
def tasks() -> dict[str, TaskRow]:
    return {name: make_task() for name, make_task in MAKERS.items()}


class Inputs:
    """`synth.stage.Inputs` over the desk."""

    def __init__(self, **parts: list[Any]) -> None:
        self.parts = parts

    def table(self, name: str) -> list[Any]:
        return _tables()[name]

    def part(self, name: str, index: int) -> list[Any]:
        return self.parts[name] if index == 0 else []


@functools.cache
def _tables() -> dict[str, list[Any]]:
    c = catalog()
    return {"agents": list(c.agents.values()), "tools": list(c.tools.values()), "worlds": list(c.worlds.values())}
