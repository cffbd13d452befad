"""Tools that no operation over records describes: the family each belongs to, or why it stays unlifted."""

from __future__ import annotations

from dataclasses import replace

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.owning import with_keys
from synth.worlds.lift.read import SOURCES, Context, Draft, NotLifted
from synth.worlds.lift.roles import is_context, is_query, time_bound
from synth.worlds.lift.words import split

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
        suppose(d, context)
        verb, noun = d.parts.verb, d.parts.noun
    if (
        verb in lx.NOT_LIFTED
        and verb not in lx.TRANSITIONS
        and not (verb == "check" and noun and noun[-1] in ("exist", "exists"))
    ):
        raise NotLifted(lx.NOT_LIFTED[verb])  # type: ignore[arg-type]
    if verb == "discover" and d.entity[-1:] == ("tool",):
        raise NotLifted("help")
    if verb == "load" and d.tool.annotations.get("readOnlyHint") is not True:
        raise NotLifted("machine")
    if noun[-1:] in (("query",), ("queries",)) and verb in ("read", "write"):
        raise NotLifted("code")
    if {"path", "method"} <= {a.flat for a in d.args if a.required}:
        raise NotLifted("code", "any call of an interface")
    if {"batch", "bulk"} & set(d.parts.namespace):
        raise NotLifted("batch")
    told = d.tool.annotations.get("readOnlyHint") is True or context.nouns.known.get(d.entity, 0) > 1
    if split(d.tool.name)[-1] == "all" and verb == "list" and d.parts.last and not told:
        raise NotLifted("no_verb")
    if {"and", "or"} & set(d.entity):
        raise NotLifted("no_noun", "several nouns")
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


def suppose(d: Draft, context: Context) -> None:
    """A name without a verb reads what it names (`server_domains`, `device_outages`, `system_info`), where its words
    are words of the server and nothing says that it does more."""
    hint = d.tool.annotations.get("readOnlyHint")
    if context.category in SOURCES or hint is False or not d.entity or d.parts.particle in ("to", "from", "with"):
        raise NotLifted("no_verb")
    told = split(d.tool.name)[-1] in lx.TRAILERS or d.parts.noun[-1] in lx.FACETS | lx.SINGLETONS
    first = d.parts.noun[0]
    front = first in context.vocabulary or first in _OWN or first in lx.VIEWS or bool(d.parts.namespace)
    known = told or d.plural or d.entity in context.nouns.known
    if not (front and (known or hint is True)) and not (hint is True and told):
        raise NotLifted("no_verb")
    keyed = {k.arg.name for k in d.keys if not k.many}
    if any(a.required and a.name not in keyed and not is_context(a, True) and not is_query(a) for a in d.args):
        raise NotLifted("no_verb", "takes more than keys")
    d.parts = replace(d.parts, verb="list" if d.plural or d.parts.particle == "by" else "get")
    d.own = None
    with_keys(d, context)
    d.doubt(0.15, "no verb: a read")


_OWN = lx.wordset("my user system account organization server all")


def parent_written(d: Draft, context: Context) -> bool:
    return any(
        k.noun in context.written or ((r := context.nouns.resolve(k.noun)) is not None and r in context.written)
        for k in d.others
        if k.arg.required
    )
