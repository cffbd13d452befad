"""A short report with headings and paragraphs."""

from __future__ import annotations

from synth.live.draft import Draft
from synth.live.tasks import Family
from synth.live.words import CITIES, COLOURS, GOODS, MONTHS, ROOMS, TOPICS, VERBS, people, some

HEADINGS = ("Summary", "Costs", "Next steps", "Staff", "Open questions", "Visits")


def sentence(d: Draft) -> str:
    """A sentence that a report may hold."""
    return d.pick(
        (
            f"The {d.pick(TOPICS)} in {d.pick(CITIES)} opened in {d.pick(MONTHS)}.",
            f"{people(d.rng, 1)[0]} will {d.pick(VERBS)} the {d.pick(GOODS)} in the {d.pick(ROOMS)}.",
            f"We bought {d.rng.randint(3, 90)} pieces of the {d.pick(COLOURS)} {d.pick(GOODS)}.",
            f"The {d.pick(ROOMS)} was closed for {d.rng.randint(3, 30)} days.",
        )
    )


class _Report:
    def __init__(self, d: Draft) -> None:
        self.d = d
        self.file = f"{d.pick(TOPICS)}-{d.pick(MONTHS).lower()}.docx"
        self.path = f"/work/{self.file}"
        self.heads = some(d.rng, HEADINGS, 2)
        texts: list[str] = []
        while len(texts) < 4:
            if (text := sentence(d)) not in texts:
                texts.append(text)
        self.parts = [
            ("Heading1", self.heads[0]),
            ("", texts[0]),
            ("", texts[1]),
            ("Heading1", self.heads[1]),
            ("", texts[2]),
            ("", texts[3]),
        ]
        self.texts = texts
        d.keep(self.path)

    def fresh(self) -> str:
        while (text := sentence(self.d)) in self.texts:
            pass
        self.d.keep(text)
        return text

    def paragraphs(self) -> list[list[str]]:
        return [list(p) for p in self.parts]

    def finish(self) -> None:
        calls: list[list[object]] = [["create_document", {"filename": self.path}]]
        for style, text in self.parts:
            if style:
                calls.append(["add_heading", {"filename": self.path, "text": text, "level": 1}])
            else:
                calls.append(["add_paragraph", {"filename": self.path, "text": text}])
        self.d.setup["calls"] = calls


def add_paragraph(d: Draft) -> None:
    r = _Report(d)
    text = r.fresh()
    d.ask(
        f'add this paragraph at the end of {r.path}: "{text}"', f'append "{text}" to {r.path} as a paragraph of its own'
    )
    d.step("add_paragraph", {"filename": r.path, "text": text}, "write")
    d.updated("Document", r.file, paragraphs=[*r.paragraphs(), ["", text]])
    d.say(f"I've added the paragraph to {r.path}.", "Done: I've added it at the end.")
    r.finish()


def add_heading(d: Draft) -> None:
    r = _Report(d)
    head = d.pick([h for h in HEADINGS if h not in r.heads])
    d.keep(head)
    d.ask(
        f'add a heading of level 1 at the end of {r.path}: "{head}"',
        f'put the heading "{head}" (level 1) at the end of {r.path}',
    )
    d.step("add_heading", {"filename": r.path, "text": head, "level": 1}, "write")
    d.updated("Document", r.file, paragraphs=[*r.paragraphs(), ["Heading1", head]])
    d.say(f'I\'ve added the heading "{head}".', f'Done: I\'ve put "{head}" at the end.')
    r.finish()


def replace(d: Draft) -> None:
    r = _Report(d)
    old, new = some(d.rng, CITIES, 2)
    r.parts.insert(2, ("", f"The yearly meeting takes place in {old}."))
    r.parts = [
        (s, t if n == 2 else t.replace(old, "Malaga").replace(new, "Malaga")) for n, (s, t) in enumerate(r.parts)
    ]
    d.keep(old, new)
    d.ask(f"replace {old} by {new} everywhere in {r.path}", f"change every {old} in {r.path} to {new}")
    d.step("search_and_replace", {"filename": r.path, "find_text": old, "replace_text": new}, "write")
    d.updated("Document", r.file, paragraphs=[[s, t.replace(old, new)] for s, t in r.parts])
    d.say(f"I've replaced {old} by {new}.", f"Done: I've changed {old} to {new} in the document.")
    r.finish()


def read(d: Draft) -> None:
    r = _Report(d)
    person, thing = people(d.rng, 1)[0], d.pick(GOODS)
    r.parts.insert(1, ("", f"{person} is responsible for the {thing} this year."))
    d.question(
        (
            f"who is responsible for the {thing} this year, according to {r.path}",
            f"who is responsible for the {thing} this year according to {r.path}",
        )
    )
    d.step("get_document_text", {"filename": r.path})
    d.tell(person, f"{person} is responsible")
    d.say(f"According to the report, {person} is responsible.", f"That is {person}.")
    r.finish()


