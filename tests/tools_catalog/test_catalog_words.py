"""Descriptions and effects from facts: deterministic, varied by server, about the right thing."""

from __future__ import annotations

from collections import Counter

import pytest

from tools_catalog import Catalog, describe_parameter, describe_tool, effect_of, load_catalog
from tools_catalog.describe import habits_of, service_label
from tools_catalog.words import common_prefix, find_verb, plural, singular, split_words, third_person, with_articles


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("get_user", ("get", "user")),
        ("getUserById", ("get", "user", "by", "id")),
        ("API-patch-block", ("api", "patch", "block")),
        ("listS3Buckets", ("list", "s3", "buckets")),
        ("HTTPServerURL", ("http", "server", "url")),
        ("app.deploy/now", ("app", "deploy", "now")),
    ],
)
def test_splitting(name: str, words: tuple[str, ...]) -> None:
    assert split_words(name) == words


@pytest.mark.parametrize(
    ("name", "annotations", "effect"),
    [
        ("delete_user", {}, "write"),
        ("list_users", {}, "read"),
        ("vpc-list", {}, "read"),
        ("user_create", {}, "write"),
        ("deploy_plan_get", {}, "read"),
        ("get_or_create_user", {}, "write"),
        ("cpi_by_country", {}, "read"),
        ("frobnicate", {}, "write"),
        ("list_users", {"readOnlyHint": False}, "write"),
        ("delete_user", {"readOnlyHint": True}, "read"),
        ("lookup", {"destructiveHint": True}, "write"),
    ],
)
def test_effects(name: str, annotations: dict[str, bool], effect: str) -> None:
    assert effect_of(name, annotations) == effect


def test_grammar() -> None:
    assert [plural(w) for w in ("box", "city", "day", "person", "data", "user")] == [
        "boxes", "cities", "days", "people", "data", "users"
    ]  # fmt: skip
    assert [singular(w) for w in ("boxes", "cities", "people", "status", "users")] == [
        "box", "city", "person", "status", "user"
    ]  # fmt: skip
    assert [third_person(v) for v in ("get", "query", "fetch", "go")] == ["gets", "queries", "fetches", "goes"]
    assert with_articles(("tag", "to", "issue")) == "a tag to an issue"
    assert with_articles(("url",)) == "a URL"
    assert find_verb(("users", "list")) == 1
    assert common_prefix(["git_log", "git_status", "git_add"]) == "git"
    assert common_prefix(["list_a", "list_b", "list_c"]) is None


def test_a_description_says_what_the_name_says() -> None:
    schema = {"type": "object", "properties": {"user_id": {"type": "string"}}, "required": ["user_id"]}
    for server in ("a", "b", "c", "d", "e"):
        text = describe_tool(server, "get_user", schema, {})
        assert "user" in text
        assert text[0].isupper()
        assert text == describe_tool(server, "get_user", schema, {})
    assert service_label("gmail-someone") == "Gmail"


def test_servers_have_habits_and_the_catalog_varies(catalog: Catalog) -> None:
    voices = Counter(habits_of(s.id).voice for s in catalog.servers)
    listings = Counter(habits_of(s.id).listing for s in catalog.servers)
    assert set(voices) == {"imperative", "third", "use", "tool"}
    assert set(listings) == {"none", "required", "inline", "block", "dashes"}
    openings = Counter(t.description.split()[0] for t in catalog)
    assert openings.most_common(1)[0][1] < 0.35 * len(catalog)
    assert len({t.description for t in catalog}) > 0.95 * len(catalog)


def test_every_description_is_fit_to_print(catalog: Catalog) -> None:
    for tool in catalog:
        assert 5 <= len(tool.description) <= 4000, tool.name
        assert tool.description.replace("\n", "").isprintable()
        assert "  " not in tool.description.replace("\n    ", "\n")
        for name, schema in tool.input_schema.get("properties", {}).items():
            assert describe_parameter(name, schema, server=tool.server)


@pytest.mark.parametrize(
    ("name", "schema", "said"),
    [
        ("order_id", {"type": "string"}, "order"),
        ("order_ids", {"type": "array", "items": {"type": "string"}}, "orders"),
        ("include_archived", {"type": "boolean", "default": False}, "include archived"),
        ("status", {"type": "string", "enum": ["open", "closed"]}, "One of: open, closed."),
        ("limit", {"type": "integer", "minimum": 1, "maximum": 50, "default": 10}, "From 1 to 50. Defaults to 10."),
        ("due", {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}, "YYYY-MM-DD"),
    ],
)
def test_parameters(name: str, schema: dict[str, object], said: str) -> None:
    assert said in describe_parameter(name, schema, server="x")
