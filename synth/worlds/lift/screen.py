"""Tools that no operation over records describes: the family each belongs to, or why it stays unlifted."""

from __future__ import annotations

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.read import SOURCES, Context, Draft, NotLifted
from synth.worlds.lift.roles import time_bound

_CODE_ARGS = lx.wordset(
    """sql code script command cmd commands javascript python_code expression statement cypher graphql promql logql kql
    shell_command"""
)


def screen(d: Draft, context: Context) -> None:
    """Tools that no state-based operation describes."""
    verb, noun = d.parts.verb, d.parts.noun
    if any(a.required and a.flat in _CODE_ARGS and a.type in ("string", "any") and not a.enum for a in d.args):
        raise NotLifted("code")
    if noun and noun[-1] in lx.CODE_HEADS and verb in ("run", "execute", "query", "exec", "eval", "invoke"):
        raise NotLifted("code")
    if any(a.flat in lx.ACTION and len(a.enum) > 1 and a.required for a in d.args) or verb == "manage":
        raise NotLifted("multiplexer")
    if d.parts.guessed:
        raise NotLifted("no_verb")
    if (
        verb in lx.NOT_LIFTED
        and verb not in lx.TRANSITIONS
        and not (verb == "check" and noun and noun[-1] in ("exist", "exists"))
    ):
        raise NotLifted(lx.NOT_LIFTED[verb])  # type: ignore[arg-type]
    if not d.entity:
        raise NotLifted("no_noun")
    if d.entity[-1] in ("many", "bulk", "batch", "all", "multiple") or (d.entity[0] == "bulk" and len(d.entity) > 1):
        raise NotLifted("batch")
    if len(d.entity) > 5:
        raise NotLifted("unsure", "long noun phrase")
    record = d.entity in context.written
    head = noun[-1] if noun else d.entity[-1]
    if head in lx.SERIES_HEADS and not record:
        raise NotLifted("series")
    if (head in lx.HELP_HEADS or d.entity[-1] in lx.HELP_HEADS) and not record:
        raise NotLifted("help")
    if head in lx.CODE_HEADS and head not in ("query", "queries", "pipeline_query") and not record:
        raise NotLifted("code")
    if context.category in SOURCES and not record and not parent_written(d, context):
        raise NotLifted("series" if any(time_bound(a) for a in d.args) else "lookup")
    if any(
        a.flat in ("output_path", "output_file", "save_path", "download_path", "destination_path", "local_path")
        and a.required
        for a in d.args
    ):
        raise NotLifted("file")


def parent_written(d: Draft, context: Context) -> bool:
    return any(
        k.noun in context.written or ((r := context.nouns.resolve(k.noun)) is not None and r in context.written)
        for k in d.others
        if k.arg.required
    )
