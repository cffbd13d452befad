"""Initializes, then never answers tools/list."""

from wire import serve

serve(lambda params: None)
