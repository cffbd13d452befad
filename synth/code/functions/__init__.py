"""Families of functions to write: each draws a specification (`base.Function`) from a grammar of its own."""
