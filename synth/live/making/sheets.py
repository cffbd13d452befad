"""A workbook with a list of goods."""

from __future__ import annotations

from typing import Any

from synth.live.draft import Draft
from synth.live.tasks import Family
from synth.live.words import CITIES, GOODS, MONTHS, TOPICS, some

HEADS = ("Item", "City", "Price", "Pieces")


class _Book:
    def __init__(self, d: Draft) -> None:
        self.d = d
        self.file = f"{d.pick(TOPICS)}.xlsx"
        self.path = f"/work/{self.file}"
        self.sheet = d.pick(("Stock", "Orders", "Sales", "List"))
        self.spare = d.pick(MONTHS)
        self.rows: list[list[Any]] = [
            [name, d.pick(CITIES), d.rng.randint(5, 240), d.rng.randint(1, 60)]
            for name in some(d.rng, GOODS, d.rng.randint(4, 8))
        ]
        self.unused = [g for g in GOODS if g not in {r[0] for r in self.rows}]
        d.keep(self.path, self.sheet, self.spare)

    def key(self, row: int) -> str:
        return f"{self.file}!{self.sheet}!{row}"

    def at(self, number: int) -> int:
        """The line of a row of the list; the heads are in the first."""
        return number + 2

    @property
    def range(self) -> str:
        return f"A1:D{len(self.rows) + 1}"

    def read(self) -> int:
        return self.d.step("read_range", {"path": self.path, "sheet": self.sheet})

    def finish(self) -> None:
        self.d.setup["calls"] = [
            ["create_workbook", {"path": self.path, "sheets": [self.sheet, self.spare]}],
            ["write_range", {"path": self.path, "sheet": self.sheet, "at": "A1", "rows": [list(HEADS), *self.rows]}],
        ]


def look_up(d: Draft) -> None:
    b = _Book(d)
    row, column = d.pick(b.rows), d.pick((1, 2, 3))
    head = HEADS[column].lower()
    d.question(
        (
            f"what is the {head} of the {row[0]} in {b.path}, sheet {b.sheet}",
            f"the {head} of the {row[0]} in {b.path}, sheet {b.sheet}",
        )
    )
    b.read()
    d.tell(row[column], f"the {head} of the {row[0]} is {row[column]}")
    d.say(f"The {head} of the {row[0]} is {row[column]}.", f"It is {row[column]}.")
    b.finish()


def set_cell(d: Draft) -> None:
    b = _Book(d)
    n = d.rng.randrange(len(b.rows))
    column = d.pick((2, 3))
    cell, new = f"{'ABCD'[column]}{b.at(n)}", d.rng.randint(250, 900)
    d.keep(cell)
    d.ask(
        f"set cell {cell} on the sheet {b.sheet} of {b.path} to {new}",
        f"write {new} into {cell} of {b.path}, sheet {b.sheet}",
    )
    d.step("write_range", {"path": b.path, "sheet": b.sheet, "at": cell, "rows": [[new]]}, "write")
    d.updated("SheetRow", b.key(b.at(n)), **{"ABCD"[column]: new})
    d.say(f"I've set {cell} to {new}.", f"Done: I've written {new} into {cell}.")
    b.finish()


def find_and_set(d: Draft) -> None:
    b = _Book(d)
    n = d.rng.randrange(len(b.rows))
    column = d.pick((2, 3))
    new = d.rng.randint(250, 900)
    name, head = b.rows[n][0], HEADS[column].lower()
    d.ask(
        f"set the {head} of the {name} to {new} in {b.path}, sheet {b.sheet}",
        f"change the {head} of the {name} on the sheet {b.sheet} of {b.path} to {new}",
    )
    b.read()
    d.step(
        "write_range",
        {"path": b.path, "sheet": b.sheet, "at": f"{'ABCD'[column]}{b.at(n)}", "rows": [[new]]},
        "write",
        work=("/at",),
    )
    d.updated("SheetRow", b.key(b.at(n)), **{"ABCD"[column]: new})
    d.say(f"I've set the {head} of the {name} to {new}.", f"Done: I've changed the {head} of the {name} to {new}.")
    b.finish()


def append(d: Draft) -> None:
    b = _Book(d)
    row = [d.pick(b.unused), d.pick(CITIES), d.rng.randint(5, 240), d.rng.randint(1, 60)]
    said = f"{row[0]}, {row[1]}, price {row[2]}, pieces {row[3]}"
    d.ask(
        f"add a row at the end of the sheet {b.sheet} in {b.path}: {said}",
        f"append this to {b.path}, sheet {b.sheet}, right below the last row: {said}",
    )
    b.read()
    line = len(b.rows) + 2
    d.step("write_range", {"path": b.path, "sheet": b.sheet, "at": f"A{line}", "rows": [row]}, "write", work=("/at",))
    d.inserted("SheetRow", b.key(line), **dict(zip("ABCD", row, strict=True)))
    d.say(f"I've added the {row[0]} below the last row.", f"Done: I've added a row for the {row[0]}.")
    b.finish()


def total(d: Draft) -> None:
    b = _Book(d)
    value = sum(r[3] for r in b.rows)
    d.question(
        (
            f"how many pieces are there in all on the sheet {b.sheet} of {b.path}",
            f"how many pieces there are in all on the sheet {b.sheet} of {b.path}",
        )
    )
    b.read()
    d.tell(value, f"there are {value} pieces in all")
    d.say(f"There are {value} pieces in all.", f"In all it is {value} pieces.")
    b.finish()


