"""Edits: tools that change a part of a row's text: replace what is found, add at an end."""

from __future__ import annotations

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.opening import Arg
from synth.worlds.lift.read import Bound, Context, Draft, Kind, NotLifted
from synth.worlds.lift.roles import is_context

_FIND = lx.wordset("old_string old_text old_str old_content find_text search_text find text_to_find find_what")
_TEXT = lx.wordset("new_string new_text new_str new_content replace_text replacement replace_with replace")
_ADDED = lx.wordset("content text body")
_ENDS = {"append": "append", "prepend": "prepend"}
_TEXTS = lx.wordset("note file document doc page block script memory template")


def how_of(d: Draft) -> str:
    """`replace`, `append` or `prepend` of a tool that edits a text; empty where it does not."""
    names = {a.flat for a in d.args}
    if names & _FIND and names & _TEXT:
        return "replace"
    verb = d.parts.verb
    if verb in _ENDS and any(a.flat in _ADDED and a.required and a.type == "string" for a in d.args):
        return _ENDS[verb]
    return ""


def read(d: Draft, context: Context, how: str) -> Kind:
    """The edit of the row that the own key, or the only other required name, says."""
    spoken = [a for a in d.args if a.flat in (_FIND | _TEXT if how == "replace" else _ADDED) and a.type == "string"]
    key = _key(d, spoken)
    if key is None:
        raise NotLifted("no_key", "an edit of no row that a key names")
    while d.entity and d.entity[-1] in ("content", "text"):
        d.entity = d.entity[:-1]  # the text is what changes, not the row
    if not d.entity or d.entity[-1] not in _TEXTS:
        noun = next((k.noun for k in d.keys if k.arg is key and k.noun), ()) or (
            ("file",) if "file" in key.flat or "path" in key.flat else ()
        )
        if not noun:
            raise NotLifted("no_noun")
        d.entity = noun
    d.facet = (how,)
    out: list[Bound] = []
    for a in d.args:
        if a is key:
            out.append(Bound(a, "key", d.entity, a.words[-1]))
        elif a in spoken:
            out.append(Bound(a, "find" if how == "replace" and a.flat in _FIND else "text"))
        elif a.flat in lx.CONFIRM | lx.DRY_RUN and a.type == "boolean":
            out.append(Bound(a, "confirm" if a.flat in lx.CONFIRM else "dry_run"))
        else:
            out.append(Bound(a, "ignored"))
    return "edit", out, ()


def _key(d: Draft, spoken: list[Arg]) -> Arg | None:
    if d.own is not None and d.own.arg.required and d.own.arg not in spoken:
        return d.own.arg
    plain = [a for a in d.args if a.type in ("string", "integer") and not a.enum and a not in spoken]
    rest = [a for a in plain if a.required and not is_context(a, False)]
    return rest[0] if len(rest) == 1 else None
