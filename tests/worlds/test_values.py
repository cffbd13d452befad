"""Value generators: types, bounds, reserved names, and pools that never cross the split."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from datetime import datetime

import pytest

from synth.errors import SpecError
from synth.worlds.gens import generators
from synth.worlds.infer import infer_gen, words
from synth.worlds.patterns import pattern_drawer
from synth.worlds.phrases import book, compiled, context_gen, family_of, is_open, slots_of
from synth.worlds.spec import FieldSpec
from synth.worlds.values import Values, offset_seconds

CLOCK = datetime(2026, 3, 2, 9)
SHARED = {  # closed standard lists and values without words: nothing to keep apart
    "country_code", "airport", "iata", "currency", "language", "timezone", "mime", "unit", "emoji", "department",
    "ip",
    "phone", "postcode", "iban", "mac", "version", "git_sha", "latitude", "longitude", "money", "percentage",
    "duration",
    "hex", "uuid", "md5", "isbn", "vin", "ticker", "ref_code", "spot",
    "clock_time", "digits", "currency_pair", "weekday", "month",
}  # fmt: skip
CLOSED = {g for g, ts in book().gens.items() if not all(any(map(is_open, slots_of(t))) for t in ts)}


def many(field: FieldSpec, name: str = "x", n: int = 300, split: str = "train") -> list[object]:
    rng = random.Random(7)
    values = Values(split)
    return [values.draw(field, name, rng, CLOCK) for _ in range(n)]


@pytest.mark.parametrize("gen", sorted(generators("train")))
def test_texts_are_plain_and_single_line(gen: str) -> None:
    rng = random.Random(1)
    for value in (generators("train")[gen](rng) for _ in range(200)):
        if isinstance(value, str):
            assert value == value.strip()
            assert "\n" not in value
            assert value
            assert gen == "emoji" or value.isascii()


@pytest.mark.parametrize("gen", sorted(set(generators("train")) - SHARED - CLOSED))
def test_eval_values_never_occur_in_train(gen: str) -> None:
    rng = random.Random(3)
    train = {generators("train")[gen](rng) for _ in range(4000)}
    held = {generators("eval")[gen](rng) for _ in range(1000)}
    assert held
    assert not train & held


def test_every_address_is_reserved() -> None:
    rng = random.Random(5)
    gens = generators("train")
    for gen in ("email", "url", "hostname", "domain_name"):
        for _ in range(200):
            assert re.search(r"example\.(com|org|net)(/|$)", gens[gen](rng))
    for _ in range(200):
        assert "-555-01" in gens["phone"](rng)
        assert gens["ip"](rng).rpartition(".")[0] in ("192.0.2", "198.51.100", "203.0.113")


def test_check_digits_hold() -> None:
    rng = random.Random(5)
    for _ in range(50):
        iban = generators("train")["iban"](rng)
        assert int(f"{iban[4:]}1314{iban[2:4]}") % 97 == 1
        isbn = generators("train")["isbn"](rng)
        assert sum(int(c) * (3 if i % 2 else 1) for i, c in enumerate(isbn)) % 10 == 0


def test_types_and_bounds() -> None:
    assert set(many(FieldSpec(type="int", range=(3, 5)))) == {3, 4, 5}
    assert all(isinstance(v, int) and v > 0 for v in many(FieldSpec(type="money")))
    assert all(isinstance(v, float) and 1 <= v <= 2 for v in many(FieldSpec(type="number", range=(1, 2))))
    assert all(
        re.fullmatch(r"[A-Z]{3}[0-9]{3}", str(v)) for v in many(FieldSpec(type="code", pattern="[A-Z]{3}[0-9]{3}"))
    )
    flags = many(FieldSpec(type="bool", p=0.8), n=2000)
    assert 0.75 < sum(map(bool, flags)) / 2000 < 0.85
    picks = many(FieldSpec(type="enum", of=["a", "b"], weights=[9, 1]), n=2000)
    assert 0.85 < picks.count("a") / 2000 < 0.95
    nulls = many(FieldSpec.model_validate({"type": "text", "null": 0.4}), n=2000)
    assert 0.35 < nulls.count(None) / 2000 < 0.45
    assert all(1 <= len(v) <= 3 and len(set(v)) == len(v) for v in many(FieldSpec(type="list", of="text")))  # type: ignore[arg-type]
    record = FieldSpec.model_validate({"type": "record", "fields": {"city": "text", "qty": "int"}})
    assert all(set(v) == {"city", "qty"} for v in many(record))  # type: ignore[arg-type]


def test_moments_respect_their_window() -> None:
    for v in many(FieldSpec(type="time", within=("-90d", "0d"))):
        assert "2025-12-02T09:00:00Z" <= str(v) <= "2026-03-02T09:00:00Z"
    for v in many(FieldSpec(type="date", within=("0d", "10d")), "due"):
        assert "2026-03-02" <= str(v) <= "2026-03-12"
    assert all(str(v) < "2026-03-02T09:00:00Z" for v in many(FieldSpec(type="time", set_by="system"), "due_at"))
    assert offset_seconds("-2h") == -7200
    with pytest.raises(SpecError):
        offset_seconds("soon")


@pytest.mark.parametrize(
    ("name", "gen"),
    [
        ("Contact.name", "person"), ("Company.name", "company"), ("email", "email"), ("contactEmail", "email"),
        ("assignee_name", "person"), ("zip", "postcode"), ("callback_url", "url"), ("description", "sentence"),
        ("due_note", "note"), ("Ticket.title", "issue_title"), ("first_name", "first_name"), ("tags", "tag"),
        ("shippingAddress", "address"), ("Product.name", "product"), ("Xyz.frobnication", "label"),
    ],
)  # fmt: skip
def test_generators_are_guessed_from_names(name: str, gen: str) -> None:
    assert infer_gen(name) == gen


@pytest.mark.parametrize("family", sorted(book().families))
def test_texts_of_a_family_are_plain_and_kept_apart(family: str) -> None:
    rng = random.Random(11)
    for templates in book().families[family].values():
        for template in templates:
            if template in ("person", "company"):  # stands for the generator of that name
                continue
            train = {compiled("train", template, "thing")(rng) for _ in range(120)}
            held = {compiled("eval", template, "thing")(rng) for _ in range(40)}
            assert not train & held, template
            for text in train | held:
                assert text == text.strip()
                assert text.isascii()
                assert not set('"{}\n') & set(text)
                assert not text.endswith(".")


@pytest.mark.parametrize(
    ("noun", "family"),
    [
        ("Issue", "issue"), ("FirewallGroup", "network"), ("ServerSettings", "server"), ("GroupSettings", "setting"),
        ("KnowledgeBaseArticles", "document"), ("BusRoute", "vehicle"), ("Song", "audio"), ("Frobnicator", None),
    ],
)  # fmt: skip
def test_family_comes_from_the_head_noun(noun: str, family: str | None) -> None:
    assert family_of(words(noun)) == family


def test_texts_fit_their_entity() -> None:
    text = FieldSpec(type="text", gen="label")
    named = {str(v) for v in many(text, "Greenhouse.name")}
    assert len(named) > 200
    assert sum("greenhouse" in v.lower() for v in named) == len(named)
    assert all(re.fullmatch(r"[a-z0-9-]+", str(v)) for v in many(text, "Cluster.name"))
    assert set(many(FieldSpec(type="text"), "Server.region")) <= set(book().lists["cloudregion"])
    assert set(many(FieldSpec(type="text", gen="word"), "Pet.breed")) <= set(book().lists["breed3"])
    # a title of work that belongs to a person or to nothing known is a task
    task = context_gen("train", "Frobnicator.title", "issue_title", "title")
    assert task is context_gen("train", "Frobnicator.subject", "issue_title", "title")
    assert context_gen("train", "name", "label", "label") is None


def test_drawing_is_quick() -> None:
    rng, values = random.Random(1), Values("train")
    fields = [FieldSpec(type="text", gen=g) for g in ("label", "sentence", "note", "slug", "issue_title", "paragraph")]
    names = [f"{e}.{f}" for e in ("Issue", "Cluster", "Widgeteer", "Invoice") for f in ("name", "description")]
    cases = [(f, n) for f in fields for n in names]
    for field, name in cases:
        values.draw(field, name, rng, CLOCK)
    best = min(_lap(values, cases, rng) for _ in range(5))
    assert best / len(cases) < 20e-6  # 2 us alone; room for a busy machine


def _lap(values: Values, cases: list[tuple[FieldSpec, str]], rng: random.Random) -> float:
    begin = time.perf_counter()
    for field, name in cases:
        values.draw(field, name, rng, CLOCK)
    return time.perf_counter() - begin


@pytest.mark.parametrize("pattern", ["^[a-z0-9-]{3,8}$", r"\d{4}-\d{2}", "(foo|bar)[0-9]+", "[^a-z]x?", r"v\d+\.\d+"])
def test_patterns_draw_what_they_describe(pattern: str) -> None:
    draw = pattern_drawer(pattern)
    for seed in range(50):
        assert re.search(pattern, draw(random.Random(seed)))


@pytest.mark.parametrize("pattern", ["[a-z", "(a", "a{9999}", "*a", "[]"])
def test_other_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(SpecError):
        pattern_drawer(pattern)


def test_unknown_generator_is_an_error() -> None:
    with pytest.raises(SpecError):
        many(FieldSpec(type="text", gen="unicorn"))
    with pytest.raises(SpecError):
        Values("train").gen("unicorn", random.Random(0))


def test_same_values_in_every_process() -> None:
    script = (
        "import random;from synth.worlds.gens import generators;r=random.Random(1);"
        "print([g(r) for n,g in sorted(generators('eval').items())])"
    )
    outs = {
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={"PYTHONHASHSEED": h},
        ).stdout
        for h in ("1", "2")
    }
    assert len(outs) == 1
    assert len(outs.pop()) > 500
