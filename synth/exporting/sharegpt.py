"""Formats that are turns of `from` and `value`: LLaMA-Factory's ShareGPT and the Hermes text form."""

from __future__ import annotations

import json
from typing import Any

from synth.exporting.example import Call, Example, Message, Unsayable
from synth.exporting.openai import all_train
from synth.records import json_text

DATASET_INFO = (
    json.dumps(
        {
            f"synth_{split}": {
                "file_name": f"{split}.jsonl", "formatting": "sharegpt",
                "columns": {"messages": "conversations", "system": "system", "tools": "tools"},
                "tags": {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt",
                         "observation_tag": "observation", "function_tag": "function_call", "system_tag": "system"},
            }
            for split in ("train", "validation")
        }, indent=1,
    ) + "\n"
)  # fmt: skip


class LlamaFactory:
    """Strictly alternating turns. A turn is words or calls, never both: words beside calls are lost. Results of calls
    made together share one observation, as a list."""

    def write(self, example: Example, lossy: set[str]) -> dict[str, Any]:
        all_train(example)
        if any(m.reasoning for m in example.messages):
            lossy.add("reasoning")
        body = example.messages[1:] if example.messages[0].role == "system" else example.messages
        turns: list[dict[str, str]] = []
        place = 0
        while place < len(body):
            results = _run_of_results(body, place)
            turns.append(_results(results, lossy) if results else _turn(body[place], lossy))
            place += max(1, len(results))
        if any((turn["from"] in ("human", "observation")) != (i % 2 == 0) for i, turn in enumerate(turns)):
            raise Unsayable("turn_order")
        if len(turns) % 2:
            raise Unsayable("ends_with_the_user")
        system = example.messages[0].content if example.messages[0].role == "system" else ""
        return {"conversations": turns, "system": system, "tools": json_text([t["function"] for t in example.tools])}

    def read(self, row: Any) -> tuple[list[Message], list[dict[str, Any]]]:
        messages = [Message("system", row["system"])] if row["system"] else []
        made, waiting = 0, []
        for turn in row["conversations"]:
            value = turn["value"]
            if turn["from"] == "function_call":
                asked = json.loads(value)
                asked = asked if isinstance(asked, list) else [asked]
                calls = [Call(str(made + i), c["name"], c["arguments"]) for i, c in enumerate(asked)]
                made, waiting = made + len(calls), [c.id for c in calls]
                messages.append(Message("assistant", calls=tuple(calls), train=True))
            elif turn["from"] == "observation":
                results = [value] if len(waiting) == 1 else [_as_result(v) for v in json.loads(value)]
                messages += [Message("tool", r, answers=i) for r, i in zip(results, waiting, strict=True)]
            else:
                learned = turn["from"] == "gpt"
                messages.append(Message("assistant" if learned else "user", value, train=learned))
        return messages, [{"type": "function", "function": f} for f in json.loads(row["tools"])]


def _run_of_results(messages: list[Message], place: int) -> list[Message]:
    end = place
    while end < len(messages) and messages[end].role == "tool":
        end += 1
    return messages[place:end]


def _results(results: list[Message], lossy: set[str]) -> dict[str, str]:
    if len(results) == 1:
        return {"from": "observation", "value": results[0].content}
    lossy.add("results_joined")
    return {"from": "observation", "value": json_text([_as_object(m.content) for m in results])}


def _turn(message: Message, lossy: set[str]) -> dict[str, str]:
    if message.role == "user":
        return {"from": "human", "value": message.content}
    if message.role != "assistant":
        raise Unsayable("turn_order")
    if not message.calls:
        return {"from": "gpt", "value": message.content}
    if message.content:
        lossy.add("words_beside_calls")
    asked = [{"name": c.name, "arguments": c.arguments} for c in message.calls]
    return {"from": "function_call", "value": json_text(asked[0] if len(asked) == 1 else asked)}


