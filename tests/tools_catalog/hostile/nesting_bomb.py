"""Answers tools/list with a hundred thousand nested arrays."""

import sys

from wire import hello, requests

for request in requests():
    if request.get("method") == "initialize":
        hello(request)
    elif request.get("method") == "tools/list":
        depth = 100_000
        tools = "[" * depth + "]" * depth
        text = '{"jsonrpc":"2.0","id":' + str(request["id"]) + ',"result":{"tools":' + tools + "}}"
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
