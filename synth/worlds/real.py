"""The real tools as the stages see them: which servers a run uses, their split, the ids of their rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from synth.records import Split, make_id
from synth.worlds.splits import split_lookup
from tools_catalog import Catalog, load_catalog
from tools_catalog.cache import cache_dir, cached_files


@lru_cache(maxsize=2)
def catalog_of(prefer_cache: bool) -> Catalog:
    """The shipped catalog, or with the user's own harvest preferred; loaded once per process."""
    return load_catalog(prefer_cache=prefer_cache)


def chosen_servers(settings: Any) -> list[str]:
    """Server ids in catalog order, as `stages.worlds` asks for them."""
    known = [s.id for s in catalog_of(settings.prefer_cache).servers]
    return known if settings.servers == "all" else [s for s in known if s in set(settings.servers)]


def category_split(settings: Any) -> Callable[[str], Split]:
    """Split of a category of real servers. Categories of all servers count, chosen or not, so that a smaller run keeps
    every server where it was."""
    weights: dict[str, float] = {}
    for server in catalog_of(settings.prefer_cache).servers:
        weights[server.category] = weights.get(server.category, 0.0) + len(server.tool_names)
    return split_lookup(weights, settings.split.validation, settings.split.eval)


def harvest_digests() -> dict[str, str]:
    """SHA-256 of every file of the user's own harvest, by server."""
    return {file.stem: hashlib.sha256(file.read_bytes()).hexdigest() for file in cached_files(cache_dir())}


def real_tool_id(server: str, name: str) -> str:
    """Id of a real tool's row; the same in every run."""
    return make_id("tool", "real", server, name)
