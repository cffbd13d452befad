"""What lies in the work folder of a server that nobody knows: files of ours, so that calls have something to name."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping

from synth.live.words import CITIES, COLOURS, GOODS, ROOMS, TOPICS, people, some
from synth.taskspec import PlaceStart

DATABASE = "data.db"
TABLE = "stock"
_COLUMNS = ("id", "name", "colour", "price", "city")


def start_state(rng: random.Random, files: Mapping[str, str]) -> PlaceStart:
    """A folder of cards, a table as CSV and in a database, a list as JSON; in their place `files`, if any."""
    if files:
        return PlaceStart(files=dict(files))
    rows = _stock(rng)
    out = {f"cards/{topic}.txt": _card(rng, topic) for topic in some(rng, TOPICS, 3)}
    out["stock.csv"] = "\n".join(",".join(map(str, row)) for row in (_COLUMNS, *rows)) + "\n"
    places = [{"name": city, "room": rng.choice(ROOMS), "visitors": rng.randint(100, 9000)}
              for city in some(rng, CITIES, 3)]  # fmt: skip
    out["places.json"] = json.dumps(places, indent=1) + "\n"
    values = ",\n".join(f"({i}, '{name}', '{colour}', {price}, '{city}')" for i, name, colour, price, city in rows)
    script = (
        f"CREATE TABLE {TABLE} (id INTEGER PRIMARY KEY, name TEXT, colour TEXT, price INTEGER, city TEXT);\n"
        f"INSERT INTO {TABLE} VALUES\n{values};"
    )
    return PlaceStart(files=out, setup={"tables": {DATABASE: script}})


def _card(rng: random.Random, topic: str) -> str:
    keeper = people(rng, 1)[0]
    return f"name: {topic}\nkeeper: {keeper}\ncity: {rng.choice(CITIES)}\nvisitors: {rng.randint(100, 9000)}\n"


def _stock(rng: random.Random) -> list[tuple[int, str, str, int, str]]:
    return [(n, name, rng.choice(COLOURS), rng.randint(5, 240), rng.choice(CITIES))
            for n, name in enumerate(some(rng, GOODS, 5), 1)]  # fmt: skip
