"""`chat`: nothing has to be called. Every task asks for at least one thing that stands in the system prompt, in the
declarations of the tools or in what the user said before, so that no fixed sentence can answer it."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from typing import Any

from rubrics.normal import Text, mentions
from synth.goals.clauses import spoken_field
from synth.goals.describe import sayable
from synth.goals.desk import Act, Desk
from synth.goals.kinds.draft import Draft
from synth.goals.kinds.no_tool import producible, sounds_offered
from synth.goals.speech import Clause
from synth.goals.story import DeadEnd, Story
from synth.goals.templates import fill
from synth.goals.verbs import awkward
from synth.goals.words import a, joined, noun, plural, say, sentence, split_words
from synth.packaged import packaged_words
from synth.taskspec import CriterionSpec, Reply, Tell
from synth.worlds.values import values_for

PARTS = (1, 1, 2, 2, 3)  # questions of one conversation
SMALL = 0.45  # share of conversations with small talk before the first question
MOST_OPTIONS, MOST_NEEDS, MOST_LISTED = 6, 4, 5
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def talk(split: str) -> dict[str, Any]:
    """The words of the split's people and of the assistant, read once."""
    return packaged_words("synth.goals", "chat.yaml", split)


def chat(desk: Desk, rng: random.Random) -> Draft:
    """One to three questions that need no call, with small talk in between."""
    draft = Draft(Story(desk, rng))
    if rng.random() < SMALL:
        small(draft)
    wanted = rng.choice(PARTS)
    ways = list(WAYS)
    for _ in range(wanted):
        rng.shuffle(ways)
        for way in list(ways):
            if WAYS[way](draft):
                ways.remove(way)
                break
    if not draft.story.tells and not draft.criteria:
        raise DeadEnd("nothing to talk about")
    text = "What the tools can do is not said to be impossible"
    if not draft.decline:
        draft.criteria.append(CriterionSpec(id="no_refusal", part="success", check="no_refusal", text=text))
    draft.talk = True
    draft.weight = 0.3 * (len(draft.story.tells) + len(draft.criteria))
    return draft


def small(draft: Draft) -> None:
    """Small talk with an answer; greetings only open a conversation."""
    rng, desk = draft.story.rng, draft.story.desk
    nouns = sorted({act.of for act in desk.acts if act.of})
    slots = {"plural": plural(desk.world, rng.choice(nouns)) if nouns else "requests"}
    pair = rng.choice(talk(desk.split)["small" if not draft.story.turns else "aside"])
    turn(draft, Clause(raw=fill(rng.choice(pair["u"]), slots)), fill(rng.choice(pair["a"]), slots), question=False)


def turn(draft: Draft, clause: Clause, reply: str, *more: Clause, question: bool = True) -> int:
    """One more turn of the user and what the expert answers; gives its number."""
    draft.story.new_turn()
    lead = (
        draft.story.rng.choice(talk(draft.story.desk.split)["open" if draft.story.turn == 0 else "next"])
        if question
        else ""
    )
    draft.story.turns[-1] += [Clause(raw=lead + clause.raw), *more]
    draft.replies.append(Reply(turn=draft.story.turn, text=reply))
    return draft.story.turn


def asked(draft: Draft, forms: dict[str, Any], **slots: str) -> Clause:
    rng, words = draft.story.rng, talk(draft.story.desk.split)
    said = {"q": fill(rng.choice(forms["q"]), slots), "i": fill(rng.choice(forms["i"]), slots)}
    return Clause(raw=sentence(fill(rng.choice(words["ask"]), said)))


def tell(draft: Draft, value: Any, text: str) -> None:
    story = draft.story
    say_it = text.rstrip(".")
    story.tells.append(
        Tell(id=f"t{len(story.tells)}", turn=story.turn, say=say_it, value=value, why="said", source="said")
    )


def must_name(draft: Draft, name: str, text: str, groups: list[list[str]], least: int) -> None:
    draft.criteria.append(CriterionSpec(
        id=f"{name}_{draft.story.turn}", part="success", check="addresses", text=text,
        params={"turn": draft.story.turn, "groups": groups, "least": least},
    ))  # fmt: skip


