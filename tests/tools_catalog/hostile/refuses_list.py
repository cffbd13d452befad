"""Answers tools/list with something that is no list of tools."""

from wire import serve

serve(lambda params: {"tools": "none today"})
