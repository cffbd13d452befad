"""Files in a folder: read, found, written, edited, moved."""

from __future__ import annotations

from synth.live.draft import Draft
from synth.live.tasks import Family
from synth.live.words import CITIES, COLOURS, GOODS, ROOMS, TOPICS, listed, people, some

NOTE = "The folder that the tools work in is /work."


def _card(d: Draft, topic: str) -> dict[str, str]:
    """What stands on the card of a place."""
    return {
        "name": topic,
        "keeper": people(d.rng, 1)[0],
        "city": d.pick(CITIES),
        "visitors": str(d.rng.randint(120, 9800)),
        "colour": d.pick(COLOURS),
        "room": d.pick(ROOMS),
    }


def _lines(card: dict[str, str]) -> str:
    return "".join(f"{key}: {value}\n" for key, value in card.items())


def _folder(d: Draft, n: int = 4) -> dict[str, dict[str, str]]:
    """A folder of cards, path -> card, put into the start; a list of goods stands beside them."""
    d.notes = [NOTE]
    cards = {}
    for topic in some(d.rng, TOPICS, n):
        path = f"/work/{d.pick(('cards', 'places', 'records'))}/{topic}.txt"
        cards[path] = _card(d, topic)
        d.files[path.removeprefix("/work/")] = _lines(cards[path])
    d.files["archive/readme.txt"] = f"Old cards of {d.pick(CITIES)}.\n"
    return cards


def read_value(d: Draft) -> None:
    path, card = d.pick(sorted(_folder(d).items()))
    field = d.pick(("keeper", "city", "visitors", "colour", "room"))
    d.question(
        (f"what is the {field} in {path}", f"what the {field} in {path} is"),
        (f"which {field} does {path} give", f"which {field} {path} gives"),
    )
    d.step(d.pick(("read_text_file", "read_file")), {"path": path})
    d.tell(card[field], f"the {field} is {card[field]}")
    d.say(
        f"The {field} is {card[field]}.",
        f"According to the file, the {field} is {card[field]}.",
        f"It gives {card[field]} as the {field}.",
    )


def edit_value(d: Draft) -> None:
    path, card = d.pick(sorted(_folder(d).items()))
    field = d.pick(("keeper", "city", "visitors"))
    new = {
        "keeper": people(d.rng, 1)[0],
        "city": d.pick([c for c in CITIES if c != card["city"]]),
        "visitors": str(d.rng.randint(10_000, 20_000)),
    }[field]
    if new == card[field]:
        new = people(d.rng, 2)[1]
    d.keep(new)
    d.ask(
        f"change the {field} in {path} to {new}",
        f"set the {field} in {path} to {new} and leave the rest as it is",
        f"correct the {field} in {path}: it is {new} now",
    )
    d.step("read_text_file", {"path": path})
    edit = {"oldText": f"{field}: {card[field]}", "newText": f"{field}: {new}"}
    d.step("edit_file", {"path": path, "edits": [edit]}, "write", work=("/edits",))
    d.updated("File", path.removeprefix("/work/"), text=_lines({**card, field: new}).rstrip("\n"))
    d.say(
        f"I've changed the {field} to {new}.",
        f"Done: I've set the {field} to {new}.",
        f"I've updated the file: the {field} is {new} now.",
    )


def find_and_edit(d: Draft) -> None:
    path, card = d.pick(sorted(_folder(d, 5).items()))
    name = path.rpartition("/")[2]
    new = d.pick([c for c in COLOURS if c != card["colour"]])
    d.keep(name, new)
    d.ask(
        f"find the file {name}, wherever it is, and set its colour to {new}",
        f"make the colour in {name} {new}; I don't remember which folder it is in",
    )
    found = d.step("search_files", {"path": "/work", "pattern": f"**/{name}"}, work=("/pattern",))
    d.step("read_text_file", {"path": path}, sources={"/path": d.of(found)})
    edit = {"oldText": f"colour: {card['colour']}", "newText": f"colour: {new}"}
    d.step("edit_file", {"path": path, "edits": [edit]}, "write", sources={"/path": d.of(found)}, work=("/edits",))
    d.updated("File", path.removeprefix("/work/"), text=_lines({**card, "colour": new}).rstrip("\n"))
    d.say(
        f"I found it at {path} and I've set the colour to {new}.", f"The file is {path}; I've set its colour to {new}."
    )


def write_list(d: Draft) -> None:
    _folder(d, 2)
    goods = some(d.rng, GOODS, d.rng.randint(3, 6))
    path = f"/work/{d.pick(('lists', 'orders', 'plans'))}/{d.pick(CITIES).lower()}.txt"
    d.keep(*goods, path)
    d.files[path.rpartition("/")[0].removeprefix("/work/") + "/old.txt"] = f"{d.pick(GOODS)}\n"
    d.ask(
        f"write a file {path} with these lines, nothing else: {listed(goods)}",
        f"create {path} that lists {listed(goods)}, one per line and nothing else",
    )
    d.step("write_file", {"path": path, "content": "\n".join(goods) + "\n"}, "write", work=("/content",))
    d.inserted("File", path.removeprefix("/work/"), text="\n".join(goods))
    d.say(f"I've written {path} with {listed(goods)}.", f"Done: {path} now lists {listed(goods)}.")


