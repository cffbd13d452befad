"""Which parameter names the row a tool works on, and which name the rows around it."""

from __future__ import annotations

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.naming import Words
from synth.worlds.lift.opening import Arg
from synth.worlds.lift.read import Context, Draft, noun_of
from synth.worlds.lift.roles import (
    KeyArg,
    Nouns,
    is_context,
    is_person,
    is_query,
    key_of,
    matches,
    paging_role,
    plain_noun,
)
from synth.worlds.lift.words import is_plural, singular, singular_phrase

_NAMES = lx.wordset(
    """name path slug email domain username hostname login symbol code address file_path filename key tag title mac
    mac_address ip ip_address"""
)
_RENAMED = lx.wordset("""name title tag key code""")  # what an update changes rather than finds by
_PERSONAL = frozenset({"username", "email", "login", "hostname", "domain"})
_PATHS = lx.wordset("""path file_path filepath filename file file_name absolute_path""")
_FILES = lx.wordset(
    """file directory folder document note workbook presentation image media page script notebook spreadsheet object
    content attachment archive report backup template diagram drawing scene project worktree frontmatter pdf"""
)
_NAMED = (
    lx.GET | lx.DELETE | frozenset(lx.TRANSITIONS) | (lx.UPDATE - {"set", "move", "configure"}) | lx.EXISTS | {"check"}
)


def with_keys(d: Draft, context: Context) -> Draft:
    """Entity and keys of a draft: own key, keys of other rows."""
    _entity(d, context)
    _own(d, context.nouns)
    d.others = [k for k in d.keys if k is not d.own and not k.bare]
    if d.own is None and len(d.entity) > 1 and d.entity[-1] in lx.FACETS:
        part = [k for k in d.others if k.arg.required and not k.many and matches(k.noun, d.entity[:-1], context.nouns)]
        if len(part) == 1 and len(part[0].noun) > 1:  # transcript_content(call_id, call_transcript_id)
            d.facet, d.entity, d.own = d.entity[-1:], d.entity[:-1], part[0]
            d.others = [k for k in d.others if k is not d.own]
    if d.own is None and d.parts.verb in _NAMED and not d.plural:
        _from_others(d, context.nouns)
    if d.own is None or (not d.own.arg.required and d.own.bare):
        repair(d, context.nouns)
    return d


def _entity(d: Draft, context: Context) -> None:
    """The noun that the tool works on, without the server's name and without what its keys say in front of it."""
    noun = noun_of(d.parts)
    d.plural = (
        bool(d.parts.noun)
        and is_plural(d.parts.noun[-1])
        and not (d.parts.last and d.parts.verb not in lx.LIST and any(a.required for a in d.args))
    )
    nouns = context.nouns
    noun = plain_noun(noun, d.parts.namespace, context.server, nouns)
    noun = _without_parent(noun, d, nouns)
    if d.parts.verb in lx.CREATE and (d.parts.verb,) in nouns.known and nouns.known.get(noun, 0) <= 1:
        noun, d.plural = (d.parts.verb,), False  # request_planning makes what list_requests shows
    if len(noun) > 1 and noun[-1] == "list" and d.parts.verb in lx.GET and noun not in context.made | context.written:
        noun, d.plural = noun[:-1], True
    d.keys = [k for a in d.args if (k := key_of(a, nouns)) is not None]
    if not noun:  # get(note_id): the key says what
        said = [k for k in d.keys if k.arg.required and not k.bare]
        spoken = next((a.words[-1] for a in d.args if a.words[-1] in lx.SPOKEN), None)
        if d.parts.verb in ("publish", "emit", "announce") and spoken:
            noun = (spoken,)
        elif d.parts.verb in lx.SEND:
            noun = ({"reply": "reply", "email": "email"}.get(d.parts.verb, "message"),)
        elif said and d.parts.verb not in lx.SEARCH:
            noun = nouns.resolve(said[-1].noun) or said[-1].noun
            d.why.append("noun from key")
        elif d.parts.namespace:
            noun = singular_phrase(d.parts.namespace)
    if d.parts.verb in lx.SEARCH and len(noun) == 1 and noun[0] in lx.SEARCHED:
        noun = context.main if nouns.known.get(context.main, 0) > 0.3 * sum(nouns.known.values()) else ()
    area = d.parts.namespace[-1:]
    if d.parts.verb in lx.SEARCH and area and is_plural(area[0]) and any(a.words == d.parts.noun for a in d.args):
        noun = singular_phrase(area)  # ports_search_mac(mac): ports by their mac
    site = noun == (context.server.split("-")[0],) and noun not in context.made
    product = site or noun[:1] in context.brands
    if d.parts.verb in lx.SEARCH and d.parts.last and len(noun) == 1 and noun == d.parts.noun and product:
        noun = ()  # confluence_search: the product, not what is found
    d.entity = nouns.alias.get(noun, noun)


def _is_file(noun: Words) -> bool:
    """Whether rows of a noun are named by a path."""
    return bool(noun) and (noun[-1] in _FILES or noun[0] in ("file", "directory", "document"))


