"""Wholes that are named by where they lie: a document by its file name, a workbook by its path."""

from __future__ import annotations

from collections.abc import Sequence

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.naming import Words
from synth.worlds.lift.opening import Arg

_PLACES = lx.wordset("""filename file_name filepath file_path path""")
_TREES = lx.wordset("""file directory folder dir path""")  # there a path is a place in a tree, not the name of a whole
_MIN_USERS = 4


def learn_places(tools: Sequence[tuple[Words, str, Sequence[Arg]]]) -> dict[str, Words]:
    """Name of a parameter -> the noun whose rows it names everywhere on this server. `tools`: noun, verb and arguments.

    `create_document(filename)`, `add_heading(filename, text)`: the heading stands in the document. Learned where one
    noun alone is made from its place and nothing else, and at least half of the server's tools name the place."""
    out: dict[str, Words] = {}
    for flat in sorted(_PLACES):
        users = [t for t in tools if any(a.flat == flat and a.required for a in t[2])]
        wholes = {
            noun
            for noun, verb, args in users
            if verb in ("create", "new") and [a.flat for a in args if a.required] == [flat]
        }
        if len(wholes) == 1 and len(users) >= _MIN_USERS and 2 * len(users) >= len(tools):
            (whole,) = wholes
            if whole and whole[-1] not in _TREES:
                out[flat] = whole
    return out
