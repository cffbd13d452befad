"""The split `eval` is spoken to in words that training does not hold: no template of the user's or of a system prompt
is reachable from both."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from desks import KINDS, WORLDS, desk

from synth.agents.prompt import templates, words
from synth.goals import build
from synth.goals.attacks import attacks
from synth.goals.build import BuildFailed
from synth.goals.kinds.chat import talk
from synth.goals.templates import forms, grammar, personas
from synth.packaged import packaged_words
from synth.sim.userside import places, said_of

# What the assistant says (the target of training, not what it reads), and lists that are no phrasing.
ASSISTANT = {"asks", "a", "a_yes", "a_no", "reply"}
NO_PHRASING = {"manner", "lists", "mends", "notes", "takes", "dash", "letters"}
_SLOT = re.compile(r"\{[a-z_]+\}|\[[A-Za-z]+\]|\{\{.*?\}\}|\{%.*?%\}")


def texts(node: Any, skip: set[str]) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in skip:
                yield from texts(value, skip)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value, skip)
    elif isinstance(node, str):
        yield node


def spoken(split: str) -> dict[str, set[str]]:
    """Everything that people say, and that prompts and records are made of, by file."""
    folder = "data/eval/" if split == "eval" else "data/"
    user = json.loads(resources.files("synth.sim").joinpath(folder + "user.json").read_text(encoding="utf-8"))
    everybody = personas(split)
    found = {
        "grammar": set(texts(grammar(split), {*ASSISTANT, "parts"})) | set(texts(forms(split), NO_PHRASING)),
        "personas": set(texts(everybody, NO_PHRASING)) | set(everybody["mends"]) | set(everybody["lists"]),
        "chat": set(texts(talk(split), ASSISTANT)),
        "rules": set(texts(packaged_words("synth.goals", "rules.yaml", split), {*ASSISTANT, "ask"})),
        "changes": set(texts(packaged_words("synth.goals", "changes.yaml", split), ASSISTANT)),
        "attacks": set(texts(attacks(split), NO_PHRASING)),
        "agents": set(texts(words(split), set())),
        "user": set(texts(user, set())),
        "things": {t for name in [*places(), "at_hand", "own_account"]
                   for t in texts({k: v for k, v in said_of(name, split).items() if k in ("has", "done")}, set())},
    }  # fmt: skip
    return {name: {t.strip() for t in said if t.strip()} for name, said in found.items()}


def test_no_template_is_shared() -> None:
    train, held_out = spoken("train"), spoken("eval")
    everything = set().union(*train.values())
    shared = {name: sorted(said & everything) for name, said in held_out.items() if said & everything}
    assert shared == {}
    assert all(len(said) >= 12 for said in held_out.values())


def test_no_template_differs_only_by_signs() -> None:
    """Letters and holes alone: "{c}, please." and "please, {c}" differ, "thanks!" and "Thanks." do not."""

    def bare(said: dict[str, set[str]]) -> set[str]:
        return {b for t in set().union(*said.values()) if (b := re.sub(r"[^a-z{}\[\]]", "", t.lower()))}

    assert sorted(bare(spoken("train")) & bare(spoken("eval"))) == []


def whole(template: str, parts: dict[str, list[str]]) -> Iterator[str]:
    """Every text that a template with parts stands for."""
    found = re.search(r"\[([a-z]+)\]", template)
    if found is None:
        yield template
        return
    for text in parts[found.group(1)]:
        yield from whole(template[: found.start()] + text + template[found.end() :], parts)


def test_parts_of_the_grammar_never_make_a_template_of_eval() -> None:
    words = grammar("train")
    made = {t for text in texts(words, {*ASSISTANT, "parts"}) for t in whole(text, words["parts"])}
    assert len(made) > 3_000
    assert sorted(made & set(texts(grammar("eval"), {*ASSISTANT, "parts"}))) == []


def test_prompts_are_held_out_too() -> None:
    sources = {split: {n for n, _ in templates(split)} for split in ("train", "eval")}
    assert not sources["train"] & sources["eval"]
    root = resources.files("synth.prompts")
    lines: dict[str, set[str]] = {}
    for split, names in sources.items():
        folder = root.joinpath("eval") if split == "eval" else root
        bodies = [folder.joinpath(n + ".j2").read_text(encoding="utf-8") for n in sorted(names)]
        pieces = {p.strip() for b in bodies for p in _SLOT.split(b)}
        lines[split] = {p for p in pieces if len(re.findall(r"[A-Za-z]+", p)) >= 2}
    assert not lines["train"] & lines["eval"]
    assert len(sources["eval"]) >= 5 and len(sources["train"]) >= 10


def test_personas_have_names_of_their_own() -> None:
    train, held_out = personas("train")["personas"], personas("eval")["personas"]
    assert not set(train) & set(held_out)
    keys = {k for p in train.values() for k in p}
    assert all({"greet", "ask", "more", "question", "why", "close", "follow", "thanks", "unknown", "answer"} <= set(p)
               and set(p) <= keys for p in held_out.values())  # fmt: skip


def shapes(split: str) -> set[str]:
    """Whole templates as patterns, those with two words of their own and more."""
    out = set()
    for template in set().union(*spoken(split).values()):
        own = [re.escape(p) for p in _SLOT.split(template)]
        if len(re.findall(r"[A-Za-z]{3,}", _SLOT.sub(" ", template))) >= 3 and "[" not in template:
            out.add("(?<![A-Za-z])" + ".+?".join(own))
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_tasks_of_eval_hold_no_template_of_training(kind: Any) -> None:
    patterns = [re.compile(p, re.IGNORECASE | re.DOTALL) for p in sorted(shapes("train")) if ".+?" not in p]
    built = 0
    for n in range(6):
        place = desk(WORLDS[n % 2], kind, n, "eval")
        try:
            task = build(place, kind, random.Random(n))
        except BuildFailed:
            continue
        built += 1
        assert task.user.style in personas("eval")["personas"]
        said = [*task.user.turns, task.user.thanks, task.user.unknown, *(r.text for r in task.start.rules)]
        for text in said:
            assert [p.pattern for p in patterns if p.search(text)] == []
    assert built >= 2
