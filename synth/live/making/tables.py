"""A stock of goods in a SQLite file, asked and changed with SQL; two servers, the same questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from synth.live.draft import Draft
from synth.live.tasks import Family
from synth.live.words import CITIES, COLOURS, GOODS, listed, some
from synth.records import Kind, canonical

COLUMNS = ("id", "name", "colour", "price", "quantity", "city")
Row = dict[str, Any]


@dataclass(frozen=True)
class _Tools:
    """How a server wants to be asked."""

    schema: Callable[[str], tuple[str, dict[str, Any]]]
    read: str
    write: str


_BY_KIND = _Tools(lambda table: ("describe_table", {"table_name": table}), "read_query", "write_query")
_ONE_FOR_ALL = _Tools(lambda table: ("schema_definitions", {"table_names": [table]}), "execute_query", "execute_query")


class _Stock:
    def __init__(self, d: Draft, tools: _Tools) -> None:
        self.d, self.tools = d, tools
        self.table = d.pick(("items", "goods", "stock", "products"))
        cities = some(d.rng, CITIES, 3)
        self.rows: list[Row] = [
            {
                "id": n + 1,
                "name": name,
                "colour": d.pick(COLOURS),
                "price": d.rng.randint(5, 240),
                "quantity": d.rng.randint(1, 60),
                "city": cities[n % 3],
            }
            for n, name in enumerate(some(d.rng, GOODS, d.rng.randint(6, 12)))
        ]
        self.cities = cities
        self.unused = [g for g in GOODS if g not in {r["name"] for r in self.rows}]

    def finish(self) -> None:
        values = ",\n".join(
            f"({r['id']}, '{r['name']}', '{r['colour']}', {r['price']}, {r['quantity']}, '{r['city']}')"
            for r in self.rows
        )
        self.d.setup["tables"] = {
            "data.db": (
                f"CREATE TABLE {self.table} (id INTEGER PRIMARY KEY, name TEXT NOT NULL, colour TEXT, price INTEGER, "
                f"quantity INTEGER, city TEXT);\nINSERT INTO {self.table} VALUES\n{values};"
            )
        }

    def look(self) -> None:
        """The expert reads what columns there are."""
        tool, arguments = self.tools.schema(self.table)
        self.d.step(tool, arguments)

    def read(self, sql: str, **more: Any) -> int:
        return self.d.step(self.tools.read, {"query": sql}, _effect(self.tools.read), work=("/query",), **more)

    def write(self, sql: str, **more: Any) -> int:
        return self.d.step(self.tools.write, {"query": sql}, "write", work=("/query",), **more)

    def updated(self, row: Row, **fields: Any) -> None:
        self.d.updated(self.table, canonical([row["id"]]), **fields)


def _effect(tool: str) -> Any:
    return "read" if tool == "read_query" else "write"


def quantity(d: Draft, tools: _Tools) -> None:
    s = _Stock(d, tools)
    row = d.pick(s.rows)
    field = d.pick(("price", "quantity", "colour", "city"))
    d.keep(s.table)
    d.question(
        (
            f"what is the {field} of the {row['name']} in the table {s.table}",
            f"the {field} of the {row['name']} in the table {s.table}",
        )
    )
    s.look()
    s.read(f"SELECT {field} FROM {s.table} WHERE name = '{row['name']}'")
    d.tell(row[field], f"the {field} of the {row['name']} is {row[field]}")
    d.say(
        f"The {field} of the {row['name']} is {row[field]}.",
        f"It is {row[field]}: that is the {field} of the {row['name']}.",
    )
    s.finish()


def total(d: Draft, tools: _Tools) -> None:
    s = _Stock(d, tools)
    city = d.pick(s.cities)
    there = [r for r in s.rows if r["city"] == city]
    value = sum(r["quantity"] for r in there)
    d.question(
        (
            f"how many pieces does {city} hold in all, by the quantity column of {s.table}",
            f"how many pieces {city} holds in all, by the quantity column of {s.table}",
        )
    )
    s.look()
    s.read(f"SELECT SUM(quantity) AS pieces FROM {s.table} WHERE city = '{city}'")
    d.tell(value, f"{city} holds {value} pieces")
    d.say(f"{city} holds {value} pieces in all.", f"In all there are {value} pieces in {city}.")
    s.finish()


def dearest(d: Draft, tools: _Tools) -> None:
    s = _Stock(d, tools)
    for n, row in enumerate(sorted(s.rows, key=lambda r: r["price"])):
        row["price"] += n  # no two alike
    top = max(s.rows, key=lambda r: r["price"])
    d.question(
        (
            f"what is the dearest thing in the table {s.table}, and what does it cost",
            f"which thing in the table {s.table} is the dearest, and its price",
        )
    )
    s.look()
    s.read(f"SELECT name, price FROM {s.table} ORDER BY price DESC LIMIT 1")
    d.tell(top["name"], f"the dearest is the {top['name']}")
    d.tell(top["price"], f"it costs {top['price']}")
    d.say(
        f"The dearest is the {top['name']}; it costs {top['price']}.",
        f"The {top['name']} is the dearest, at {top['price']}.",
    )
    s.finish()


def reprice(d: Draft, tools: _Tools) -> None:
    s = _Stock(d, tools)
    row = d.pick(s.rows)
    new = row["price"] + d.rng.randint(1, 40)
    d.ask(
        f"set the price of the {row['name']} in {s.table} to {new}",
        f"change the {row['name']}'s price in the table {s.table} to {new}",
    )
    s.look()
    s.write(f"UPDATE {s.table} SET price = {new} WHERE name = '{row['name']}'")
    s.updated(row, price=new)
    d.say(f"I've set the price of the {row['name']} to {new}.", f"Done: I've changed the {row['name']} to {new}.")
    s.finish()


def relocate(d: Draft, tools: _Tools) -> None:
    s = _Stock(d, tools)
    old, new = some(d.rng, s.cities, 2)
    moved = [r for r in s.rows if r["city"] == old]
    d.ask(
        f"move everything that {s.table} lists in {old} to {new}",
        f"in {s.table}, change the city {old} to {new} for all rows",
    )
    s.look()
    s.write(f"UPDATE {s.table} SET city = '{new}' WHERE city = '{old}'")
    for row in moved:
        s.updated(row, city=new)
    d.say(f"I've moved everything from {old} to {new}.", f"Done: I've changed all rows of {old} to {new}.")
    s.finish()


def enter(d: Draft, tools: _Tools) -> None:
    s = _Stock(d, tools)
    row: Row = {
        "name": d.pick(s.unused),
        "colour": d.pick(COLOURS),
        "price": d.rng.randint(5, 240),
        "quantity": d.rng.randint(1, 60),
        "city": d.pick(s.cities),
    }
    said = f"{row['colour']} {row['name']}, price {row['price']}, quantity {row['quantity']}, in {row['city']}"
    d.ask(f"enter a new row in {s.table}: {said}", f"add this to the table {s.table}: {said}")
    s.look()
    s.write(
        f"INSERT INTO {s.table} (name, colour, price, quantity, city) VALUES ('{row['name']}', '{row['colour']}', "
        f"{row['price']}, {row['quantity']}, '{row['city']}')"
    )
    d.inserted(s.table, **row)
    d.say(f"I've added the {row['name']} to {s.table}.", f"Done: I've entered the {row['name']}.")
    s.finish()


def clear(d: Draft, tools: _Tools) -> None:
    s = _Stock(d, tools)
    gone = some(d.rng, [r["name"] for r in s.rows], d.rng.randint(1, 3))
    d.ask(f"delete {listed(gone)} from the table {s.table}", f"remove the rows of {listed(gone)} from {s.table}")
    s.look()
    s.write(f"DELETE FROM {s.table} WHERE name IN ({', '.join(repr(g) for g in gone)})")
    for row in s.rows:
        if row["name"] in gone:
            d.deleted(s.table, canonical([row["id"]]))
    d.say(f"I've deleted {listed(gone)} from {s.table}.", f"Done: I've removed {listed(gone)}.")
    s.finish()


def sell(d: Draft, tools: _Tools) -> None:
    s = _Stock(d, tools)
    row = d.pick([r for r in s.rows if r["quantity"] > 3] or s.rows[:1])
    row["quantity"] = max(row["quantity"], 5)
    sold = d.rng.randint(1, row["quantity"] - 2)
    left = row["quantity"] - sold
    d.question((f"how many of the {row['name']} does {s.table} hold", f"how many of the {row['name']} {s.table} holds"))
    s.look()
    s.read(f"SELECT quantity FROM {s.table} WHERE name = '{row['name']}'")
    d.tell(row["quantity"], f"there are {row['quantity']}")
    d.say(f"There are {row['quantity']} of the {row['name']}.", f"It holds {row['quantity']} of them.")
    d.then()
    d.ask(f"take {sold} of them off, we sold them", f"record that we sold {sold} of them")
    s.write(f"UPDATE {s.table} SET quantity = quantity - {sold} WHERE name = '{row['name']}'")
    s.updated(row, quantity=left)
    d.say(f"I've taken {sold} off.", f"Done: I've reduced the quantity by {sold}.")
    d.then()
    d.question(("how many are left now", "how many are left now"))
    s.read(f"SELECT name, quantity FROM {s.table} WHERE name = '{row['name']}'")
    d.tell(left, f"{left} are left")
    d.say(f"There are {left} left.", f"Now there are {left}.")
    s.finish()


def unpriced(d: Draft, tools: _Tools) -> None:
    s = _Stock(d, tools)
    row = d.pick(s.rows)
    new = row["price"] + d.rng.randint(1, 40)
    d.ask(
        f"change the price of the {row['name']} in {s.table}",
        f"give the {row['name']} in the table {s.table} its new price",
    )
    s.look()
    step = s.write(f"UPDATE {s.table} SET price = {new} WHERE name = '{row['name']}'")
    d.hidden(
        "price",
        f"The new price is {new}",
        new,
        ["price", "cost", "how much"],
        d.pick((f"What is the new price of the {row['name']}?", "Which price should I enter?")),
        step,
    )
    s.updated(row, price=new)
    d.say(f"I've set the price of the {row['name']} to {new}.", f"Done: the price is {new} now.")
    s.finish()


def two_cities(d: Draft, tools: _Tools) -> None:
    s = _Stock(d, tools)
    one, two = some(d.rng, s.cities, 2)
    counts = {city: sum(r["city"] == city for r in s.rows) for city in (one, two)}
    d.question(
        (
            f"how many rows of {s.table} are in {one}, and how many in {two}",
            f"how many rows of {s.table} are in {one} and how many in {two}",
        )
    )
    for city in (one, two):
        s.read(f"SELECT COUNT(*) AS n_rows, city FROM {s.table} WHERE city = '{city}'", alone=True)
        d.tell(counts[city], f"{city} has {counts[city]} rows")
    d.say(
        f"{one} has {counts[one]} and {two} has {counts[two]}.",
        f"There are {counts[one]} in {one} and {counts[two]} in {two}.",
    )
    s.finish()


_SORTS: dict[str, tuple[Kind, Callable[[Draft, _Tools], None]]] = {
    "quantity": ("chain", quantity),
    "total": ("chain", total),
    "dearest": ("chain", dearest),
    "reprice": ("single", reprice),
    "relocate": ("single", relocate),
    "enter": ("single", enter),
    "clear": ("single", clear),
    "sell": ("multi_turn", sell),
    "unpriced": ("clarify", unpriced),
    "two_cities": ("parallel", two_cities),
}


def _with(tools: _Tools) -> dict[str, Family]:
    def family(kind: Kind, write: Callable[[Draft, _Tools], None]) -> Family:
        return Family(kind, lambda d: write(d, tools))

    return {name: family(kind, write) for name, (kind, write) in _SORTS.items()}


QUERIES, STATEMENTS = _with(_BY_KIND), _with(_ONE_FOR_ALL)
