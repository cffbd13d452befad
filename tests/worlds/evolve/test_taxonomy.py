"""The taxonomy: large enough, well-formed, and speakable."""

from __future__ import annotations

import re

from synth.worlds.evolve.transplant import field_of
from synth.worlds.values import Values
from tools_catalog.taxonomy import load_taxonomy, pluralise, read_field

K2 = """
enterprise_business_intelligence transportation_logistics iphone_android smart_home
real_estate_property software_apps legal_compliance education_elearning robot_control
agriculture_environmental healthcare_medical manufacturing_industrial_iot desktop_systems
financial_trading website_control gaming_entertainment
"""


def test_size_and_categories() -> None:
    taxonomy = load_taxonomy()
    assert len(taxonomy) >= 400
    assert set(K2.split()) <= set(taxonomy.categories())
    assert len(taxonomy.categories()) >= 55
    assert len(set(taxonomy.domain_names())) == len(taxonomy)


def test_nouns_are_well_formed() -> None:
    values = Values("train")
    for domain in load_taxonomy().domains:
        assert len({n.name for n in domain.nouns}) == len(domain.nouns) >= 3, domain.name
        for noun in domain.nouns:
            assert noun.plural
            assert len(noun.fields) >= 4
            assert all(re.fullmatch(r"[a-z][a-z0-9_]*", f.name) for f in noun.fields), noun
            for word in noun.fields:
                values.drawer(field_of(word), word.name)


def test_lifecycles_can_be_walked() -> None:
    cycles = {n.lifecycle for d in load_taxonomy().domains for n in d.nouns if n.lifecycle}
    assert len(cycles) >= 35
    for cycle in cycles:
        reached = {cycle.states[0]}
        for _ in cycle.states:
            reached |= {to for a, to, _ in cycle.moves if a in reached}
        assert reached == set(cycle.states), cycle.name


def test_notation() -> None:
    assert read_field("rate%").kind == "number"
    assert read_field("kind=a|b").members == ("a", "b")
    assert read_field("who~person").gen == "person"
    assert [pluralise(w) for w in ("box", "city", "key", "shelf", "spare part")] == [
        "boxes",
        "cities",
        "keys",
        "shelves",
        "spare parts",
    ]
