"""A message split inside a character, two messages in one chunk, CRLF, and a partial line at the end."""

import json
import os
import time

from wire import requests, tool


def write(data):
    os.write(1, data)
    time.sleep(0.05)


for request in requests():
    if request.get("method") == "initialize":
        info = {"name": "Gr\u00fc\u00dfe", "version": "0"}
        result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info}
        data = (
            json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}, ensure_ascii=False).encode() + b"\r\n"
        )
        middle = data.index("\u00fc".encode()) + 1
        write(data[:middle])
        write(data[middle:])
    elif request.get("method") == "tools/list":
        note = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
        done = {"jsonrpc": "2.0", "id": request["id"], "result": {"tools": [tool("gr\u00fc\u00df")]}}
        write(json.dumps(note).encode() + b"\n" + json.dumps(done).encode() + b"\n" + b'{"jsonrpc": "2.0", "meth')
