"""The shipped catalog: large enough, valid, ours in every word."""

from __future__ import annotations

import json
import lzma
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from jsonschema_rs import meta as schema_meta

import tools_catalog
from tools_catalog import Catalog, load_catalog, load_servers
from tools_catalog.build import build_rows, write_catalog
from tools_catalog.facts import SHIPPED
from tools_catalog.originals import read_harvest
from tools_catalog.reduce import reduce_schema

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "mcp" / "tools.jsonl.xz"
needs_originals = pytest.mark.skipif(
    not SHARED.exists(), reason="the original texts are not beside this checkout, so there is nothing to compare with"
)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in lzma.decompress(SHIPPED.read_bytes()).decode().splitlines()]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def test_size(catalog: Catalog) -> None:
    assert len(catalog) >= 10_000
    assert len(catalog.servers) >= 200
    assert SHIPPED.stat().st_size < 1_500_000
    assert sum(len(s.tool_names) for s in catalog.servers) == len(catalog)  # no name twice on a server


def test_every_tool_belongs_to_a_listed_server(catalog: Catalog) -> None:
    listed = load_servers()
    for server in catalog.servers:
        spec = listed[server.id]
        assert (spec.package, spec.version, spec.registry) == (server.package, server.version, server.registry)
        assert (spec.licence, spec.category) == (server.licence, server.category)


def test_every_schema_is_valid_and_already_reduced(catalog: Catalog) -> None:
    for tool in catalog:
        for schema in (tool.input_schema, tool.output_schema):
            if schema is not None:
                schema_meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
        Draft202012Validator(tool.input_schema)  # compiles: every reference resolves
        assert tool.input_schema.get("type") == "object", tool.name
        assert re.fullmatch(r"[0-9a-f]{64}", tool.sha256)
    some = catalog.tools[::50]
    assert [reduce_schema(t.input_schema) == t.input_schema or "$ref" in str(t.input_schema) for t in some] == [
        True
    ] * len(some)


def test_no_string_is_prose(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        for text in strings(row):
            assert len(text) <= 128
            if " " in text:
                assert len(text) <= 40, text
                assert len(text.split()) <= 5, text
            assert text.isprintable()


def test_no_prose_keyword_survives(rows: list[dict[str, Any]]) -> None:
    def keywords(schema: Any) -> Iterator[str]:
        if isinstance(schema, dict):
            for key, inner in schema.items():
                yield key
                if key in ("properties", "$defs", "dependentRequired"):
                    for sub in inner.values():
                        yield from keywords(sub)
                elif key not in ("enum", "const", "default", "required"):
                    yield from keywords(inner)
        elif isinstance(schema, list):
            for inner in schema:
                yield from keywords(inner)

    found = {k for row in rows for key in ("input_schema", "output_schema") for k in keywords(row[key] or {})}
    assert not found & {"description", "title", "examples", "example", "$comment", "$id"}
    assert not {k for k in found if k.startswith("x-")}


def foreign_sentences(original: dict[str, Any]) -> Iterator[str]:
    """Every piece of running text of 40 characters or more that a server's author wrote, one sentence each."""

    def texts(node: Any, key: str = "") -> Iterator[str]:
        if isinstance(node, str):
            if key in ("description", "title", "$comment", "examples", "example", "default"):
                yield node
        elif isinstance(node, dict):
            for k, inner in node.items():
                yield from texts(inner, k)
        elif isinstance(node, list):
            for inner in node:
                yield from texts(inner, key)

    def enums(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from (m for m in node.get("enum", []) if isinstance(m, str))
            for inner in node.values():
                yield from enums(inner)
        elif isinstance(node, list):
            for inner in node:
                yield from enums(inner)

    members = {*enums(original["inputSchema"]), *enums(original["outputSchema"])}
    said = [original["description"], *texts(original["inputSchema"]), *texts(original["outputSchema"])]
    for text in said:
        for sentence in re.split(r"(?<=[.!?])\s+|\n+", text or ""):
            flat = " ".join(sentence.split())
            listed = all(part.strip() in members for part in flat.split(","))  # enum values are facts, however many
            if len(flat) >= 40 and flat.count(" ") >= 4 and not listed:
                yield flat


@needs_originals
def test_no_sentence_of_the_originals_survives(catalog: Catalog, rows: list[dict[str, Any]]) -> None:
    originals = {(o["server_id"], o["name"]): o for o in read_harvest(SHARED)}
    shipped = "\n".join(text for row in rows for text in strings(row))
    specs = (SHIPPED.parent / "servers.json").read_text()
    checked = 0
    for tool in catalog:
        for sentence in foreign_sentences(originals[tool.server, tool.name]):
            checked += 1
            assert sentence not in tool.description, (tool.name, sentence)
            assert sentence not in specs
    everything = {s for o in list(originals.values())[::40] for s in foreign_sentences(o)}
    assert not [s for s in everything if s in shipped]
    assert checked > 20_000  # the check saw the texts


@needs_originals
def test_the_build_is_reproducible(tmp_path: Path) -> None:
    made, skipped = build_rows(read_harvest(SHARED))
    write_catalog(made, tmp_path / "catalog.jsonl.xz")
    assert lzma.decompress((tmp_path / "catalog.jsonl.xz").read_bytes()) == lzma.decompress(SHIPPED.read_bytes())
    assert len(skipped) == 2


def test_loading_is_quick() -> None:
    """Best of three in a fresh process: under 1.5 s of CPU, and the package imports nothing from synth."""
    code = (
        "import time,sys\nfrom tools_catalog import load_catalog\nbest=9\n"
        "for _ in range(3):\n t=time.process_time(); load_catalog(); best=min(best,time.process_time()-t)\n"
        "print(best, any(m.split('.')[0]=='synth' for m in sys.modules))"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, timeout=60, check=True
    )
    seconds, knows_synth = done.stdout.split()
    assert float(seconds) < 1.5
    assert knows_synth == "False"


def test_look_ups(catalog: Catalog) -> None:
    tool = catalog.tools[100]
    assert catalog.find(tool.server, tool.name) is tool
    assert catalog.find(tool.server, "no such tool") is None
    assert tool in catalog.tools_of(tool.server)
    assert catalog.server("no such server") is None
    with pytest.raises(KeyError):
        catalog.tools_of("no such server")


def test_a_file_that_is_no_catalog_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"server": "x"}\n')
    with pytest.raises(ValueError, match=r"bad\.jsonl is not a tool catalog"):
        load_catalog(bad)


def test_public_names() -> None:
    assert all(hasattr(tools_catalog, name) for name in tools_catalog.__all__)
    assert tools_catalog.__all__ == sorted(tools_catalog.__all__)
