"""Answers initialize with a protocol version that does not exist."""

from wire import hello, requests

for request in requests():
    if request.get("method") == "initialize":
        hello(request, version="1999-01-01")