TAGS = ("<tools>", "</tools>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
_HOW = (
    "The functions that can be called stand as JSON between the tools tags. To call one, write its arguments and its "
    "name as JSON between tool_call tags, one pair of tags for each call; what comes of it is shown between "
    "tool_response tags."
)


class Hermes:
    """Tags in the text: `<tools>` in the system turn, `<tool_call>` and `<tool_response>`."""

    def write(self, example: Example, lossy: set[str]) -> dict[str, Any]:
        all_train(example)
        if any(m.reasoning for m in example.messages):
            lossy.add("reasoning")
        texts = [m.content for m in example.messages]
        texts += [json_text([c.arguments for c in m.calls]) for m in example.messages] + [json_text(example.tools)]
        if any(tag in text for text in texts for tag in TAGS):
            raise Unsayable("tags_in_the_text")
        first = example.messages[0].role == "system"
        turns = [{"from": "system", "value": _opening(example.messages[0].content if first else "", example.tools)}]
        body = example.messages[1:] if first else example.messages
        place = 0
        while place < len(body):
            results = _run_of_results(body, place)
            turns.append({"from": "tool", "value": "\n".join(map(_response, results))} if results
                         else _hermes_turn(body[place]))  # fmt: skip
            place += max(1, len(results))
        return {"id": example.id, "conversations": turns}

    def read(self, row: Any) -> tuple[list[Message], list[dict[str, Any]]]:
        system, _, rest = row["conversations"][0]["value"].rpartition(_HOW + "\n<tools>\n")
        tools = json.loads(rest.removesuffix("\n</tools>"))
        messages = [Message("system", system.removesuffix("\n\n"))] if system else []
        waiting: list[Call] = []
        made = 0
        for turn in row["conversations"][1:]:
            if turn["from"] == "tool":
                told = [json.loads(text) for text in between(turn["value"], "tool_response")[1]]
                messages += [Message("tool", _as_result(r["content"]), answers=c.id, name=r["name"])
                             for r, c in zip(told, waiting, strict=True)]  # fmt: skip
                continue
            words, asked = between(turn["value"], "tool_call") if turn["from"] == "gpt" else (turn["value"], [])
            waiting = [Call(str(made + i), c["name"], c["arguments"]) for i, c in enumerate(map(json.loads, asked))]
            made += len(waiting)
            learned = turn["from"] == "gpt"
            messages.append(Message("assistant" if learned else "user", words, calls=tuple(waiting), train=learned))
        return messages, tools


def _opening(system: str, tools: list[dict[str, Any]]) -> str:
    return (f"{system}\n\n" if system else "") + f"{_HOW}\n<tools>\n{json_text(tools)}\n</tools>"


def _hermes_turn(message: Message) -> dict[str, str]:
    if message.role == "user":
        return {"from": "human", "value": message.content}
    if message.role != "assistant":
        raise Unsayable("turn_order")
    calls = [
        f"<tool_call>\n{json_text({'arguments': c.arguments, 'name': c.name})}\n</tool_call>" for c in message.calls
    ]
    return {"from": "gpt", "value": "\n".join([message.content, *calls] if message.content else calls)}


def _response(message: Message) -> str:
    told = {"name": message.name, "content": _as_object(message.content)}
    return f"<tool_response>\n{json_text(told)}\n</tool_response>"


def between(text: str, tag: str) -> tuple[str, list[str]]:
    """The words before the first pair of tags, and what stands in each pair. Raises ValueError for any other text
    between or behind the pairs."""
    opens, closes = f"<{tag}>\n", f"\n</{tag}>"
    words, *parts = text.split(opens)
    if not parts:
        return words, []
    inner = []
    for place, part in enumerate(parts):
        body, found, rest = part.partition(closes)
        if not found or rest != ("\n" if place < len(parts) - 1 else ""):
            raise ValueError(f"unexpected text around <{tag}>: {rest[:40]!r}")
        inner.append(body)
    return words.removesuffix("\n"), inner


def _as_object(text: str) -> Any:
    """A result as the object that it writes out, where it is exactly that; else the text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict | list) and _as_result(value) == text else text


def _as_result(value: Any) -> str:
    """Tools write their results with a space after commas and colons."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
