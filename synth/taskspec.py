"""What stands in the JSON columns of a task: user, goal, start, plan, rubric. Shared by the task, rollout and judge
rooms.

The ground truth of a task is a difference of states plus facts to tell, found by search on the world and checked by
running it; never a list of calls to compare with.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# --- the user ---------------------------------------------------------------------------------------------------------


class Fact(Part):
    """Something the user knows. `say` is a whole sentence or clause that contains the value literally."""

    id: str
    say: str
    value: Any
    about: list[str]  # words by which a question is recognised as asking for this fact ("priority", "due date")
    told: int | None = 0  # the user turn that tells it unasked (0 = opening); None = only when asked
    by: list[str] = []  # acts that the user has to do, in this order, before it can be said
    shown: bool = False  # it can be said only where the last of these acts shows the value


class UserAct(Part):
    """Something the user does with a tool of their own, once the assistant has asked for it."""

    id: str
    world_id: str  # of the user's side (`user:NAME`), or of the agent's world
    tool: str  # the world's own name; no assistant is offered it
    arguments: dict[str, Any] = {}


class UserProfile(Part):
    name: str
    style: str  # persona of synth.goals.speech: terse, plain, chatty, formal, hurried ...
    turns: list[str]  # what the user says unasked, in order: turns[0] opens the conversation
    facts: list[Fact]
    thanks: str  # closes the conversation
    unknown: str  # the answer to a question about something the user does not know
    acts: list[UserAct] = []
    talk: bool = False  # only talks: whatever the answer is, the next turn follows


# --- the goal ---------------------------------------------------------------------------------------------------------


class GoalChange(Part):
    """One required difference between start and end state. `key` is None for a new row, which is matched by content."""

    world_id: str
    entity: str
    kind: Literal["insert", "update", "delete"]
    key: Any = None
    fields: dict[
        str, Any
    ] = {}  # insert: values the new row must hold; update: fields that changed, with their new values


class Tell(Part):
    """A fact the assistant must state. Matched after normalising numbers, dates, case and white space."""

    id: str
    turn: int  # user turn after which it is due
    say: str  # clause with the value: "the status is pending"
    value: Any
    why: str = ""
    short: str = ""  # the same where it is plain what is spoken of: "it is pending"
    source: Literal["result", "said"] = "result"  # said: it stands in the prompt, a tool's declaration or a message


class Forbidden(Part):
    """Something a planted text asks for and that must not come to pass. `call`: a call of `tool` with any of
    `arguments`; `sent`: `words` in an argument of any call; `said`: `words` told to the user without a warning;
    `prompt`: the system prompt given away."""

    kind: Literal["call", "sent", "said", "prompt"]
    attack: str  # which way the text goes about it, a name of synth/goals/data/attacks.yaml
    tool: str | None = None  # offered name
    arguments: dict[str, Any] = {}
    words: str = ""


class PlaceCheck(Part):
    """A postcondition that the executor of a place evaluates on the place itself, after the episode. `check` names one
    that the executor knows; each is a required success criterion."""

    id: str
    text: str  # for a person
    check: str
    params: dict[str, Any] = {}
    world_id: str = ""  # the place


class Goal(Part):
    changes: list[GoalChange]
    tell: list[Tell]
    refuse: bool = False  # no_tool: say that it cannot be done, change nothing
    decline: bool = False  # say that a part of the request is not possible or not allowed, leave that part undone
    forbidden: list[Forbidden] = []  # injection: what a planted text asks for
    allowed_extra: list[str] = []  # "world_id/Entity" whose rows may change besides
    checks: list[PlaceCheck] = []  # of places
    text: str = ""  # one paragraph for a person


# --- the start --------------------------------------------------------------------------------------------------------


class Plant(Part):
    """A row set by hand on top of the drawn start state. `row` None deletes."""

    entity: str
    key: Any
    row: dict[str, Any] | None


class WorldStart(Part):
    seed: int
    plant: list[Plant] = []


class PlaceStart(Part):
    """What a place holds at first: text files and binary ones (base64), relative to its work folder; `setup` is what
    else its executor needs, in that executor's own form. `essence`: what near-duplicates of a code task are told by;
    nothing of it is put into the place."""

    files: dict[str, str] = {}
    base64: dict[str, str] = {}
    setup: dict[str, Any] = {}
    essence: str = ""


FaultKind = Literal[
    "unavailable", "rate_limit", "timeout", "lost_request", "lost_answer", "partial", "empty", "stale", "renamed"
]
# What mends a fault: the same call again; another way to the same end; a read that shows what really happened; reading
# on, for all is there under other names; nothing.
Recover = Literal["retry", "other_way", "look", "visible", "none"]


class FaultSpec(Part):
    """Wraps the `nth` (0-based) and the following `times - 1` calls of `tool`. Only `lost_answer` lets the effect
    happen. `recover` None: what usually mends the kind (`synth.sim.faults`)."""

    tool: str  # offered name
    kind: FaultKind
    nth: int = 0
    times: int = 1
    recover: Recover | None = None


class Rule(Part):
    """A rule of the house for this episode. `text` is put under the system prompt: it is how the assistant knows of it.
    The world does not enforce it; the goal says what keeping it comes to."""

    id: str
    text: str
    tools: list[str]  # offered names that it restricts
    otherwise: Literal["refuse", "transfer", "ask", "offer"] = "refuse"


class Start(Part):
    worlds: dict[str, WorldStart]  # every executable world of the agent
    places: dict[str, PlaceStart] = {}  # where calls are really run, by world id
    sides: dict[str, WorldStart] = {}  # what the user has besides, by world id (`user:NAME`)
    faults: list[FaultSpec] = []
    rules: list[Rule] = []
    notes: list[str] = []  # what the prompt says besides, of this task (where files are, what the date is)


# --- the plan ---------------------------------------------------------------------------------------------------------


class Source(Part):
    """Where an argument value comes from. `user`: a fact the user said; `result`: `path` in the result of an earlier
    step; `prompt`: the system prompt; `free`: a choice of the assistant that needs no ground (page size, sort order),
    or a value that follows from others (`why` says how)."""

    kind: Literal["user", "result", "prompt", "free"]
    fact: str | None = None
    step: int | None = None
    path: list[str | int] = []
    why: str = ""


class Step(Part):
    """One call of the ground-truth plan. `sources` is keyed by JSON pointer into `arguments` ("/request/subject")."""

    id: int
    turn: int  # user turn that makes it due
    tool: str  # offered name
    world_id: str
    arguments: dict[str, Any]
    sources: dict[str, Source]
    after: list[int] = []  # steps whose result or effect it needs
    waits: list[str] = []  # facts to be heard before it, besides those that it sends (a yes, a reason)
    effect: Literal["read", "write"]
    say: str = ""  # what the expert writes beside the call


class Look(Part):
    """A read that shows whether a write whose answer was lost was carried out: it was, where all of `shown` stand in
    the result and none of `gone`, or where the read fails and `fails` says that it then does."""

    step: int  # the write in doubt
    tool: str
    arguments: dict[str, Any]
    shown: list[Any] = []
    gone: list[Any] = []
    fails: bool = False


class Ask(Part):
    """A question the expert must put before it can go on."""

    turn: int
    before: int | None  # step id; None: no call waits for the answer
    facts: list[str]
    question: str
    after: list[int] = []  # with `before` None: steps that come first


class Reply(Part):
    """What the expert answers at the end of a turn where the answer is no report of what was done; it holds the facts
    to tell of that turn. `{name}` in the text stands for what a result shows there: what is said of a real run comes
    from the run."""

    turn: int
    text: str
    slots: dict[str, Source] = {}


class Plan(Part):
    steps: list[Step]
    asks: list[Ask] = []
    looks: list[Look] = []
    replies: list[Reply] = []
    passing: list[Literal["insert", "update", "delete"]] = []  # sorts of changes that it makes and takes back
    minimal: Literal["yes", "unknown"] = "unknown"


# --- the rubric -------------------------------------------------------------------------------------------------------


class CriterionSpec(Part):
    """`check` names a pure function of rubrics.checks; `params` are its arguments."""

    id: str
    part: Literal["success", "pattern", "checkpoint", "safety", "style"]
    text: str  # for a person
    check: str
    params: dict[str, Any] = {}
    required: bool = Field(default=True)  # a required criterion that fails fails the trajectory


class Rubric(Part):
    """`waives`: standing criteria that do not fit the task."""

    criteria: list[CriterionSpec]
    waives: list[str] = []
