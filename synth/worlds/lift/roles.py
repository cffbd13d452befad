"""What a parameter is for: key of which noun, paging, sorting, query, context, payload or filter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.opening import Arg
from synth.worlds.lift.words import is_plural, singular, singular_phrase

Words = tuple[str, ...]
_QUALIFIERS = lx.wordset(
    """source target destination from to parent new old original current existing root base default primary main first
    second origin dest src"""
)
TARGETS = lx.wordset("""target destination dest to new""")  # in front of a place: where something shall lie
_PERSONS = lx.wordset(
    """user assignee agent owner member person author reporter requester responder contact reviewer lead manager
    assigned"""
)


@dataclass(frozen=True, slots=True)
class KeyArg:
    """A parameter that names a row. `noun` is what its own name says (empty for a bare `id`), `tail` how: `id`, `name`,
    or `self` where the parameter is the noun itself."""

    arg: Arg
    noun: Words
    tail: str
    many: bool = False

    @property
    def bare(self) -> bool:
        return not self.noun


class Nouns:
    """The nouns of one server that its tools treat as things, with other names that keys use for them."""

    def __init__(self, known: Iterable[Words]) -> None:
        self.known: dict[Words, int] = {}
        for noun in known:
            self.known[noun] = self.known.get(noun, 0) + 1
        self.alias: dict[Words, Words] = {}
        self.generic: set[Words] = set()  # key nouns that stand for rows of several nouns: record, item
        self.places: dict[str, Words] = {}  # names of parameters (`filename`) that name the rows of one noun
        self._tails: dict[Words, list[Words]] = {}
        for noun in self.known:
            for i in range(1, len(noun)):
                self._tails.setdefault(noun[i:], []).append(noun)

    def place_of(self, arg: Arg) -> tuple[Words, str] | None:
        """(noun, name of its place) of a parameter that says where a row lies or shall lie: `source_filename`."""
        for flat in (arg.flat, "_".join(arg.words[1:]) if arg.words[0] in _QUALIFIERS else ""):
            if flat in self.places and arg.type == "string":
                return self.places[flat], flat
        return None

    def resolve(self, noun: Words) -> Words | None:
        """The known noun that `noun` names: itself, an alias, or the only known noun that ends with it."""
        if noun in self.known:
            return noun
        if noun in self.alias:
            return self.alias[noun]
        if noun and noun[0] in _QUALIFIERS and len(noun) > 1:
            return self.resolve(noun[1:])
        longer = self._tails.get(noun, [])
        if len(longer) == 1:
            return longer[0]
        for i in range(1, len(noun)):
            if noun[i:] in self.known:
                return noun[i:]
        return None


def full_words(noun: Words) -> Words:
    """`repo` is a repository, `kv` a key value: short words written out, so that both forms are one noun."""
    return tuple(lx.SHORT.get(w, w) for w in noun) if not lx.SHORT.keys().isdisjoint(noun) else noun


def matches(noun: Words, entity: Words, nouns: Nouns) -> bool:
    """Whether a key that says `noun` names a row of `entity`."""
    if not noun or not entity:
        return False
    noun, entity = full_words(noun), full_words(entity)
    if noun == entity or nouns.alias.get(noun) == entity:
        return True
    if entity[-len(noun) :] == noun:
        return True
    if noun[-len(entity) :] == entity:
        return noun not in nouns.known and noun not in nouns.alias
    if len(noun) == 1 and len(entity) > 1 and noun[0] == "".join(w[0] for w in entity):
        return True
    return "".join(noun) == "".join(entity)


def key_of(arg: Arg, nouns: Nouns) -> KeyArg | None:
    """The key reading of a parameter, or None."""
    words = tuple(w for w in arg.words if w not in ("the",))
    if arg.type == "array":
        items = arg.schema.get("items") or {}
        if items.get("type") in ("string", "integer", "number") and len(words) >= 1:
            if len(words[-1]) > 4 and words[-1].endswith("ids") and len(words) == 1 and arg.required:
                stem = _noun((words[-1][:-3],))  # courseids, pmids
                return KeyArg(arg, stem if stem in nouns.known else (), "id", many=True)
            if words[-1] in ("ids", "uuids", "keys", "sids", "gids", "uids") or (words[-1] in ("slugs", "arns")):
                return KeyArg(arg, _noun(words[:-1]), singular(words[-1]), many=True)
            if singular_phrase(words) in nouns.known and is_plural(words[-1]):
                return KeyArg(arg, singular_phrase(words), "name", many=True)
        return None
    if arg.type not in ("string", "integer", "number", "any"):
        return None
    if arg.enum or arg.schema.get("const") is not None:
        return None
    if "or" in words[1:]:  # idOrKey, id_or_slug
        words = words[: words.index("or", 1)]
    place = nouns.place_of(arg)
    if place is not None:
        return None if arg.words[0] in TARGETS else KeyArg(arg, *place)
    last = words[-1]
    if len(last) > 4 and last.endswith("id") and _noun((*words[:-1], last[:-2])) in nouns.known:
        return KeyArg(arg, _noun((*words[:-1], last[:-2])), "id")
    if words[:-1] in nouns.generic and last in lx.KEY_TAILS and arg.required:
        return KeyArg(arg, (), last)
    if last in ("ids", "uuids"):
        return KeyArg(arg, _noun(words[:-1]), "id", many=True)
    if last in lx.KEY_TAILS and not (
        last in ("number", "code", "ref", "handle")
        and len(words) == 1
        and not (last == "number" and arg.required and arg.type == "integer")
    ):
        if last == "number" and words[:-1] and nouns.resolve(_noun(words[:-1])) is None:
            return None
        if (
            last in ("key", "identity", "ref", "handle")
            and len(words) > 1
            and nouns.resolve(_noun(words[:-1])) is None
            and not arg.required
        ):
            return None
        if arg.required and last == "id" and words[:-1] in (("request",), ("session",)):
            return KeyArg(arg, _noun(words[:-1]), last)
        if words[0] in (
            "api",
            "access",
            "secret",
            "private",
            "public",
            "session",
            "request",
            "idempotency",
            "correlation",
        ) and last in ("key", "id"):
            return None if nouns.resolve(_noun(words[:-1])) is None else KeyArg(arg, _noun(words[:-1]), last)
        return KeyArg(arg, _noun(words[:-1]), last)
    if last in lx.NAME_TAILS and len(words) > 1 and words[0] not in ("new", "first", "last", "display", "full"):
        noun = _noun(words[:-1])
        found = nouns.resolve(noun)
        if found is not None and found[-len(noun) :] == noun:
            return KeyArg(arg, noun, last)
        return None
    if last in ("index", "idx") and len(words) > 1 and arg.required and arg.type in ("integer", "number"):
        return KeyArg(arg, _noun(words[:-1]), "number")
    whole = _noun(words)
    if len(whole) == 1 and whole[0] in lx.CONTENT:
        return None
    if arg.type in ("string", "integer") and whole in nouns.known:
        return KeyArg(arg, whole, "self" if arg.type == "string" else "id")
    if whole in nouns.alias and arg.required:
        return KeyArg(arg, whole, "self" if arg.type == "string" else "id")
    return None


def _noun(words: Words) -> Words:
    out = tuple(w for w in words if w not in ("or",))
    return singular_phrase(out)


def is_person(noun: Words) -> bool:
    return bool(noun) and noun[-1] in _PERSONS


def paging_role(arg: Arg) -> str | None:
    """`limit`, `offset`, `page`, `cursor`, `sort`, `order`, `projection`, or None; types must fit."""
    role = lx.PAGING.get(arg.flat) or lx.PAGING.get("".join(arg.words))
    if role is None and len(arg.words) == 2 and arg.words[0] in ("max", "page"):
        role = "limit" if arg.words[0] == "max" and arg.type in ("integer", "number") else None
    if role in ("limit", "offset") and arg.type not in ("integer", "number", "any", "string"):
        return None
    if role in ("limit", "offset", "page") and arg.type == "string":
        return "ignored"
    if role == "page" and arg.type not in ("integer", "number", "any"):
        return None
    if role == "cursor" and arg.type != "string":
        return "ignored" if arg.type in ("object", "boolean", "integer") else None
    if role in ("sort", "order") and arg.type != "string":
        return "ignored"
    if role == "order" and arg.enum and not {e.lower() for e in arg.enum} <= {"asc", "desc", "ascending", "descending"}:
        return "ignored"
    if role == "order" and arg.flat == "order" and not arg.enum:
        return "ignored"
    if role == "projection" and not (arg.type == "array" and not (arg.schema.get("items") or {}).get("enum")):
        return "ignored"
    return role


def is_context(arg: Arg, reads: bool) -> bool:
    """Whether a parameter never touches records: where and how to call, how much to tell."""
    flat = arg.flat
    if flat in (
        "mode",
        "view",
        "token",
        "context",
        "format",
        "intent",
        "secret",
        "force",
        "headers",
        "output",
        "max_length",
        "region",
        "subscription",
        "depth",
        "wait",
        "with",
        "timeout",
        "stream",
        "strict",
    ):
        return reads or flat in (
            "context",
            "headers",
            "wait",
            "format",
            "region" if arg.words[0] == "aws" else "wait",
            "force",
            "intent",
            "depth",
            "timeout",
        )
    if flat in lx.CONTEXT or "".join(arg.words) in lx.CONTEXT:
        return True
    if arg.type == "boolean" and reads and arg.words[0] in lx.MANY_FLAG:
        return True
    return arg.words[0] in ("include", "exclude", "retry", "fetch", "expand") and (reads or arg.type == "boolean")


def is_query(arg: Arg) -> bool:
    return arg.type in ("string", "any") and not arg.enum and (arg.flat in lx.QUERY or "".join(arg.words) in lx.QUERY)


_JOINED_TIMES: dict[Words, Words] = {
    (edge + unit,): (edge, unit) for edge in ("start", "end", "from", "to", "begin") for unit in ("time", "date")
}


def time_bound(arg: Arg) -> tuple[str, Words] | None:
    """(`ge` or `le`, words of the time field) of a range parameter: created_after, start_date, until."""
    if arg.type not in ("string", "integer", "number") or arg.enum:
        return None
    words = _JOINED_TIMES.get(arg.words, arg.words)
    bounds = {**dict.fromkeys(lx.TIME_STARTS, "ge"), **dict.fromkeys(lx.TIME_ENDS, "le")}
    dated = any(w in ("date", "time", "at", "timestamp", "datetime", "day", "on") for w in words) or str(
        arg.schema.get("format", "")
    ).startswith("date")
    if len(words) == 1 and words[0] in ("since", "after", "from", "until", "before", "to", "start", "end"):
        return (bounds[words[0]], ()) if arg.type == "string" else None
    for edge in (words[0], words[-1]):
        if (edge in bounds and edge not in ("min", "max", "begin")) or (edge in bounds and dated):
            rest = tuple(
                w for w in words if w != edge and w not in ("date", "time", "at", "timestamp", "datetime", "on", "than")
            )
            if dated or edge in ("after", "before", "since", "until"):
                return bounds[edge], rest
    return None


_ADJECTIVES = frozenset({("external",), ("primary",), ("one",), ("single",), ("detail",), ("new",), ("current",)})


def plain_noun(noun: Words, namespace: Words, server: str, nouns: Nouns) -> Words:
    """Without the server's own name and without a view (`upcoming events` are events)."""
    if noun in _ADJECTIVES and namespace:
        return singular_phrase(namespace[-1:])
    while (
        len(noun) > 1
        and (
            (noun[0] == server.split("-")[0] and noun[0] not in lx.THINGS)
            or (noun[0] in server.split("-") and noun[1:] in nouns.known)
            or singular(noun[0]) == noun[1]  # eventhubs_eventhub
            or (noun[0] in lx.VIEWS and (noun[1:] in nouns.known or noun[0] == "new"))
        )
    ):
        noun = noun[1:]
    return noun