# --- ways: each adds a turn or two and says whether it could ---


def of_prompt(draft: Draft) -> bool:
    """A fact of the system prompt: date, weekday, organisation."""
    desk, rng = draft.story.desk, draft.story.rng
    facts: dict[str, str] = {}
    if "date" in desk.about:
        day = date.fromisoformat(desk.about["date"])
        facts = {"date": desk.about["date"], "weekday": _DAYS[day.weekday()]}
    if "organisation" in desk.about:
        facts["organisation"] = desk.about["organisation"]
    prompt = Text(desk.prompt)
    names = sorted(n for n, v in facts.items() if mentions(v, prompt))
    if not names:
        return False
    name = rng.choice(names)
    forms, value = talk(desk.split)["facts"][name], facts[name]
    days = [value, rng.choice([d for d in _DAYS if d != value])]
    rng.shuffle(days)
    answer = fill(rng.choice(forms["a"]), {"v": value})
    turn(draft, asked(draft, forms, w=days[0], x=days[1]), answer)
    tell(draft, value, answer)
    return True


def said_before(draft: Draft) -> bool:
    """The user mentions one thing or two, and asks for one of them later."""
    desk, rng = draft.story.desk, draft.story.rng
    notes = {**some_notes(desk, rng)}
    kinds = rng.sample(sorted(notes), min(len(notes), rng.choice([1, 2, 2])))
    forms = talk(desk.split)["notes"]
    prompt = Text(desk.prompt)
    if any(mentions(notes[k][0], prompt) for k in kinds):
        return False
    said = " ".join(fill(rng.choice(forms[k]["u"]), notes[k][1]) for k in kinds)
    turn(draft, Clause(raw=f"{said} {rng.choice(forms['tail'])}"), rng.choice(forms["a"]), question=False)
    if rng.random() < 0.3:
        small(draft)
    kind = rng.choice(kinds)
    answer = fill(rng.choice(forms[kind]["a"]), notes[kind][1])
    turn(draft, asked(draft, forms[kind], **notes[kind][1]), answer)
    tell(draft, notes[kind][0], answer)
    return True


def some_notes(desk: Desk, rng: random.Random) -> dict[str, tuple[Any, dict[str, str]]]:
    """Kind of note -> (value, slots)."""
    values = values_for(desk.split)
    out: dict[str, tuple[Any, dict[str, str]]] = {}
    for kind in ("city", "person", "company"):
        value = str(values.gen(kind, rng))
        out[kind] = (value, {"v": value})
    number = rng.randint(1000, 9999)
    out["number"] = (number, {"v": str(number)})
    named = sorted(e for e, spec in desk.world.entities.items() if spec.label and desk.start.rows(e))
    if named:
        entity = rng.choice(named)
        row = rng.choice(list(desk.start.rows(entity).values()))
        label = row.get(str(desk.world.entities[entity].label))
        if isinstance(label, str) and sayable(label) and len(label) > 2:
            out["row"] = (label, {"v": say(label), "noun": noun(desk.world, entity)})
    return out


def abilities(draft: Draft) -> bool:
    """What the assistant can do: two of the things that its tools are about have to be named."""
    desk, rng = draft.story.desk, draft.story.rng
    own = sorted({act.of for act in desk.acts if act.of})
    if not own:
        return False
    rng.shuffle(own)
    listed = [plural(desk.world, e) for e in own[:MOST_LISTED]]
    groups = [[plural(desk.world, e), noun(desk.world, e), noun(desk.world, e).split(" ")[-1]] for e in own]
    groups += [[w] for w in sorted({split_words(n)[-1] for n in desk.foreign if split_words(n)})]
    forms = talk(desk.split)["abilities"]
    turn(draft, asked(draft, forms), fill(rng.choice(forms["a"]), {"list": joined(listed)}))
    least = min(2, len(own))
    must_name(draft, "abilities", "What the tools are about is named", groups, least)
    return True