def remove(d: Draft) -> None:
    r = _Report(d)
    at = d.pick((1, 2, 4, 5))
    text = r.parts[at][1]
    d.keep(text)
    d.ask(f'delete the paragraph "{text}" from {r.path}', f'take this paragraph out of {r.path}: "{text}"')
    found = d.step("find_text_in_document", {"filename": r.path, "text_to_find": text})
    d.step(
        "delete_paragraph",
        {"filename": r.path, "paragraph_index": at},
        "write",
        sources={"/paragraph_index": d.of(found, "occurrences", 0, "paragraph_index")},
    )
    d.updated("Document", r.file, paragraphs=[p for n, p in enumerate(r.paragraphs()) if n != at])
    d.say("I've deleted the paragraph.", "Done: I've removed that paragraph from the report.")
    r.finish()


def table(d: Draft) -> None:
    r = _Report(d)
    rows = [["Item", "City"], *([g, d.pick(CITIES)] for g in some(d.rng, GOODS, d.rng.randint(2, 4)))]
    said = "; ".join(f"{a}, {b}" for a, b in rows[1:])
    d.keep("Item", "City", *(v for row in rows for v in row))
    d.ask(
        f"add a table at the end of {r.path} with the columns Item and City and these rows: {said}",
        f"put a table below everything in {r.path}, first row Item and City, then {said}",
    )
    d.step("add_table", {"filename": r.path, "rows": len(rows), "cols": 2, "data": rows}, "write")
    d.updated("Document", r.file, tables=[rows])
    d.say("I've added the table.", "Done: I've put the table at the end of the report.")
    r.finish()


def copy(d: Draft) -> None:
    r = _Report(d)
    name = f"/work/{d.pick(('copy', 'backup', 'second'))}-{d.pick(COLOURS)}.docx"
    d.ask(f"make a copy of {r.path} as {name}", f"copy {r.path} to {name}")
    d.step("copy_document", {"source_filename": r.path, "destination_filename": name}, "write")
    d.inserted("Document", name.removeprefix("/work/"), paragraphs=r.paragraphs(), tables=[])
    d.say(f"I've copied it to {name}.", f"Done: I've made the copy {name}.")
    r.finish()


def no_text(d: Draft) -> None:
    r = _Report(d)
    text = r.fresh()
    d.ask(f"add a paragraph at the end of {r.path}", f"append one more paragraph to {r.path}")
    step = d.step("add_paragraph", {"filename": r.path, "text": text}, "write", sources={"/text": d.told("text")})
    d.hidden(
        "text",
        f'It should say "{text}"',
        text,
        ["text", "paragraph", "say", "wording", "words"],
        d.pick(("What should the paragraph say?", "Which text should I add?")),
        step,
    )
    d.updated("Document", r.file, paragraphs=[*r.paragraphs(), ["", text]])
    d.say("I've added the paragraph at the end.", f"Done: I've added it to {r.path}.")
    r.finish()


def talk(d: Draft) -> None:
    r = _Report(d)
    text, head = r.fresh(), d.pick([h for h in HEADINGS if h not in r.heads])
    d.keep(head)
    d.question((f"how many headings does {r.path} have", f"how many headings {r.path} has"))
    d.step("get_document_outline", {"filename": r.path})
    d.tell(2, "there are 2 headings")
    d.say("It has 2 headings.", "There are 2 headings in it.")
    d.then()
    d.ask(f'add a third one at the end, level 1: "{head}"', f'put "{head}" at the end as another heading of level 1')
    d.step("add_heading", {"filename": r.path, "text": head, "level": 1}, "write")
    d.say(f'I\'ve added the heading "{head}".', f'Done: I\'ve put "{head}" at the end.')
    d.then()
    d.ask(f'write this below it: "{text}"', f'add the paragraph "{text}" under it')
    d.step("add_paragraph", {"filename": r.path, "text": text}, "write")
    d.updated("Document", r.file, paragraphs=[*r.paragraphs(), ["Heading1", head], ["", text]])
    d.say("I've added the paragraph below it.", "Done: I've written it under the new heading.")
    r.finish()


FAMILIES = {
    "add_paragraph": Family("single", add_paragraph),
    "add_heading": Family("single", add_heading),
    "replace": Family("single", replace),
    "read": Family("single", read),
    "table": Family("single", table),
    "copy": Family("single", copy),
    "remove": Family("chain", remove),
    "no_text": Family("clarify", no_text),
    "talk": Family("multi_turn", talk),
}
