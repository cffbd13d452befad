"""Gives one page and dies when asked for the second."""

import sys

from wire import serve, tool


def listing(params):
    if "cursor" in params:
        sys.exit(3)
    return {"tools": [tool("first")], "nextCursor": "2"}


serve(listing)
