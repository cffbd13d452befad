"""A fresh cursor on every page, for ever."""

import itertools

from wire import serve, tool

count = itertools.count(1)


def listing(params):
    n = next(count)
    return {"tools": [tool(f"tool_{n}")], "nextCursor": f"cursor-{n}"}


serve(listing)
