"""Rubric questions to a model: reasons before verdicts, each question answered exactly once, else it could not tell."""

from __future__ import annotations

from typing import Any

from rubrics import Result
from synth.models.prompts import fill
from synth.models.roles import Judged, Role
from synth.records import TaskRow, TrajectoryRow

PROMPT = "judge.j2"
QUESTIONS: dict[str, str] = {
    "asked.answered": "Did the person get what they asked for, or a plain reason why not?",
    "asked.true": "Is everything that the assistant told the person borne out by the conversation and the results?",
    "asked.needed": "Did the assistant do only what was asked for or needed for it?",
    "asked.clear": "Would the person understand from the answers what was done and what was not?",
}
VERDICTS = {"yes": True, "no": False, "cannot tell": None}
SHOWN = 6000  # characters of one message that the model sees
_ANSWER = {
    "type": "object", "additionalProperties": False, "required": ["id", "reason", "verdict"],
    "properties": {"id": {"enum": list(QUESTIONS)}, "reason": {"type": "string", "minLength": 1},
                   "verdict": {"enum": list(VERDICTS)}},
}  # fmt: skip
SCHEMA: dict[str, Any] = {
    "type": "object", "additionalProperties": False, "required": ["answers"],
    "properties": {"answers": {"type": "array", "items": _ANSWER}},
}  # fmt: skip


async def ask(role: Role, trajectory: TrajectoryRow, task: TaskRow) -> list[Result]:
    """One result per question. What stays unusable after one repair could not tell. ModelErrors go through."""
    talk = [(m["role"], _shown(m)) for m in trajectory.messages]
    prompt = fill(PROMPT, goal=task.goal["text"], talk=talk, questions=list(QUESTIONS.items()))
    answer = await role.ask(prompt, SCHEMA, check)
    if answer.value is None:
        return [_result(q, None, f"no usable answer: {answer.reason} {answer.detail}"[:300]) for q in QUESTIONS]
    return [_result(q, VERDICTS[answer.value[q]["verdict"]], answer.value[q]["reason"][:300]) for q in QUESTIONS]


def check(raw: dict[str, Any]) -> Judged[dict[str, dict[str, str]]]:
    """The answers by question, where each stands exactly once."""
    ids = [a["id"] for a in raw["answers"]]
    wrong = [f"{q} is answered {ids.count(q)} times, not once" for q in QUESTIONS if ids.count(q) != 1]
    if wrong:
        return Judged(None, reason="questions", sentences=wrong)
    return Judged({a["id"]: a for a in raw["answers"]})


def _result(question: str, passed: bool | None, evidence: str) -> Result:
    score = None if passed is None else float(passed)
    return Result(question, "style", True, passed, score, evidence)


def _shown(message: dict[str, Any]) -> str:
    calls = [f"{c['function']['name']}({c['function']['arguments']})" for c in message.get("tool_calls") or ()]
    return " ".join([str(message.get("content") or ""), *calls])[:SHOWN]
