"""Where a user's own harvest lies: one JSON file per server, written whole or not at all."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def cache_dir() -> Path:
    """`$XDG_CACHE_HOME/synth/catalog`, by default `~/.cache/synth/catalog`. Not created here."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return root / "synth" / "catalog"


def cache_file(folder: Path, server: str) -> Path:
    """The file of one server. Raises ValueError for an id that could leave the folder."""
    if not _ID.fullmatch(server) or ".." in server:
        raise ValueError(f"{server!r} is not a server id (letters, digits, dot, dash, underscore)")
    return folder / f"{server}.json"


def cached_files(folder: Path) -> list[Path]:
    """Files of servers that were harvested successfully, by name. A file that cannot be read as JSON is left out: the
    next harvest makes it anew."""
    out = []
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        record = read_record(file)
        if record is not None and record.get("status") == "ok" and isinstance(record.get("tools"), list):
            out.append(file)
    return out


def read_record(file: Path) -> dict[str, Any] | None:
    """One server's record, or None where there is none or it is damaged."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def write_record(file: Path, record: dict[str, Any]) -> None:
    """Replace one server's record atomically; a crash leaves the old one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as out:
            json.dump(record, out, ensure_ascii=False, sort_keys=False, indent=1)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
