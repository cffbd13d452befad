"""A server of ours that nobody knows, on its pipes or over HTTP (`--http`, prints its port): notes with tags, in files
of its working folder or in the memory of a session; besides tools that tell the time, give random ids or fail."""

import json
import random
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TEXT = {"type": "string"}


def tool(name, read_only=None, **properties):
    required = [p for p, schema in properties.items() if not schema.pop("optional", False)]
    out = {"name": name, "inputSchema": {"type": "object", "properties": properties, "required": required}}
    return out | ({"annotations": {"readOnlyHint": read_only}} if read_only is not None else {})


TOOLS = [
    tool(
        "create_note",
        title=dict(TEXT),
        body=dict(TEXT),
        colour={"type": "string", "enum": ["red", "blue"], "optional": True},
    ),
    tool("list_notes", read_only=True),
    tool("get_note", read_only=True, note_id=dict(TEXT)),
    tool("tag_note", note_id=dict(TEXT), tag=dict(TEXT)),
    tool("delete_note", note_id=dict(TEXT)),
    tool("count_words", read_only=True, text=dict(TEXT)),
    tool("current_time", read_only=True),
    tool("new_token"),
    tool("broken", read_only=True, label=dict(TEXT)),
]


class Notes:
    """`folder` None: they are kept in memory."""

    def __init__(self, folder):
        self.folder, self.kept = folder, {}

    def all(self):
        if self.folder is None:
            return dict(sorted(self.kept.items()))
        return {p.stem: json.loads(p.read_text()) for p in sorted(self.folder.glob("n*.json"))}

    def put(self, note):
        if self.folder is None:
            self.kept[note["id"]] = note
        else:
            (self.folder / f"{note['id']}.json").write_text(json.dumps(note, indent=1))

    def drop(self, note_id):
        if self.folder is None:
            del self.kept[note_id]
        else:
            (self.folder / f"{note_id}.json").unlink()

    def call(self, name, given):
        """(result, whether it is an error)"""
        notes = self.all()
        if name == "create_note":
            number = 1 + max([int(n[1:]) for n in notes], default=100)
            note = {"id": f"n{number}", **given, "tags": []}
            self.put(note)
            return {"created": note["id"]}, False
        if name == "list_notes":
            return [{"id": n["id"], "title": n["title"]} for n in notes.values()], False
        if name == "count_words":
            return {"words": len(given["text"].split()), "letters": len(given["text"])}, False
        if name == "current_time":
            return time.strftime("%Y-%m-%d at %H"), False
        if name == "new_token":
            token = f"{random.getrandbits(64):x}"
            if self.folder is not None:
                (self.folder / "token.txt").write_text(token)
            return f"token {token}", False
        if name == "broken":
            return "it is out of order", True
        note = notes.get(given["note_id"])
        if note is None:
            return f"there is no note {given['note_id']}", True
        if name == "get_note":
            return note, False
        if name == "tag_note":
            self.put({**note, "tags": [*note["tags"], given["tag"]]})
        else:
            self.drop(note["id"])
        return "done", False


ONLY = sys.argv[sys.argv.index("--only") + 1].split(",") if "--only" in sys.argv else [t["name"] for t in TOOLS]


def answer(notes, request):
    """The result of one message, None for one that wants none."""
    method, params = request.get("method"), request.get("params", {})
    if method == "initialize":
        return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
                "serverInfo": {"name": "own", "version": "1"}}  # fmt: skip
    if method == "tools/list":
        return {"tools": [t for t in TOOLS if t["name"] in ONLY]}
    if method == "tools/call":
        value, wrong = notes.call(params["name"], params.get("arguments") or {})
        text = value if isinstance(value, str) else json.dumps(value)
        return {"content": [{"type": "text", "text": text}], "isError": wrong}
    return None


def on_pipes():
    notes = Notes(Path(sys.argv[1]))
    for line in sys.stdin:
        request = json.loads(line)
        result = answer(notes, request)
        if result is not None:
            print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)


class Handler(BaseHTTPRequestHandler):
    """Notes of a session each; with `--shared` of all sessions together."""

    protocol_version = "HTTP/1.1"
    sessions: dict = {}  # noqa: RUF012 - of the process

    def log_message(self, *args):
        pass

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        session = self.headers.get("mcp-session-id")
        if request.get("method") == "initialize":
            session = f"s{len(self.sessions)}"
            self.sessions[session] = Notes(None)
        result = answer(self.sessions["s0" if "--shared" in sys.argv else session], request)
        if result is None:
            self.body(b"", 202)
        else:
            message = {"jsonrpc": "2.0", "id": request["id"], "result": result}
            self.body(json.dumps(message).encode(), 200, session)

    def do_GET(self):
        self.body(b"", 405)

    def do_DELETE(self):
        self.body(b"", 200)

    def body(self, data, status, session=None):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        if session:
            self.send_header("mcp-session-id", session)
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    if "--http" in sys.argv:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print(server.server_address[1], flush=True)
        server.serve_forever()
    on_pipes()
