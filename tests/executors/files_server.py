"""An MCP server on its pipes that keeps texts in files of its working folder."""

import json
import sys
from pathlib import Path

PATH = {"type": "object", "properties": {"path": {"type": "string"}, "text": {"type": "string"}}, "required": ["path"]}
TOOLS = [
    {"name": "save", "inputSchema": PATH},
    {"name": "show", "inputSchema": PATH, "annotations": {"readOnlyHint": True}},
]


def called(name, arguments):
    path = Path(arguments["path"])
    if name == "save":
        path.write_text(arguments["text"])
        return f"saved {path}", False
    return (path.read_text(), False) if path.exists() else (f"there is no {path}", True)


def main():
    for line in sys.stdin:
        request = json.loads(line)
        method, params = request.get("method"), request.get("params", {})
        if method == "initialize":
            result = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
                      "serverInfo": {"name": "f", "version": "1"}}  # fmt: skip
        elif method == "tools/list":
            result = {"tools": TOOLS}
        elif method == "tools/call":
            text, wrong = called(params["name"], params["arguments"])
            result = {"content": [{"type": "text", "text": text}], "isError": wrong}
        else:
            continue
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)


if __name__ == "__main__":
    main()