def move(d: Draft) -> None:
    path, card = d.pick(sorted(_folder(d).items()))
    to = f"/work/archive/{d.pick(CITIES).lower()}-{path.rpartition('/')[2]}"
    d.ask(f"move {path} to {to}", f"put {path} into the archive as {to}", f"rename {path} to {to}")
    d.step("move_file", {"source": path, "destination": to}, "write")
    d.deleted("File", path.removeprefix("/work/"))
    d.inserted("File", to.removeprefix("/work/"), text=_lines(card).rstrip("\n"))
    d.say(f"I've moved it to {to}.", f"Done, I've moved the file to {to}.")


def compare(d: Draft) -> None:
    (a, one), (b, two) = some(d.rng, sorted(_folder(d).items()), 2)
    while one["visitors"] == two["visitors"]:
        two["visitors"] = str(int(two["visitors"]) + 7)
        d.files[b.removeprefix("/work/")] = _lines(two)
    d.question((f"how many visitors does {a} give, and how many {b}", f"how many visitors {a} gives and how many {b}"))
    for path, card in ((a, one), (b, two)):
        d.step("read_text_file", {"path": path}, alone=True)
        d.tell(int(card["visitors"]), f"{path} gives {card['visitors']} visitors")
    d.say(
        f"{a} gives {one['visitors']} visitors and {b} gives {two['visitors']}.",
        f"It is {one['visitors']} in {a} and {two['visitors']} in {b}.",
    )


def clarify_room(d: Draft) -> None:
    path, card = d.pick(sorted(_folder(d).items()))
    new = d.pick([r for r in ROOMS if r != card["room"]])
    d.ask(
        f"enter the new room in {path}", f"change the room in {path}", f"update {path}, the room is not right any more"
    )
    before = d.step("read_text_file", {"path": path})
    edit = {"oldText": f"room: {card['room']}", "newText": f"room: {new}"}
    step = d.step(
        "edit_file",
        {"path": path, "edits": [edit]},
        "write",
        work=("/edits/0/oldText",),
        sources={"/edits/0/newText": d.told("room")},
    )
    d.hidden(
        "room",
        f"The new line is room: {new}",
        f"room: {new}",
        ["room", "line", "new", "value"],
        d.pick(
            (
                "Which room should stand there? Please give me the new line.",
                "What is the new room? Tell me the line as it should be.",
            )
        ),
        step,
    )
    d.after(before)
    d.updated("File", path.removeprefix("/work/"), text=_lines({**card, "room": new}).rstrip("\n"))
    d.say(f"I've changed the room to {new}.", f"Done: I've set the room to {new}.")


def step_by_step(d: Draft) -> None:
    path, card = d.pick(sorted(_folder(d).items()))
    new = str(d.rng.randint(10_000, 20_000))
    to = f"/work/archive/{path.rpartition('/')[2]}"
    d.question((f"how many visitors does {path} give", f"how many visitors {path} gives"))
    d.step("read_text_file", {"path": path})
    d.tell(int(card["visitors"]), f"there are {card['visitors']} visitors")
    d.say(f"It gives {card['visitors']} visitors.", f"{card['visitors']} visitors.")
    d.then()
    d.keep(new)
    d.ask(f"make it {new} visitors", f"set the visitors there to {new}")
    edit = {"oldText": f"visitors: {card['visitors']}", "newText": f"visitors: {new}"}
    d.step("edit_file", {"path": path, "edits": [edit]}, "write", work=("/edits",))
    d.say(f"I've set the visitors to {new}.", f"Done, I've changed it to {new} visitors.")
    d.then()
    d.ask(f"move the file to {to}", f"put the file into the archive as {to}")
    d.step("move_file", {"source": path, "destination": to}, "write")
    d.deleted("File", path.removeprefix("/work/"))
    d.inserted("File", to.removeprefix("/work/"), text=_lines({**card, "visitors": new}).rstrip("\n"))
    d.say(f"I've moved it to {to}.", f"Moved: it is at {to} now.")


FAMILIES = {
    "read_value": Family("single", read_value),
    "write_list": Family("single", write_list),
    "move": Family("single", move),
    "edit_value": Family("chain", edit_value),
    "find_and_edit": Family("chain", find_and_edit),
    "compare": Family("parallel", compare),
    "clarify_room": Family("clarify", clarify_room),
    "step_by_step": Family("multi_turn", step_by_step),
}
