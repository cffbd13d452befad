"""Sentences that give orders to who reads a description, rather than say what the tool does (`data/poison.yaml`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from tools_catalog.scan.finding import ATTACKS, Attack

STRETCH = 260  # characters around the first pattern within which the others have to stand
_WORD = re.compile(r"@([A-Z]+)@")


@dataclass(frozen=True)
class Rule:
    """`first` anchors the rule; each of `also` has to be met within the stretch around it, none of `unless`."""

    attack: Attack
    first: re.Pattern[str]
    also: tuple[re.Pattern[str], ...]
    unless: tuple[re.Pattern[str], ...]


@cache
def _file() -> dict[str, Any]:
    text = resources.files("tools_catalog").joinpath("data/poison.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def _pattern(text: str) -> re.Pattern[str]:
    words: dict[str, str] = _file()["words"]
    while _WORD.search(text):
        text = _WORD.sub(lambda m: f"(?:{words[m[1]]})", text)
    return re.compile(text, re.IGNORECASE | re.DOTALL)


@cache
def rules() -> tuple[Rule, ...]:
    """The rules of the file, compiled once. Raises ValueError for a kind of attack that there is not."""
    out = []
    for rule in _file()["rules"]:
        if rule["attack"] not in ATTACKS:
            raise ValueError(f"poison.yaml: there is no attack {rule['attack']!r}")
        also, unless = (tuple(_pattern(p) for p in rule.get(key, ())) for key in ("also", "unless"))
        out.append(Rule(rule["attack"], _pattern(rule["first"]), also, unless))
    return tuple(out)


@cache
def pattern(name: str) -> re.Pattern[str]:
    """A pattern of the file that is no rule: `orders`, `hidden_markup`, `drops` ..."""
    return _pattern(_file()[name])


def of_text(text: str) -> Iterator[tuple[Attack, int]]:
    """(attack, place) of the first text that breaks each rule."""
    for rule in rules():
        for match in rule.first.finditer(text):
            around = text[max(0, match.start() - STRETCH // 2) : match.end() + STRETCH]
            if all(p.search(around) for p in rule.also) and not any(p.search(around) for p in rule.unless):
                yield rule.attack, match.start()
                break


def of_markup(text: str) -> Iterator[tuple[Attack, int]]:
    """Comments and elements that are not displayed, unless the text is about markup."""
    for match in pattern("hidden_markup").finditer(text):
        if not pattern("about_markup").search(text[max(0, match.start() - 120) : match.start()]):
            yield "hidden_markup", match.start()
            return
