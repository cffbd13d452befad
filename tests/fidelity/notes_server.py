"""A tiny MCP server with state, spoken by hand over stdio: notes by title. `ODD=overwrite` lets a second create of a
title win, `ODD=dies` ends the process on the first delete, `ODD=silent` never answers a delete."""

import json
import os
import sys

ODD = os.environ.get("ODD", "")
notes: dict[str, str] = {}


def text(says: str, bad: bool = False) -> dict:
    return {"content": [{"type": "text", "text": says}], "isError": bad}


def call(name: str, a: dict) -> dict:
    title = a.get("title")
    if name != "list_notes" and not isinstance(title, str):
        return text("title is required", True)
    if name == "create_note":
        if title in notes and ODD != "overwrite":
            return text(f"note {title} already exists")
        notes[title] = a.get("body", "")
        return text(f"created {title}")
    if name == "list_notes":
        return text(json.dumps([{"title": t} for t in notes]))
    if title not in notes:
        return text(f"note {title} was not found", True)
    if name == "get_note":
        return text(f"{title}: {notes[title]}")
    if ODD == "dies":
        sys.exit(3)
    del notes[title]
    return text("deleted")


def main() -> None:
    for line in sys.stdin:
        m = json.loads(line)
        if "id" not in m:
            continue
        if m["method"] == "initialize":
            result = {
                "protocolVersion": m["params"]["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "notes", "version": "1"},
            }
        elif m["method"] == "tools/call":
            if ODD == "silent" and m["params"]["name"] == "delete_note":
                continue
            result = call(m["params"]["name"], m["params"].get("arguments") or {})
        elif m["method"] == "tools/list":
            names = ("create_note", "get_note", "delete_note", "list_notes")
            result = {"tools": [{"name": n, "inputSchema": {"type": "object"}} for n in names]}
        else:
            result = {}
        print(json.dumps({"jsonrpc": "2.0", "id": m["id"], "result": result}), flush=True)


main()
