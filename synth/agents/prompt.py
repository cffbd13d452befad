"""The system prompt of an agent: who it is, for whom it works, how it works, and the rules its world holds it to."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from synth.goals.words import split_words
from synth.packaged import HELD_OUT, packaged_words
from synth.records import Split, WorldRow
from synth.worlds.spec import World
from synth.worlds.values import values_for

ACCOUNT_SHARE = {"user": 0.45, "plan": 0.4, "zone": 0.4, "channel": 0.25}  # of agents whose prompt says it
EXPERTISE_SHARE = 0.6
_DOUBLED = re.compile(r"(?<=\S)  +")
MANNERS = {"cautious": 0.3, "brisk": 0.3, "none": 0.4}


@cache
def templates(split: str) -> tuple[tuple[str, Any], ...]:
    """The prompt templates of the split by name. Sandboxed: values are text and never read as templates."""
    env = SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    folder = resources.files("synth.prompts").joinpath(HELD_OUT if split == HELD_OUT else "")
    files = sorted((f for f in folder.iterdir() if f.name.startswith("agent_")), key=str)
    return tuple((f.name.removesuffix(".j2"), env.from_string(f.read_text(encoding="utf-8"))) for f in files)


def words(split: str) -> dict[str, Any]:
    """Roles, tones, rules and labels of the prompts of the split, read once."""
    return packaged_words("synth.goals", "agents.yaml", split)


@dataclass(frozen=True)
class Account:
    """For whom the agent works. `facts` are (label, value) in the order the prompt gives them; `said` are the same as
    sentences. `user` is the signed-in person, empty where there is none."""

    organisation: str
    user: str
    facts: list[tuple[str, str]]
    said: list[str]


def system_prompt(rng: random.Random, worlds: list[WorldRow], split: Split) -> tuple[str, dict[str, str]]:
    """A prompt and what it says about the assistant. The date is the primary world's clock; rules that the assistant
    has to keep, of every world it works in, stand in it."""
    spec = worlds[0].spec
    titles = [_title(w) for w in worlds]
    app = " and ".join(dict.fromkeys(titles))
    domain = " ".join(split_words(worlds[0].domain or worlds[0].category)) or "daily work"
    holes = {"app": app, "domain": domain}
    account, own = draw_account(rng, split), words(split)
    role = _filled(rng.choice(own["roles"]), holes)
    expertise = _filled(rng.choice(own["expertise"]), holes) if rng.random() < EXPERTISE_SHARE else ""
    tone = rng.choice(sorted(own["tones"]))
    manner = rng.choices(list(MANNERS), weights=list(MANNERS.values()))[0]
    rules = [rng.choice(g) for g in rng.sample(own["rules"], rng.randint(3, 8))]
    rules += [rng.choice(own["manners"][manner])] if manner != "none" else []
    policies = [p["text"] for w in worlds for p in w.spec.get("policies", [])
                if p.get("held_by", "assistant") == "assistant"]  # fmt: skip
    today = date.fromisoformat(str(spec.get("clock") or World.model_fields["clock"].default)[:10])
    name, template = rng.choice(templates(split))
    text = template.render(
        **holes, role=role, organisation=account.organisation, expertise=expertise, rules=[*rules, *policies],
        facts=account.facts, said=account.said, title=rng.choice(own["titles"]),
        tone=rng.choice(own["tones"][tone]), date=today.isoformat(), weekday=f"{today:%A}",
    )  # fmt: skip
    traits = {"role": role, "tone": tone, "manner": manner, "organisation": account.organisation,
              "signed_in": account.user, "template": name, "date": today.isoformat()}  # fmt: skip
    return _tidy(text), traits


def draw_account(rng: random.Random, split: Split) -> Account:
    """Who the agent works for: an organisation, and by chance a signed-in person, a plan, a time zone, a channel."""
    data = words(split)["account"]
    values = values_for(split)
    known = {
        "organisation": str(values.gen("company", rng)), "name": str(values.gen("person", rng)),
        "job": rng.choice(data["jobs"]), "plan": rng.choice(data["plans"]), "zone": rng.choice(data["zones"]),
        "channel": rng.choice(data["channels"]),
    }  # fmt: skip
    there = [k for k, share in ACCOUNT_SHARE.items() if rng.random() < share]
    rng.shuffle(there)
    shown = {**known, "user": f"{known['name']}, {known['job']}"}
    facts = [(rng.choice(data["labels"][k]), shown[k]) for k in ["organisation", *there]]
    said = [_filled(rng.choice(data["said"][k]), known) for k in there]
    return Account(known["organisation"], known["name"] if "user" in there else "", facts, said)


def _title(world: WorldRow) -> str:
    spec = world.spec
    named = str(spec.get("title") or " ".join(split_words(str(spec.get("world", "")))))
    return " ".join(named.split())[:60] or "the application"


def _filled(text: str, holes: dict[str, str]) -> str:
    """One pass per hole of our own data; values are never read as templates."""
    for name, value in holes.items():
        text = text.replace("{" + name + "}", value)
    return text


def _tidy(text: str) -> str:
    """No trailing spaces, no runs of blank lines, no doubled spaces behind a word."""
    lines = [line.rstrip() if line.startswith("  ") else line.strip() for line in text.strip().splitlines()]
    lines = [_DOUBLED.sub(" ", line) for line in lines]
    return "\n".join(line for i, line in enumerate(lines) if line or lines[i - 1])
