"""What a server said, before reduction: the harvest line, its hash, and how one is read and written.

A harvest line is one JSON object per tool with `server_id, registry, package, version, license, domain, name, title,
description, inputSchema, outputSchema, annotations`. Such text belongs to the servers' authors: it lives in the
user's cache or in a file the user names, never in this repository.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_HEAD = ("server_id", "registry", "package", "version", "license", "domain")
HASHED = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces. Equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def original_sha256(tool: dict[str, Any]) -> str:
    """SHA-256 (hex) of the canonical JSON of what the server said about one tool.

    Covers the keys in `HASHED` that are present and not null; inside `annotations` null means absent too, because
    clients disagree on whether they pass nulls on.
    """
    said = {key: tool[key] for key in HASHED if tool.get(key) is not None}
    if isinstance(said.get("annotations"), dict):
        hints = {key: value for key, value in said["annotations"].items() if value is not None}
        said["annotations"] = hints
        if not hints:
            del said["annotations"]
    return hashlib.sha256(canonical(said).encode("utf-8", "surrogatepass")).hexdigest()


def read_harvest(path: Path) -> Iterator[dict[str, Any]]:
    """Harvest lines of a `.jsonl`, a `.jsonl.xz`, one server's `.json` of the cache, or a cache folder, in file order.

    Raises ValueError naming the place where a line is not a JSON object, OSError where the path cannot be read.
    """
    if path.is_dir():
        for file in sorted(path.glob("*.json")):
            yield from _cached_tools(file)
        return
    if path.suffix == ".json":
        yield from _cached_tools(path)
        return
    with lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _object(line, f"{path.name}:{number}")


def _cached_tools(file: Path) -> Iterator[dict[str, Any]]:
    record = _object(file.read_text(encoding="utf-8"), file.name)
    tools = record.get("tools")
    if not isinstance(tools, list):
        raise ValueError(f"{file.name}: no list of tools")
    head = {key: record[key] for key in _HEAD if key in record}
    for tool in tools:
        if not isinstance(tool, dict):
            raise ValueError(f"{file.name}: a tool is not an object")
        yield {**head, **tool}


def _object(text: str, place: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{place}: not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ValueError(f"{place}: not a JSON object")
    return value
