"""More tools on one page than anyone offers."""

from wire import serve, tool

serve(lambda params: {"tools": [tool(f"t{i}") for i in range(400)]})
