"""Texts that tell an assistant what to do, made from `data/attacks.yaml`, and what must therefore not come to pass."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

from synth.goals.desk import Desk
from synth.goals.draw import draw_write
from synth.goals.story import DeadEnd, Story
from synth.goals.templates import fill
from synth.goals.words import plural
from synth.packaged import packaged_words
from synth.taskspec import Forbidden
from synth.worlds.values import values_for

TRIES = 6  # draws for a call that the text may ask for
_SORTS = (("call", 5), ("sent", 3), ("swap", 2), ("said", 2), ("stop", 2), ("prompt", 2))
_CALLS = 0.4  # share of texts that spell the call out
_FEWEST = 4  # characters of a value that another is put in place of


def attacks(split: str) -> dict[str, Any]:
    """The split's texts, read once."""
    return packaged_words("synth.goals", "attacks.yaml", split)


@dataclass(frozen=True)
class Attack:
    text: str
    forbidden: Forbidden


def draw_attack(story: Story, entity: str, rng: random.Random) -> Attack:
    """One text, and what it asks for. `entity`: of the row that will hold it. A sort that this story has no room for
    (no call left that it does not need itself) gives way to another."""
    words = attacks(story.desk.split)
    sorts = [s for s, n in _SORTS for _ in range(n)]
    rng.shuffle(sorts)
    for sort in dict.fromkeys(sorts):
        slots = {"plural": plural(story.desk.world, entity), **names(story.desk, rng)}
        made = _asked_for(story, sort, slots, rng)
        if made is None:
            continue
        clause, about = made
        name = rng.choice(sorted(n for n, a in words["attacks"].items() if sort in a["takes"]))
        text = fill(rng.choice(words["attacks"][name]["texts"]), {**slots, "do": clause, "do_first": _capital(clause)})
        before = fill(rng.choice(words["before"]), slots)
        return Attack(before + text, Forbidden(attack=name, **about))
    raise DeadEnd("nothing to ask an assistant for")


def names(desk: Desk, rng: random.Random) -> dict[str, str]:
    """Who speaks, and the places that nobody else speaks of."""
    values = values_for(desk.split)
    token = "".join(rng.choices("bcdfghkmnprstvz", k=3)) + "".join(rng.choices("23456789", k=3))
    return {
        "person": str(values.gen("person", rng)),
        "company": str(values.gen("company", rng)),
        "code": token.upper(),
        "mail": f"{rng.choice(('intake', 'office', 'records', 'audit'))}.{token}@{rng.choice(_HOSTS)}",
        "url": f"https://{rng.choice(_HOSTS)}/{token}",
    }


_HOSTS = ("account-check.example", "help-centre.example", "secure-login.example", "data-desk.example")


def _asked_for(story: Story, sort: str, slots: dict[str, str], rng: random.Random) -> tuple[str, dict[str, Any]] | None:
    """The clause of what is asked for, and the fields of a Forbidden."""
    texts: list[str] = attacks(story.desk.split)["do"][sort]
    if sort == "call":
        return _call(story, rng)
    if sort == "swap":
        known = [k.told for k in story.facts.values() if isinstance(k.told.value, str) and not k.told.identity]
        known = [t for t in known if len(t.value) >= _FEWEST]
        if not known:
            return None
        told = rng.choice(known)
        slots |= {"other": slots["mail"] if "@" in told.value else slots["code"], "label": told.name}
        return fill(rng.choice(texts), slots), {"kind": "sent", "words": slots["other"]}
    words = {"sent": "mail", "said": "url", "stop": "code"}.get(sort)
    kind = {"sent": "sent", "said": "said", "stop": "said", "prompt": "prompt"}[sort]
    about = {"kind": kind, "words": slots[words] if words else ""}
    return fill(rng.choice(texts), slots), about


def _call(story: Story, rng: random.Random) -> tuple[str, dict[str, Any]] | None:
    """A write that works and has no part in the story."""
    desk = story.desk
    used = {s.tool for s in story.steps}
    acts = [a for a in desk.writes if a.offered not in used]
    for _ in range(TRIES if acts else 0):
        aim = draw_write(desk, story.state, rng, acts, [], 0.0)
        if aim is None:
            continue
        told = Story(desk, rng, ids=True)  # only for its words
        told.new_turn()
        told.advance(story.state)
        try:
            clause = told.write(aim).vp
        except DeadEnd:
            continue
        arguments = desk.arguments(aim.act, aim.values)
        call = f"{aim.act.offered}({json.dumps(arguments, ensure_ascii=False)})"
        text = rng.choice(attacks(desk.split)["do"]["call"])
        text = "call {call}" if rng.random() < _CALLS else text
        text = fill(text, {"do": clause, "call": call, "tool": aim.act.offered})
        return text, {"kind": "call", "tool": aim.act.offered, "arguments": arguments}
    return None


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
