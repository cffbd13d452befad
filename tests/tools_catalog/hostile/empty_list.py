"""No tools, and no error."""

from wire import serve

serve(lambda params: {"tools": []})
