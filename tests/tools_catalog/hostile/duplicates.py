"""The same name twice, on two pages."""

from wire import serve, tool

serve(
    lambda params: (
        {"tools": [tool("again", description="second"), tool("other")]}
        if "cursor" in params
        else {"tools": [tool("again", description="first")], "nextCursor": "2"}
    )
)