def _own(d: Draft, nouns: Nouns) -> None:
    own = [k for k in d.keys if not k.many and not k.bare and matches(k.noun, d.entity, nouns)]
    own.sort(key=lambda k: (not k.arg.required, k.tail in ("name", "self"), -len(k.noun)))
    bare = [k for k in d.keys if not k.many and k.bare]
    bare.sort(key=lambda k: (not k.arg.required, k.arg.flat != "id"))
    prefixed = [
        k
        for k in d.keys
        if not k.many
        and k.arg.required
        and len(k.noun) < len(d.entity)
        and k.noun
        and d.entity[: len(k.noun)] == k.noun
    ]
    if own and not own[0].arg.required and bare and bare[0].arg.required:
        d.own = bare[0]  # update_tag(id, tag?): the own name is what changes
    elif own:
        d.own = own[0]
    elif bare and not (d.parts.particle in ("of", "for", "in") and d.plural) and not (d.plural and prefixed):
        d.own = bare[0]
    if (
        d.own is None
        and d.parts.verb in _NAMED
        and not (d.parts.verb in lx.UPDATE and any(k.arg.required for k in d.keys))
    ):
        persons = is_person(d.entity) or (
            bool(d.entity)
            and d.entity[-1]
            in ("account", "domain", "host", "site", "website", "zone", "customer", "contact", "subscriber")
        )
        shut = (_RENAMED if d.parts.verb in lx.UPDATE else frozenset()) | (frozenset() if persons else _PERSONAL)
        shut |= frozenset() if _is_file(d.entity) else _PATHS
        names = [a for a in d.args if a.required and a.type == "string" and a.flat in _NAMES - shut and not a.enum]
        if len(names) == 1 and names[0].flat not in [k.arg.flat for k in d.keys]:
            d.own = KeyArg(names[0], (), names[0].flat.split("_")[-1])
            d.keys.append(d.own)


def _from_others(d: Draft, nouns: Nouns) -> None:
    """An own key among the keys that name no other known noun."""
    strange = [
        k
        for k in d.others
        if k.arg.required
        and not k.many
        and k.tail in lx.KEY_TAILS
        and nouns.resolve(k.noun) is None
        and not set(k.noun) & lx.OUTER
    ]
    rest = [k for k in d.others if k.arg.required and not k.many and k not in strange]
    if len(strange) == 1 and (
        rest or (d.entity in nouns.known and d.entity[: len(strange[0].noun)] != strange[0].noun)
    ):
        d.own = strange[0]
        d.others = [k for k in d.others if k is not d.own]
        d.doubt(0.1, "the key of no other noun")
    elif nouns.known.get(d.entity, 0) > 1:
        keys = [k for k in d.others if k.arg.required and not k.many]
        area = d.parts.namespace + d.entity
        full = [k for k in keys if k.noun == area or (k.noun == area[-len(k.noun) :] and len(k.noun) > len(d.entity))]
        if full or (
            len(keys) > 1 and d.entity[: len(keys[-1].noun)] != keys[-1].noun and not set(keys[-1].noun) & lx.OUTER
        ):
            d.own = full[0] if full else keys[-1]
            d.others = [k for k in d.others if k is not d.own]
            d.doubt(0.1 if full else 0.2, "the last key is taken as the own")


def _without_parent(noun: Words, d: Draft, nouns: Nouns) -> Words:
    """`group milestone issue` with keys of group and milestone is an issue: the parents stand in front."""
    if len(noun) < 2 or noun[-1] in lx.FACETS:
        return noun
    said = {k.noun for a in d.args if a.required and (k := key_of(a, nouns)) is not None and not k.bare}
    out = noun
    grown = True
    while grown:
        grown = False
        for front in sorted(said, key=lambda n: (-len(n), n)):
            rest = out[len(front) :]
            if out[: len(front)] == front and rest and rest in nouns.known and rest != front:
                out, grown = rest, True
                break
    return out


# --- repair -----------------------------------------------------------------------------------------------------------
# what ends a parameter that names a row without being called its id
_TAILS = (
    lx.NAME_TAILS
    | lx.KEY_TAILS
    | lx.wordset(
        """index idx position fullname file filename filepath uri sha hash digest serial token cidr ip mac location"""
    )
)
_POSITIONS = frozenset({"index", "idx", "position", "number", "num"})
_SELVES = _NAMES | lx.wordset(
    """fullname full_name uri url short_name sha hash digest serial isbn doi pmid citekey ticker city location url_path
    barcode ean iban revision file file_name filepath absolute_path display_name unique_id"""
)
_ONLY = lx.wordset("url_path name slug hostname email username")  # name a row even where they may be left out
_NO_KEY = lx.wordset(
    """query prompt text content message body reason comment note description format type kind language locale value
    period date time since until start end year month category from to amount currency unit units data json config
    status state mode level question pattern expression filter root workspace cwd dir"""
)
_REPAIRED = lx.GET | lx.DELETE | lx.UPDATE | lx.EXISTS | lx.COPY | frozenset(lx.TRANSITIONS)


