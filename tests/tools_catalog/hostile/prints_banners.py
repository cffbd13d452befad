"""Lines that are not JSON before and between the messages."""

import sys

from wire import serve, tool

print("Starting server... \x1b[2J", flush=True)
sys.stdout.buffer.write(b"\xff\xfe not utf-8\n[1, 2\n")
sys.stdout.flush()


def listing(params):
    print("not json", flush=True)
    return {"tools": [tool("works")]}


serve(listing)
