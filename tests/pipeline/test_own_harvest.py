"""A run that prefers the user's own harvest: its texts are used, and a new harvest makes new worlds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_recipe import small

from synth.fingerprints import fingerprints
from synth.stages import load
from synth.worlds.real import catalog_of
from tools_catalog.cache import cache_dir, cache_file, write_record

TOOL = {
    "name": "list_workspaces",
    "description": "The user's own copy.",
    "inputSchema": {"type": "object", "properties": {}},
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    catalog_of.cache_clear()
    yield
    catalog_of.cache_clear()


def test_a_new_harvest_changes_the_fingerprint_only_where_it_is_preferred() -> None:
    def digest(prefer: str) -> str:
        return fingerprints(small(f"stages.worlds.prefer_cache={prefer}"), load())["worlds"].digest

    plain, preferred = digest("false"), digest("true")
    write_record(cache_file(cache_dir(), "trello"), {"server": "trello", "status": "ok", "tools": [TOOL]})
    assert digest("false") == plain
    assert digest("true") != preferred
