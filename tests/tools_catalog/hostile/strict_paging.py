"""Three pages whose second cursor is the empty string; refuses a first call without params."""

from wire import answer, fail, hello, requests, tool

for request in requests():
    if request.get("method") == "initialize":
        hello(request)
    elif request.get("method") == "tools/list":
        if request.get("params") == {}:
            answer(request, {"tools": [tool("one")], "nextCursor": ""})
        elif request.get("params") == {"cursor": ""}:
            answer(request, {"tools": [tool("two")], "nextCursor": "last"})
        elif request.get("params") == {"cursor": "last"}:
            answer(request, {"tools": [tool("three")]})
        else:
            fail(request, -32602, "invalid params")
