"""Semantic generators: `person`, `email`, `sku`, `sentence`, ... as closures over the word pools of one split side.

Every host is under a reserved name, every phone number in the fictional 555-01xx block, every public address in a
documentation range, so no value can point at somebody. Texts are plain, single-line and distinctive.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from typing import Any

from synth.worlds.phrases import field_gens
from synth.worlds.pools import CONTEXTS, PROBLEMS, PoolSide, pools

Gen = Callable[[random.Random], Any]

_VIN = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_PAIRS = ("EUR/USD", "GBP/USD", "USD/JPY", "EUR/CHF", "AUD/USD", "USD/CAD", "EUR/GBP", "NZD/USD")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
COUNTRY_CODES = (
    "US",
    "GB",
    "DE",
    "FR",
    "ES",
    "IT",
    "NL",
    "SE",
    "NO",
    "DK",
    "FI",
    "PL",
    "CZ",
    "AT",
    "CH",
    "IE",
    "PT",
    "GR",
    "CA",
    "AU",
    "NZ",
    "JP",
    "SG",
    "IN",
    "BR",
    "MX",
    "ZA",
)


def _pick(pool: tuple[str, ...]) -> Callable[[random.Random], str]:
    size = len(pool)
    return lambda rng: pool[int(rng.random() * size)]


def _int(rng: random.Random, low: int, high: int) -> int:
    return low + int(rng.random() * (high - low + 1))


def _hex(size: int) -> Gen:
    return lambda rng: f"{rng.getrandbits(4 * size):0{size}x}"


def _isbn(rng: random.Random) -> str:
    body = f"978{int(rng.random() * 1e9):09d}"
    check = -sum(int(c) * (3 if i % 2 else 1) for i, c in enumerate(body)) % 10
    return f"{body}{check}"


def _iban(rng: random.Random) -> str:
    """A German-looking account number with correct check digits at a bank that does not exist (code 0000....)."""
    bban = f"0000{int(rng.random() * 1e4):04d}{int(rng.random() * 1e10):010d}"
    check = 98 - int(f"{bban}131400") % 97
    return f"DE{check:02d}{bban}"


def uuid_of(rng: random.Random) -> str:
    """A UUID of version 4."""
    n = rng.getrandbits(128)
    h = f"{n:032x}"
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{'89ab'[n & 3]}{h[17:20]}-{h[20:]}"


def camel_initials(text: str, size: int) -> str:
    """Upper-case letters taken from `text`, at most `size`: tickers and sku heads."""
    return "".join(c for c in text.upper() if c not in "AEIOU ")[:size] or text[:size].upper()


@cache
def generators(side: PoolSide) -> dict[str, Gen]:
    """All semantic generators of one side by name."""
    words = pools(side)
    p = {name: _pick(pool) for name, pool in words.items()}
    first, last, stem, sector, adjective = p["first_name"], p["last_name"], p["stem"], p["sector"], p["adjective"]
    thing, topic, obj, token, city = p["thing"], p["topic"], p["object"], p["token"], p["city"]
    problem, context = _pick(PROBLEMS), _pick(CONTEXTS)
    role, host_tail = p["person_role"], p["reserved_domain"]

    def person(r: random.Random) -> str:
        return f"{first(r)} {last(r)}"

    def company(r: random.Random) -> str:
        return f"{stem(r)} {sector(r)} {p['company_suffix'](r)}"

    def domain_name(r: random.Random) -> str:
        return f"{token(r)}-{topic(r)}.{host_tail(r)}"

    def email(r: random.Random) -> str:
        name = f"{first(r)}.{last(r)}".replace(" ", "").lower()
        return f"{name}@{stem(r).lower()}.{host_tail(r)}"

    def slug(r: random.Random) -> str:
        return f"{adjective(r)}-{token(r)}-{thing(r)}"

    def url(r: random.Random) -> str:
        return f"https://{token(r)}.{host_tail(r)}/{topic(r)}/{token(r)}-{_int(r, 10, 999)}"

    def file_name(r: random.Random) -> str:
        return f"{topic(r)}-{token(r)}-{_int(r, 1, 99)}.{p['extension'](r)}"

    def issue_title(r: random.Random) -> str:
        head = thing(r)
        return f"{head[0].upper()}{head[1:]} {problem(r)} {context(r)}"

    def project_name(r: random.Random) -> str:
        return f"{stem(r)} {topic(r) if r.random() < 0.3 else token(r)} {topic(r)}"

    def title(r: random.Random) -> str:
        a, b = topic(r), token(r)
        pattern = int(r.random() * 4)
        if pattern == 0:
            return f"{a.capitalize()} notes: the {adjective(r)} {b}"
        if pattern == 1:
            return f"A {adjective(r)} guide to {a} and {topic(r)}"
        if pattern == 2:
            return f"{stem(r)} {a} review"
        return f"{b.capitalize()} {a} plan for {city(r)}"

    def sentence(r: random.Random) -> str:
        pattern = int(r.random() * 5)
        if pattern == 0:
            return f"The {thing(r)} {problem(r)} {context(r)}."
        if pattern == 1:
            return f"{first(r)} from {city(r)} asked for a {adjective(r)} {obj(r)} and a {thing(r)} check."
        if pattern == 2:
            return f"Please send the {adjective(r)} {obj(r)} to the {role(r)} in {city(r)}."
        if pattern == 3:
            return f"The {role(r)} agreed to review {topic(r)} and {topic(r)} next week."
        return f"Our {adjective(r)} {token(r)} {obj(r)} is kept beside the {thing(r)}."

    def paragraph(r: random.Random) -> str:
        return " ".join(sentence(r) for _ in range(_int(r, 2, 4)))

    def message(r: random.Random) -> str:
        pattern = int(r.random() * 4)
        if pattern == 0:
            return f"Hi {first(r)}, the {adjective(r)} {obj(r)} for {city(r)} is ready."
        if pattern == 1:
            return f"Can we move the {topic(r)} talk with {first(r)} to {_int(r, 8, 17)}:30?"
        if pattern == 2:
            return f"Reminder: the {thing(r)} {problem(r)}, so bring the {adjective(r)} {obj(r)}."
        return f"Thanks {first(r)}, the {role(r)} has the {token(r)} {obj(r)} now."

    def comment(r: random.Random) -> str:
        pattern = int(r.random() * 3)
        if pattern == 0:
            return f"Checked with the {role(r)}: the {thing(r)} {problem(r)} {context(r)}."
        if pattern == 1:
            return f"I would keep the {adjective(r)} {obj(r)} until {topic(r)} is settled."
        return f"{first(r)} will follow up on {topic(r)} with the {role(r)}."

    def note(r: random.Random) -> str:
        return f"{topic(r).capitalize()}: {sentence(r)}"

    def version(r: random.Random) -> str:
        return f"{_int(r, 0, 9)}.{_int(r, 0, 30)}.{_int(r, 0, 20)}"

    def path(r: random.Random) -> str:
        return f"/{topic(r)}/{token(r)}/{file_name(r)}"

    def username(r: random.Random) -> str:
        return f"{first(r).lower()}.{token(r)}{_int(r, 1, 99)}".replace(" ", "")

    def sku(r: random.Random) -> str:
        return f"{camel_initials(obj(r), 3)}-{camel_initials(p['colour'](r), 2)}-{_int(r, 1000, 9999)}"

    def phone(r: random.Random) -> str:
        return f"+1-{_int(r, 201, 989)}-555-01{_int(r, 0, 99):02d}"

    def ip(r: random.Random) -> str:
        net = ("192.0.2", "198.51.100", "203.0.113")[int(r.random() * 3)]
        return f"{net}.{_int(r, 1, 254)}"

    def event_name(r: random.Random) -> str:
        return f"{stem(r)} {topic(r).capitalize()} {p['event_word'](r)}"

    gens: dict[str, Gen] = {
        "person": person,
        "first_name": first,
        "last_name": last,
        "company": company,
        "email": email,
        "phone": phone,
        "street": lambda r: f"{_int(r, 1, 240)} {p['street_name'](r)} {p['street_suffix'](r)}",
        "address": lambda r: f"{_int(r, 1, 240)} {p['street_name'](r)} {p['street_suffix'](r)}, {city(r)}",
        "city": city,
        "country": p["country"],
        "country_code": _pick(COUNTRY_CODES),
        "postcode": lambda r: f"{_int(r, 10000, 99999)}",
        "airport": p["iata"],
        "iata": p["iata"],
        "iban": _iban,
        "sku": sku,
        "product": lambda r: f"{adjective(r).capitalize()} {p['colour'](r)} {obj(r)}",
        "colour": p["colour"],
        "title": title,
        "issue_title": issue_title,
        "project_name": project_name,
        "label": lambda r: f"{stem(r)} {token(r).capitalize()}",
        "sentence": sentence,
        "paragraph": paragraph,
        "word": token,
        "tag": lambda r: topic(r) if r.random() < 0.5 else token(r),
        "slug": slug,
        "username": username,
        "url": url,
        "hostname": lambda r: f"{token(r)}-{_int(r, 1, 40):02d}.{host_tail(r)}",
        "domain_name": domain_name,
        "file_name": file_name,
        "path": path,
        "mime": p["mime"],
        "ip": ip,
        "mac": lambda r: ":".join(f"{b:02x}" for b in (2, *r.randbytes(5))),
        "version": version,
        "git_sha": _hex(40),
        "branch": lambda r: f"{p['branch_kind'](r)}/{p['feature'](r)}-{token(r)}",
        "latitude": lambda r: round(r.uniform(-60, 70), 4),
        "longitude": lambda r: round(r.uniform(-179, 179), 4),
        "job_title": lambda r: f"{p['job_area'](r)} {p['job_head'](r)}",
        "department": p["department"],
        "currency": p["currency"],
        "money": lambda r: _int(r, 2, 400) * 25 * (10 if r.random() < 0.3 else 1),
        "percentage": lambda r: float(_int(r, 0, 200)) / 2,
        "duration": lambda r: _int(r, 1, 16) * 15,
        "language": p["language"],
        "timezone": p["timezone"],
        "hex": _hex(16),
        "uuid": uuid_of,
        "md5": _hex(32),
        "emoji": p["emoji"],
        "ticker": lambda r: camel_initials(stem(r) + token(r), 4),
        "isbn": _isbn,
        "vin": lambda r: "".join(_VIN[int(r.random() * 33)] for _ in range(17)),
        "unit": p["unit"],
        "event_name": event_name,
        "topic": topic,
        "comment": comment,
        "message": message,
        "note": note,
        "query": lambda r: f"{adjective(r)} {obj(r)}" if r.random() < 0.5 else f"{topic(r)} {thing(r)}",
        "password": lambda r: f"{token(r)}-{adjective(r)}-{_int(r, 100, 999)}",
        "ref_code": lambda r: (
            f"{_LETTERS[int(r.random() * 24)]}{_LETTERS[int(r.random() * 24)]}-{_int(r, 10000, 99999)}"
        ),
        "spot": lambda r: f"{_LETTERS[int(r.random() * 8)]}{_int(r, 1, 60)}",
        "clock_time": lambda r: f"{_int(r, 6, 21):02d}:{_int(r, 0, 3) * 15:02d}",
        "digits": lambda r: f"{_int(r, 0, 9999):04d}",
        "currency_pair": lambda r: _PAIRS[int(r.random() * len(_PAIRS))],
        "weekday": lambda r: _DAYS[int(r.random() * 7)],
        "month": lambda r: _MONTHS[int(r.random() * 12)],
        "code_line": lambda r: f"{token(r)}_{thing(r)} = {_int(r, 1, 99)}",
    }
    return {**gens, **field_gens(side)}
