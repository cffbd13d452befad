"""Make the shipped catalog from a harvest: `python -m tools_catalog.build --from PATH [--servers MANIFEST]`.

PATH is a harvest (`.jsonl`, `.jsonl.xz`) or a cache folder filled by `synth catalog harvest`. Only facts are written:
see `reduce`. `--servers` makes `data/servers.json` anew from a manifest of how servers were launched.
"""

from __future__ import annotations

import argparse
import json
import lzma
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tools_catalog.facts import SHIPPED
from tools_catalog.originals import original_sha256, read_harvest
from tools_catalog.reduce import is_fact_text, reduce_annotations, reduce_schema
from tools_catalog.servers import LIST, spec_from

_LICENCES = (
    ("mit license", "MIT"),
    ("the mit license", "MIT"),
    ("bsd 3-clause", "BSD-3-Clause"),
    ("mozilla public license version 2", "MPL-2.0"),
    ("apache license", "Apache"),
    ("see license in", "custom"),
)


def licence_fact(text: Any) -> str:
    """An SPDX-like identifier of at most 40 characters; `unknown` where the package states none."""
    if not isinstance(text, str) or not text.strip():
        return "unknown"
    lowered = text.strip().lower()
    for start, name in _LICENCES:
        if lowered.startswith(start):
            return name
    return text.strip() if is_fact_text(text.strip(), 40) else "custom"


def tool_row(original: dict[str, Any]) -> dict[str, Any]:
    """One line of the shipped catalog from one harvest line."""
    output = original.get("outputSchema")
    return {
        "server": original["server_id"],
        "package": original["package"],
        "registry": original["registry"],
        "version": original["version"],
        "licence": licence_fact(original.get("license")),
        "category": original["domain"],
        "name": original["name"],
        "input_schema": reduce_schema(original["inputSchema"]),
        "output_schema": None if output is None else reduce_schema(output),
        "annotations": reduce_annotations(original.get("annotations")),
        "sha256": original_sha256(original),
    }


def build_rows(harvest: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows in the order of the harvest, and one line per tool left out (a name seen before, or no plain name)."""
    rows, skipped, seen = [], [], set()
    for original in harvest:
        key = (original["server_id"], original["name"])
        if key in seen:
            skipped.append(f"{key[0]}/{key[1]}: listed twice, the first kept")
            continue
        if not is_fact_text(original["name"], 128):
            skipped.append(f"{key[0]}: a tool name that is no plain identifier")
            continue
        seen.add(key)
        rows.append(tool_row(original))
    return rows, skipped


def write_catalog(rows: list[dict[str, Any]], path: Path) -> int:
    """Write the rows as JSON lines under xz; returns the size in bytes. Equal rows give equal bytes."""
    text = "".join(json.dumps(row, separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    data = lzma.compress(text.encode("utf-8"), preset=9 | lzma.PRESET_EXTREME)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return len(data)


def server_record(entry: dict[str, Any]) -> dict[str, Any]:
    """One object of `servers.json` from one entry of a launch manifest."""
    fixes = entry.get("fix", [])
    homepage = str(entry.get("homepage", "")).split(", ")[-1]
    record: dict[str, Any] = {
        "id": entry["id"],
        "registry": entry["registry"],
        "package": entry["package"],
        "version": entry["version"],
        "licence": licence_fact(entry.get("license")),
        "category": entry["domain"],
        "tools": entry["tools"],
        "offline": bool(entry.get("offline_exec")),
    }
    for key in ("command", "args", "env", "prepare"):
        if entry.get(key):
            record[key] = entry[key]
    extra = [*entry.get("extra", []), *(fix for fix in fixes if not fix.startswith("node"))]
    if extra:
        record["extra"] = extra
    node = next((int(fix.removeprefix("node")) for fix in fixes if fix.startswith("node")), None)
    if node:
        record["node"] = node
    if entry.get("scripts"):
        record["scripts"] = True
    for key in ("timeout", "install_timeout"):
        if key in entry:
            record[key] = float(entry[key])
    for key in ("files", "home_files"):
        if entry.get(key):
            record[key] = {file["path"]: file["text"] for file in entry[key]}
    if homepage and len(homepage) <= 120:
        record["homepage"] = homepage
    spec_from(record)  # raises where the list could not be read back
    return record


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make the shipped tool catalog (facts only) from a harvest.")
    parser.add_argument("--from", dest="source", type=Path, required=True, help="harvest file or cache folder")
    parser.add_argument("--servers", type=Path, help="launch manifest (JSON list) to make the server list from")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="catalog file to write")
    options = parser.parse_args(argv)
    rows, skipped = build_rows(read_harvest(options.source))
    size = write_catalog(rows, options.out)
    for line in skipped:
        sys.stderr.write(f"left out: {line}\n")
    servers = {row["server"] for row in rows}
    sys.stdout.write(f"{len(rows)} tools of {len(servers)} servers, {size} bytes\n")
    if options.servers is not None:
        entries = json.loads(options.servers.read_text(encoding="utf-8"))
        records = [server_record(entry) for entry in entries]
        LIST.write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