def formula(d: Draft) -> None:
    b = _Book(d)
    column = d.pick((2, 3))
    letter, last, head = "ABCD"[column], len(b.rows) + 1, HEADS[column].lower()
    d.ask(
        f"put a SUM formula right below the {head} column of the sheet {b.sheet} in {b.path}, over all rows",
        f"let the cell right below the last {head} on the sheet {b.sheet} of {b.path} add them up with SUM",
    )
    b.read()
    text = f"=SUM({letter}2:{letter}{last})"
    d.step(
        "write_range",
        {"path": b.path, "sheet": b.sheet, "at": f"{letter}{last + 1}", "rows": [[text]]},
        "write",
        work=("/at", "/rows"),
    )
    d.inserted("SheetRow", b.key(last + 1), **{letter: text})
    d.say(f"I've put the sum into {letter}{last + 1}.", f"Done: I've added the sum in {letter}{last + 1}.")
    b.finish()


def new_sheet(d: Draft) -> None:
    b = _Book(d)
    name = d.pick([m for m in MONTHS if m != b.spare])
    d.keep(name)
    d.ask(f"add an empty sheet {name} to {b.path}", f"create a new sheet called {name} at the end of {b.path}")
    d.step("create_sheet", {"path": b.path, "new_name": name}, "write")
    d.inserted("Sheet", f"{b.file}!{name}", position=2)
    d.say(f"I've added the sheet {name}.", f"Done: I've created the sheet {name}.")
    b.finish()


def rename(d: Draft) -> None:
    b = _Book(d)
    name = d.pick([m for m in MONTHS if m != b.spare])
    d.keep(name)
    d.ask(
        f"rename the sheet {b.spare} of {b.path} to {name}", f"call the sheet {b.spare} in {b.path} {name} from now on"
    )
    d.step("rename_sheet", {"path": b.path, "sheet": b.spare, "new_name": name}, "write")
    d.deleted("Sheet", f"{b.file}!{b.spare}")
    d.inserted("Sheet", f"{b.file}!{name}", position=1)
    d.say(f"I've renamed the sheet to {name}.", f"Done: I've renamed {b.spare} to {name}.")
    b.finish()


def no_price(d: Draft) -> None:
    b = _Book(d)
    n = d.rng.randrange(len(b.rows))
    new, name = d.rng.randint(250, 900), b.rows[n][0]
    d.ask(
        f"change the price of the {name} on the sheet {b.sheet} of {b.path}",
        f"enter the new price of the {name} in {b.path}, sheet {b.sheet}",
    )
    b.read()
    step = d.step(
        "write_range",
        {"path": b.path, "sheet": b.sheet, "at": f"C{b.at(n)}", "rows": [[new]]},
        "write",
        work=("/at",),
        sources={"/rows/0/0": d.told("price")},
    )
    d.hidden(
        "price",
        f"The new price is {new}",
        new,
        ["price", "how much", "cost"],
        d.pick((f"What is the new price of the {name}?", "Which price should I enter?")),
        step,
    )
    d.updated("SheetRow", b.key(b.at(n)), C=new)
    d.say(f"I've set the price of the {name} to {new}.", f"Done: I've changed the price to {new}.")
    b.finish()


def talk(d: Draft) -> None:
    b = _Book(d)
    n = d.rng.randrange(len(b.rows))
    name, new, sheet = b.rows[n][0], d.rng.randint(250, 900), d.pick([m for m in MONTHS if m != b.spare])
    d.keep(sheet)
    d.question(
        (
            f"how many pieces of the {name} are on the sheet {b.sheet} of {b.path}",
            f"how many pieces of the {name} the sheet {b.sheet} of {b.path} has",
        )
    )
    b.read()
    d.tell(b.rows[n][3], f"there are {b.rows[n][3]} pieces")
    d.say(f"There are {b.rows[n][3]} pieces of the {name}.", f"It has {b.rows[n][3]} pieces.")
    d.then()
    d.ask(f"make it {new} pieces", f"change that to {new} pieces")
    d.step(
        "write_range", {"path": b.path, "sheet": b.sheet, "at": f"D{b.at(n)}", "rows": [[new]]}, "write", work=("/at",)
    )
    d.updated("SheetRow", b.key(b.at(n)), D=new)
    d.say(f"I've set it to {new} pieces.", f"Done: I've changed it to {new}.")
    d.then()
    d.ask(f"add an empty sheet {sheet} at the end", f"create a sheet {sheet} as the last one, please, empty")
    d.step("create_sheet", {"path": b.path, "new_name": sheet}, "write")
    d.inserted("Sheet", f"{b.file}!{sheet}", position=2)
    d.say(f"I've added the sheet {sheet}.", f"Done: the sheet {sheet} has been created.")
    b.finish()


FAMILIES = {
    "look_up": Family("single", look_up),
    "set_cell": Family("single", set_cell),
    "total": Family("single", total),
    "new_sheet": Family("single", new_sheet),
    "rename": Family("single", rename),
    "find_and_set": Family("chain", find_and_set),
    "append": Family("chain", append),
    "formula": Family("chain", formula),
    "no_price": Family("clarify", no_price),
    "talk": Family("multi_turn", talk),
}
