"""A drill made on the fly: conversations that do little but find ids by names, and ask for what is missing.

In real episodes one call in a thousand tokens needs an id that stands in a list; here there are ten. Everything is
drawn: tools, records, names, values. What a person or the assistant says has few forms, since manner is learnt from
real episodes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from model_core.declare import Declarations
from model_core.feeding.drill_records import ENVELOPES, Listing, Maker, Words, joined, plural, returned
from model_core.feeding.rows import Row, row_of

KIND = "drill"
_LISTS = ("list", "get", "query", "show", "fetch", "index", "read", "enumerate", "browse")
_DEEDS = (("activate", "activated"), ("archive", "archived"), ("approve", "approved"), ("complete", "completed"),
          ("pause", "paused"), ("publish", "published"), ("renew", "renewed"), ("lock", "locked"), ("start", "started"),
          ("cancel", "cancelled"), ("retry", "retried"), ("flag", "flagged"), ("enable", "enabled"))  # fmt: skip
_LOOKING = ("", "", "", "Let me look that up.", "Checking now.", "One second, I'm looking it up.")
_DOING = ("", "", "", "Making that change now.", "That is clear, I'll do it.")
_OPENINGS = ("", "", "Hi, ", "Hello! ", "Please ", "Could you ", "I need you to ", "Next: ", "Then ", "Also, ")
_QUESTIONS = (
    "What should the {field} be?",
    "What would you like the {field} to be?",
    "Which {field} would you like?",
    "The {field} is missing: what should it be?",
    "What should I enter as the {field} of the {noun}?",
)
_ANSWERS = (
    "The {field} should be {value}.",
    "{value}",
    "Sorry: {value}.",
    "The {field} is {value}.",
    "Make it {value}.",
)
_WHICH = ("There may be several. Which {noun} is it, and what is its ID?",
          "Could you tell me which {noun} you mean, for instance its ID?")  # fmt: skip


def drill(rng: random.Random, rare: Sequence[str], systems: Sequence[str], form: Declarations, level: float) -> Row:
    """One example. `level` 0 to 1: from a few short records to about twenty-five long ones; `systems`: system prompts
    to choose from."""
    talk = _Talk(rng, Maker(rng, rare), level)
    talk.say(
        "system", rng.choice(systems) if systems and rng.random() < 0.6 else f"You work with {talk.maker.phrase()}."
    )
    (talk.asking if rng.random() < 0.2 else talk.finding)()
    return row_of(KIND, talk.messages, rng.sample(talk.tools, len(talk.tools)), form)


def _quoted(rng: random.Random, name: object) -> str:
    return f'"{name}"' if rng.random() < 0.7 else str(name)


class _Talk:
    """The conversation so far and the tools it needs."""

    def __init__(self, rng: random.Random, maker: Maker, level: float) -> None:
        self.rng, self.maker, self.level = rng, maker, level
        self.messages: list[dict[str, Any]] = []
        self.tools: list[dict[str, Any]] = []
        self._case = rng.choice(("snake", "snake", "camel", "kebab", "pascal"))
        self._fields = "snake" if self._case in ("snake", "kebab") and rng.random() < 0.8 else "camel"
        self._prefix = f"{maker.word()}_" if rng.random() < 0.2 else ""
        self._envelope = rng.choice((None, None, *ENVELOPES))
        self._body = rng.choice(("body", "data", "request", "args", "input")) if rng.random() < 0.25 else ""
        self._calls = 0

    def say(self, role: str, text: str) -> None:
        self.messages.append({"role": role, "content": text})

    def tool(self, words: Sequence[str], said: str, parameters: Mapping[str, tuple[str, bool]]) -> str:
        """Declare a tool: each parameter's type and whether it must be given; many together may be one object, as in
        the arguments that `inside` gives. Returns its name."""
        name = self._prefix + joined([w for word in words for w in word.split()], self._case)
        if all(tool["name"] != name for tool in self.tools):
            schema = {
                "type": "object",
                "properties": {p: {"type": kind} for p, (kind, _) in parameters.items()},
                "required": [p for p, (_, must) in parameters.items() if must],
            }
            if self._body and len(parameters) > 1:
                schema = {"type": "object", "properties": {self._body: schema}, "required": [self._body]}
            self.tools.append({"name": name, "description": said, "parameters": schema})
        return name

    def inside(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments as the tool takes them."""
        declared = next(tool for tool in self.tools if tool["name"] == name)["parameters"]["properties"]
        return arguments if arguments.keys() <= declared.keys() else {self._body: arguments}

    def call(self, calls: Sequence[tuple[str, dict[str, Any], str]], text: str = "", learn: bool = True) -> None:
        """Calls made together (name, arguments, what comes back), with their results."""
        made: list[dict[str, Any]] = []
        for name, arguments, _ in calls:
            function = {"name": name, "arguments": json.dumps(self.inside(name, arguments), ensure_ascii=False)}
            made.append({"id": str(self._calls + len(made)), "function": function})
        self.messages.append({"role": "assistant", "content": text, "tool_calls": made, "train": learn})
        for call, (name, _, result) in zip(made, calls, strict=True):
            self.messages.append({"role": "tool", "name": name, "tool_call_id": call["id"], "content": result})
        self._calls += len(made)

    def distract(self, noun: Words) -> None:
        """Tools that are not needed."""
        for _ in range(self.rng.randint(0, 1 + round(4 * self.level))):
            other = noun if self.rng.random() < 0.4 else self.maker.noun()
            verb = self.rng.choice((*(deed for deed, _ in _DEEDS), "look up", "count", "export"))
            self.tool((verb, *other), f"{verb.capitalize()} a {' '.join(other)}.",
                      {joined((*other, "id"), self._fields): ("string", True)})  # fmt: skip

    # looking up

    def finding(self) -> None:
        """Requests about records by their names; the list is fetched for the first of them."""
        rng = self.rng
        count = 3 + round(self.level * rng.randint(2, 22))
        listing = self.maker.listing(count, round(self.level * rng.randint(0, 6)))
        lister = self._lister(listing)
        self.distract(listing.noun)
        left = rng.sample(listing.records, count)
        seen = False
        for _ in range(rng.randint(2, 4 + round(4 * self.level))):
            some = [left.pop() for _ in range(min(len(left), rng.choice((1, 1, 1, 2, 3))))]
            if not some:
                break
            made = rng.random()
            if made < 0.12:
                self._tell(listing, some, lister, seen)
            elif made < 0.3:
                self._deed(listing, some, lister, seen, owner=True)
            else:
                self._deed(listing, some, lister, seen, owner=False)
            seen = True

    def _lister(self, listing: Listing) -> str:
        verb, many = self.rng.choice(_LISTS), " ".join(plural(listing.noun))
        more = {p: ("integer", False) for p in ("limit", "offset") if self.rng.random() < 0.4}
        return self.tool((verb, *plural(listing.noun)), f"{verb.capitalize()} {many}.", more)

    def _look(self, listing: Listing, lister: str) -> None:
        self.call([(lister, {}, returned(listing, listing.records, self._envelope))], self.rng.choice(_LOOKING))

    def _deed(self, listing: Listing, some: list[dict[str, Any]], lister: str, seen: bool, owner: bool) -> None:
        """Do one thing to the records, or to what they belong to."""
        rng = self.rng
        (verb, past), field = rng.choice(_DEEDS), listing.owner[0] if owner else listing.id_field
        noun = listing.owner[1] if owner else listing.noun
        parameter = joined((*noun, "id"), self._fields) if rng.random() < 0.8 else "id"
        kind = "integer" if isinstance(some[0][field], int) else "string"
        value_field = "" if rng.random() < 0.7 else self.maker.word()
        value = self.maker.phrase(1, 4) if value_field else ""
        more = {value_field: ("string", True)} if value_field else {}
        words = ("set", *noun, value_field) if value_field else (verb, *noun)
        said = (
            f"Changes the {value_field} of a {' '.join(noun)}." if value_field else f"{verb.capitalize()} a {noun[-1]}."
        )
        name = self.tool(words, said, more | {parameter: (kind, True)})
        told = [str(record[listing.name_field]) for record in some]
        told = [_quoted(rng, one) for one in told]
        what = f"the {' '.join(noun)}{'s' * (len(some) > 1)} "
        if owner:
            what += f"of the {' '.join(listing.noun)} "
        what = (what if owner or rng.random() < 0.8 else "") + self._enumerated(told)
        ask = f"set the {value_field} of {what} to {_quoted(rng, value)}" if value_field else f"{verb} {what}"
        given = not owner and not seen and rng.random() < 0.1
        if given:  # by the id itself: nothing to look up
            ask = f"{verb} the {noun[-1]} " + self._enumerated([str(record[field]) for record in some])
            if value_field:
                ask += f": the {value_field} becomes {_quoted(rng, value)}"
        self.say("user", self._request(ask))
        if not seen and not given:
            if rng.random() < 0.2:
                wrong = told[0].strip('"') if kind == "string" else rng.randrange(10**6)
                self._mistake(name, {parameter: wrong} | ({value_field: value} if value_field else {}), noun)
            self._look(listing, lister)
        extra = {value_field: value} if value_field else {}
        calls = [(name, {parameter: r[field]} | extra, self._done(noun, r[field], past, extra)) for r in some]
        self.call(calls, rng.choice(_DOING))
        done = "I've set it" if value_field else f"I've {past} {what}"
        self.say("assistant", rng.choice((f"{done}.", f"Done. {done}.", f"As you asked, {done}.")))

    def _mistake(self, name: str, arguments: dict[str, Any], noun: Words) -> None:
        """A call that was wrong, and is not to be learnt; what follows mends it."""
        wrong = next(iter(arguments.values()))
        code = self.rng.choice(("not_found", "invalid_reference"))
        message = f"{' '.join(noun)} {wrong} " + ("was not found" if code == "not_found" else "does not exist")
        result = {"error": {"code": code, "message": message, "status": 404 if code == "not_found" else 422}}
        if self.rng.random() < 0.4:
            result = {"success": False, "error_code": code.upper(), "message": message}  # type: ignore[dict-item]
        self.call([(name, arguments, json.dumps(result, ensure_ascii=False))], learn=False)

    def _done(self, noun: Words, which: object, past: str, extra: dict[str, Any]) -> str:
        record = {joined((*noun, "id"), self._fields): which} | (extra or {"status": past})
        return json.dumps(
            {joined(noun, self._fields): record} if self.rng.random() < 0.3 else record, ensure_ascii=False
        )

    def _tell(self, listing: Listing, some: list[dict[str, Any]], lister: str, seen: bool) -> None:
        """Questions that a field answers."""
        fields = [f for f in some[0] if f not in (listing.id_field, listing.name_field)]
        field = self.rng.choice(fields or [listing.id_field])
        names = self._enumerated([_quoted(self.rng, record[listing.name_field]) for record in some])
        self.say("user", f"What does it say under {field} for {names}?")
        if not seen:
            self._look(listing, lister)
        said = [f'The {field} of "{r[listing.name_field]}" is {json.dumps(r[field]).strip(chr(34))}.' for r in some]
        self.say("assistant", " ".join(said))

    def _enumerated(self, told: list[str]) -> str:
        if len(told) == 1:
            return told[0]
        if self.rng.random() < 0.2:
            return "\n" + "\n".join(f"- {one}" for one in told)
        return ", ".join(told[:-1]) + " and " + told[-1]

    def _request(self, ask: str) -> str:
        opening = self.rng.choice(_OPENINGS)
        text = opening + ask
        text = text[0].upper() + text[1:] if self.rng.random() < 0.7 else text
        return text + ("?" if opening == "Could you " else self.rng.choice((".", "", ". Thanks!")))

    # asking

    def asking(self) -> None:
        """Requests that name all that must be given, or leave one thing out."""
        for _ in range(self.rng.randint(1, 4)):
            (self._which if self.rng.random() < 0.25 else self._create)()

    def _which(self) -> None:
        """One of several, which one is not said."""
        rng, noun = self.rng, self.maker.noun()
        (verb, past), which = rng.choice(_DEEDS), self.maker.ids(noun)()
        kind = "integer" if isinstance(which, int) else "string"
        name = self.tool((verb, *noun), f"{verb.capitalize()} a {' '.join(noun)}.",
                         {joined((*noun, "id"), self._fields): (kind, True)})  # fmt: skip
        self.distract(noun)
        said = " ".join(noun)
        self.say("user", self._request(f"{verb} " + rng.choice((f"a {said}", f"one of the {' '.join(plural(noun))}"))))
        self.say("assistant", rng.choice(_WHICH).format(noun=said))
        self.say("user", rng.choice((f"The {said} ID is {which}.", f"{which}", f"Yes: {which}.")))
        self.call([(name, {joined((*noun, "id"), self._fields): which}, self._done(noun, which, past, {}))])
        self.say("assistant", f"I've {past} the {said}.")

    def _create(self) -> None:
        """A new record; a required field is asked for if it was not given, and an optional one is not."""
        rng, noun = self.rng, self.maker.noun()
        said = " ".join(noun)
        count = rng.randint(2, 5)
        fields = list(dict.fromkeys(self.maker.noun() for _ in range(count)))
        if rng.random() < 0.6:
            fields = list(dict.fromkeys([("name",) if rng.random() < 0.6 else ("title",), *fields]))
        must = fields[: rng.randint(1, len(fields))]
        values = {f: self.maker.phrase(1, 4) if rng.random() < 0.7 else self.maker.word() for f in fields}
        order = rng.sample(fields, len(fields)) if rng.random() < 0.3 else fields
        verb = rng.choice(("create", "add", "make", "new", "register"))
        name = self.tool((verb, *noun), f"{verb.capitalize()} a {said}.",
                         {joined(f, self._fields): ("string", f in must) for f in order})  # fmt: skip
        self.distract(noun)
        missing = rng.choice(must) if rng.random() < 0.6 else None
        given = [f for f in fields if f != missing and (f in must or rng.random() < 0.5)]
        with_ = " and ".join(f"{' '.join(f)} {_quoted(rng, values[f])}" for f in rng.sample(given, len(given)))
        self.say(
            "user", self._request(f"{rng.choice(('create', 'add', 'enter'))} a {said}{' with ' * bool(given)}{with_}")
        )
        if missing is not None:
            told = {"field": " ".join(missing), "noun": said, "value": _quoted(rng, values[missing])}
            self.say("assistant", rng.choice(_QUESTIONS).format(**told))
            self.say("user", rng.choice(_ANSWERS).format(**told))
        record = {joined(f, self._fields): values[f] for f in order if f in given or f == missing}
        made = {"id": self.maker.ids(noun)()} | record
        self.call([(name, record, json.dumps(made, ensure_ascii=False))], rng.choice(_DOING))
        self.say("assistant", rng.choice((f"I've created the {said}.", f"Done: the new {said} is there.")))
