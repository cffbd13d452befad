"""Answers initialize with an error."""

from wire import fail, requests

for request in requests():
    if "id" in request:
        fail(request, -32603, "licence expired")
