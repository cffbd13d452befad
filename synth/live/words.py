"""Names and things that start states are drawn from. Ours; nothing of any server."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

FIRST = (
    "Alma",
    "Bruno",
    "Carla",
    "Dario",
    "Edith",
    "Felix",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Klara",
    "Lennart",
    "Mira",
    "Nils",
    "Olga",
    "Pavel",
    "Rosa",
    "Stefan",
    "Tilda",
    "Umar",
    "Vera",
    "Wanda",
    "Yusuf",
    "Zora",
)
LAST = (
    "Abel",
    "Berger",
    "Castell",
    "Dorn",
    "Ekman",
    "Falk",
    "Grau",
    "Holm",
    "Ibsen",
    "Jansen",
    "Keller",
    "Lund",
    "Moreau",
    "Novak",
    "Orlov",
    "Petri",
    "Quist",
    "Rossi",
    "Sorel",
    "Tamm",
    "Ulrich",
    "Vogel",
    "Weber",
    "Zander",
)
CITIES = (
    "Aarhus",
    "Bergen",
    "Cadiz",
    "Delft",
    "Essen",
    "Faro",
    "Ghent",
    "Huelva",
    "Izmir",
    "Jaca",
    "Kassel",
    "Leeds",
    "Malmo",
    "Nantes",
    "Odense",
    "Porto",
    "Riga",
    "Siena",
    "Turku",
    "Utrecht",
    "Verona",
    "Ypres",
)
GOODS = (
    "lamp",
    "desk",
    "stool",
    "shelf",
    "kettle",
    "ladder",
    "drill",
    "tarp",
    "bucket",
    "heater",
    "radio",
    "mirror",
    "rope",
    "trolley",
    "fan",
    "cabinet",
    "bench",
    "toolbox",
    "canopy",
    "easel",
    "hammock",
    "crate",
)
COLOURS = ("amber", "copper", "ivory", "olive", "slate", "coral", "indigo", "maroon", "teal", "ochre")
TOPICS = (
    "harbour",
    "orchard",
    "foundry",
    "library",
    "bakery",
    "museum",
    "stable",
    "chapel",
    "garage",
    "nursery",
    "theatre",
    "workshop",
    "marina",
    "vineyard",
    "clinic",
    "archive",
)
VERBS = (
    "paint",
    "inspect",
    "clean",
    "measure",
    "repair",
    "label",
    "photograph",
    "insure",
    "lock",
    "count",
    "sort",
    "dust",
    "polish",
    "air",
)
ROOMS = (
    "cellar",
    "attic",
    "lobby",
    "kitchen",
    "terrace",
    "corridor",
    "pantry",
    "hall",
    "annex",
    "yard",
    "loft",
    "studio",
)
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
FACTS = (
    "plays the cello",
    "speaks Finnish",
    "collects stamps",
    "keeps bees",
    "sails on weekends",
    "bakes rye bread",
    "teaches chess",
    "runs marathons",
    "restores clocks",
    "grows tomatoes",
    "paints miniatures",
    "studies moths",
    "sings in a choir",
    "builds kites",
    "brews cider",
    "reads palms",
    "rides a tandem",
    "carves spoons",
)


def some(rng: random.Random, pool: Sequence[T], n: int) -> list[T]:
    """`n` different ones, in random order."""
    return rng.sample(list(pool), n)


def people(rng: random.Random, n: int) -> list[str]:
    """Different full names, no two with the same first or last name."""
    return [f"{a} {b}" for a, b in zip(some(rng, FIRST, n), some(rng, LAST, n), strict=True)]


def listed(values: Sequence[str]) -> str:
    """`a, b and c`."""
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} and {values[-1]}"