def repair(d: Draft, nouns: Nouns) -> None:
    """A key by what the parameters say where none is called an id: `delete_clip(track_index, clip_index)`,
    `get_device(hostname)`, `get_pool(database_id, pool_name)`."""
    if not d.entity or d.plural or d.parts.verb not in _REPAIRED or any(k.many and k.arg.required for k in d.keys):
        return
    token = next((a for a in d.args if a.required and a.flat == "token" and d.parts.verb in lx.GET | lx.DELETE), None)
    if token is not None and d.own is None and not any(_may_name(a) for a in d.args):
        _take(d, token, 0.15)
        return
    if any(paging_role(a) in ("limit", "offset", "page", "cursor") for a in d.args) and d.parts.verb in lx.GET:
        return
    foreign = {k.arg.name for k in d.others if k.arg.required}
    free = [a for a in d.args if _may_name(a) and a.name not in foreign]
    said = [(size, a) for a in [*free, *(k.arg for k in d.others if k.arg.required)] if (size := _says(a, d, nouns))]
    if not said and d.parts.verb in lx.GET and d.own is None:
        said = [(size, a) for a in d.args if _may_name(a, False) and (size := _says(a, d, nouns))]
    if said:
        best = max(said, key=lambda x: x[0])[1]
        _take(d, best, 0.05)
        return
    if d.own is not None:
        return
    changed = d.parts.verb in lx.UPDATE
    shut = (_RENAMED if changed and (foreign or len(d.args) < 2) else frozenset()) | (
        frozenset() if _is_file(d.entity) or (len(free) == 1 and not foreign) else _PATHS
    )
    first = next((a for a in d.args if a.required), None)
    selves = [a for a in free if a.flat in _SELVES - shut or (a.flat in _PATHS and a is not first)]
    if len(selves) > 1:  # where it is, then what it is called
        inner = [a for a in selves if a.words[-1] in ("name", "title", "key")]
        selves = inner if len(inner) == 1 else []
    only = [a for a in d.args if not is_context(a, True)]
    if not selves and not foreign and d.parts.verb in lx.GET and len(only) == 1 and only[0].flat in _ONLY:
        selves = only  # get_dashboard(url_path?)
    if len(selves) == 1:
        _take(d, selves[0], 0.1)
    elif len(free) == 1 and not foreign and not changed and not set(free[0].words) & _NO_KEY:
        _take(d, free[0], 0.2)


def _may_name(a: Arg, required: bool = True) -> bool:
    return (
        a.required == required
        and a.type in ("string", "integer", "number", "any")
        and not a.enum
        and a.schema.get("const") is None
        and not a.opaque
        and not is_context(a, True)
        and not is_query(a)
    )


_ELSEWHERE = lx.wordset("new target to destination dst dest parent")


def _says(a: Arg, d: Draft, nouns: Nouns) -> int:
    """How many words of the entity a parameter names (0: it does not name this row)."""
    words = tuple(w for w in a.words if w not in ("source", "current", "old"))
    if not words or (len(words) == 1 and words[0] in lx.CONTENT) or a.words[0] in _ELSEWHERE:
        return 0
    stem = words[:-1] if len(words) > 1 and words[-1] in _TAILS else words
    stem = singular_phrase(stem)
    whole = d.parts.namespace + d.entity
    if stem == singular_phrase(words) and (stem[-1] in lx.FACETS or _changes(a, d, stem)):
        return 0
    if stem in nouns.known and stem != d.entity and not matches(stem, d.entity, nouns):
        return 0
    for size in range(min(len(stem), len(whole)), 0, -1):
        if stem[-size:] == whole[-size:]:
            return size
    if stem == d.entity[:1] and len(d.entity) > 1 and words[-1] == "number" and stem not in nouns.known:
        return 1  # pull_number of a pull request
    joined, mine = "".join(stem), "".join(singular(w) for w in d.entity)
    return 1 if len(joined) >= 4 and len(mine) >= 4 and (joined.endswith(mine) or mine.endswith(joined)) else 0


def _changes(a: Arg, d: Draft, stem: Words) -> bool:
    """Whether what an update calls by its noun is the new value rather than the row: `set_table_width(width)`."""
    first = next((x for x in d.args if x.required), None)
    return d.parts.verb in lx.UPDATE and (a is not first or stem not in (d.entity, d.parts.namespace + d.entity))


def _take(d: Draft, a: Arg, doubt: float) -> None:
    tail = a.words[-1] if len(a.words) > 1 or a.words[-1] in _SELVES else "self"
    tail = "number" if tail in _POSITIONS else tail
    tail = tail if tail in lx.KEY_TAILS | lx.NAME_TAILS or tail in _SELVES else "name" if a.type == "string" else "id"
    if d.own is not None:
        d.others.append(d.own)
    d.own = KeyArg(a, (), tail)
    d.keys = [k for k in d.keys if k.arg.name != a.name] + [d.own]
    d.others = [k for k in d.others if k.arg.name != a.name]
    d.doubt(doubt, "the key by what it is called")
