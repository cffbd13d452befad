"""Sends requests of its own (sampling, roots) and floods of notifications before it answers."""

from wire import answer, hello, requests, send, tool

for request in requests():
    if request.get("method") == "initialize":
        hello(request)
    elif request.get("method") == "tools/list":
        send(
            {
                "jsonrpc": "2.0",
                "id": "s1",
                "method": "sampling/createMessage",
                "params": {"messages": [], "maxTokens": 9},
            }
        )
        send({"jsonrpc": "2.0", "id": "r1", "method": "roots/list"})
        send({"jsonrpc": "2.0", "id": 999, "result": {"tools": [tool("unasked")]}})
        for n in range(2000):
            send({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": n}})
        answer(request, {"tools": [tool("asked")]})