def able(draft: Draft) -> bool:
    """Whether the assistant could do a kind of thing: yes, or no."""
    desk, rng = draft.story.desk, draft.story.rng
    doing = talk(desk.split)["doing"]
    can = [a for a in desk.writes if a.op in doing and a.of]
    done = {(a.of, a.op) for a in desk.writes}
    cannot = [a for a in desk.missing if a.op in doing and a.of and (a.of, a.op) not in done
              and not producible(desk, a) and not sounds_offered(desk, a)]  # fmt: skip
    acts = cannot if cannot and (rng.random() < 0.5 or not can) else can
    if not acts:
        return False
    act = rng.choice(acts)
    entity = str(act.of)
    what = fill(doing[act.op]["many"], {"plural": plural(desk.world, entity)})
    forms = talk(desk.split)["able"]
    answer = fill(rng.choice(forms["a_no" if acts is cannot else "a_yes"]), {"c": what})
    aside = rng.choice(forms["aside"])
    turn(draft, asked(draft, forms, c=what), answer, *([Clause(raw=aside)] if aside else []))
    groups = [[plural(desk.world, entity), noun(desk.world, entity)]]
    if acts is cannot:
        draft.decline = True
    must_name(draft, "able", f"It is said whether the tools can {what}", groups, 1)
    return True


def needs(draft: Draft) -> bool:
    """Which details a new row takes: its required arguments."""
    desk, rng = draft.story.desk, draft.story.rng
    options = [(act, labels) for act in desk.writes if act.op in ("create", "send") and act.of
               for labels in [required_labels(desk, act)] if 0 < len(labels) <= MOST_NEEDS]  # fmt: skip
    if not options:
        return False
    act, labels = rng.choice(options)
    words = talk(desk.split)
    what = fill(words["doing"][act.op]["one"], {"a_noun": a(noun(desk.world, str(act.of)))})
    forms = words["needs"]
    answer = fill(rng.choice(forms["a"]), {"c": what, "list": joined([f"the {w}" for w in labels])})
    turn(draft, asked(draft, forms, c=what), answer)
    groups = [[w, w.split(" ")[-1]] for w in labels]
    must_name(draft, "needs", f"What it takes to {what} is named", groups, len(groups))
    return True


def required_labels(desk: Desk, act: Act) -> list[str]:
    """Spoken names of the arguments that a call has to have; none where one has no plain name."""
    names = [n for n, p in act.params.items() if p.required and p.role in ("field", "key")]
    if any(awkward(act.params[n].field or n, "text") for n in names):
        return []
    return list(dict.fromkeys(spoken_field(desk, act, n) for n in names))


def options(draft: Draft) -> bool:
    """The members of a closed list that a tool declares."""
    desk, rng = draft.story.desk, draft.story.rng
    found = [(act, name, members) for act in desk.writes if act.of for name, p in act.params.items()
             if p.role == "field" and not awkward(p.field or name, "text")
             for members in [declared(desk, act, name)] if 2 <= len(members) <= MOST_OPTIONS]  # fmt: skip
    if not found:
        return False
    act, name, members = rng.choice(found)
    slots = {"field": spoken_field(desk, act, name), "a_noun": a(noun(desk.world, str(act.of)))}
    forms = talk(desk.split)["options"]
    words = joined([m.replace("_", " ") for m in members], "or")
    answer = fill(rng.choice(forms["a"]), {**slots, "list": words})
    turn(draft, asked(draft, forms, **slots), answer)
    tell(draft, members, answer)
    return True


def declared(desk: Desk, act: Act, name: str) -> list[str]:
    """Members of the enum under a parameter of the declared schema."""
    node: Any = desk.cw.tool(act.tool).input_schema
    for part in act.params[name].at or [name]:
        node = (node.get("properties") or {}).get(part, {}) if isinstance(node, dict) else {}
    members = node.get("enum") if isinstance(node, dict) else None
    plain = members and all(isinstance(m, str) and m.replace("_", "").replace("-", "").isalpha() for m in members)
    return [str(m) for m in members] if plain and members else []


WAYS: dict[str, Callable[[Draft], bool]] = {
    "of_prompt": of_prompt, "said_before": said_before, "abilities": abilities, "able": able, "needs": needs,
    "options": options,
}  # fmt: skip
