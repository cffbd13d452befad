"""Tool names taken apart: namespace, verb, noun phrase, parents. One habit per server, decided by counting.

`hosting_restartNode_jsApplicationV1` -> namespace (hosting), verb restart, noun (node, js, application). A server
either leads with verbs (`create_ticket`) or ends with them (`ticket_create`); words before an unambiguous
inner verb are a namespace.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.words import is_plural, split

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NameParts:
    """`noun` keeps its number; `parents` are the phrases after prepositions; `particle` the first preposition."""

    namespace: Words
    verb: str
    noun: Words
    parents: tuple[Words, ...] = ()
    particle: str = ""
    verb_or: str = ""  # `create_or_update`: the second verb
    guessed: bool = False  # no verb stood in the name
    last: bool = False  # the verb stood at the end


def common_prefix(names: Sequence[Words]) -> Words:
    """Leading words that at least 60 % of the names share, repeatedly; never a verb."""
    prefix: Words = ()
    pool = [n for n in names if len(n) > 1]
    while len(names) >= 3 and pool:
        counts = Counter(n[len(prefix)] for n in pool if len(n) > len(prefix) + 1)
        if not counts:
            break
        word, count = min(counts.items(), key=lambda kv: (-kv[1], kv[0]))
        if count < 0.6 * len(names) or (word in lx.VERBS and word not in lx.NOUNISH):
            break
        prefix += (word,)
        pool = [n for n in pool if n[len(prefix) - 1] == word]
    return prefix


def verbs_end(names: Sequence[Words]) -> bool:
    """Whether the server's names end with their verb."""
    lead = sum(1 for n in names if len(n) > 1 and (n[0] in lx.PLAIN or (len(n) > 2 and n[1] in lx.PLAIN)))
    end = sum(1 for n in names if len(n) > 1 and n[-1] in lx.PLAIN)
    return end > lead


def _is_verb(word: str, strict: bool) -> bool:
    return word in lx.VERBS and not (strict and word in lx.NOUNISH)


_LEADING = lx.wordset("start stop run")  # start_search: never a noun in front
_INNER = lx.wordset("clear check uncheck")
# verbs that end a name whatever its first word: block_storage_detach
_ENDING = (lx.RELATE | lx.UNRELATE | lx.DELETE | frozenset(lx.TRANSITIONS)) - lx.NOUNISH - {"apply"}


def _find_verb(words: Words, ends: bool, segments: Sequence[Words]) -> int | None:
    last = len(words) - 1
    if (
        ends
        and _is_verb(words[last], strict=words[last] not in lx.PLAIN and any(w in lx.PLAIN for w in words[:last]))
        and last > 0
    ):
        return last
    doubled = last > 0 and words[0] in lx.NOUNISH - _LEADING and (_plain_inside(words) or words[-1] in _ENDING)
    if _is_verb(words[0], strict=False) and not doubled:
        return 0
    position = 0
    for segment in segments[:-1]:  # a verb that leads a later segment: shop_createOrder, lb_get_firewall_rule
        position += len(segment)
        nounish = words[position] in lx.NOUNISH | {"list"} if position < last else False
        if nounish and words[position + 1] in lx.PLAIN | _INNER:
            continue  # shopping_list_get_list
        if position <= last and _is_verb(
            words[position], strict=words[position] not in lx.PLAIN and last > position + 3
        ):
            return position
    for i in range(1, last):
        if _is_verb(words[i], strict=True) and words[i + 1] not in lx.PLAIN:
            return i
    if last > 0 and _is_verb(words[last], strict=not ends and words[last] in ("log", "report", "order", "record")):
        return last
    return 0 if _is_verb(words[0], strict=False) else None


def _plain_inside(words: Words) -> bool:
    return any(w in lx.PLAIN for w in words[1:-1]) or (len(words) > 1 and words[-1] in lx.PLAIN - {"set"})


_PAIRS = {
    ("look", "up"): "lookup", ("log", "in"): "login", ("sign", "in"): "login", ("log", "out"): "logout",
    ("sign", "up"): "register", ("opt", "out"): "unsubscribe", ("re", "open"): "reopen", ("un", "archive"): "unarchive",
    ("shut", "down"): "shutdown", ("power", "on"): "start", ("power", "off"): "stop", ("wake", "up"): "start",
    ("turn", "on"): "enable", ("turn", "off"): "disable", ("hard", "reboot"): "reboot", ("soft", "delete"): "delete",
    ("bulk", "delete"): "bulk", ("power", "cycle"): "reboot", ("add", "on"): "addon",
    ("add", "ons"): "addons", ("set", "up"): "setup", ("clean", "up"): "purge",
}  # fmt: skip


_AGENTS = {"getter": "get", "searcher": "search", "fetcher": "get", "finder": "search", "lister": "list"}


def _merge_pairs(words: Words) -> Words:
    """Two-word verbs become one: look up, log in, shut down, un archive."""
    out: list[str] = []
    i = 0
    while i < len(words):
        joined = _PAIRS.get((words[i], words[i + 1])) if i + 1 < len(words) else None
        if joined and (i == 0 or joined not in ("start", "stop")):
            out.append(joined)
            i += 2
        else:
            out.append(words[i])
            i += 1
    return tuple(out)


def parse_names(names: Sequence[str]) -> dict[str, NameParts]:
    """All tool names of one server."""
    words = {n: _merge_pairs(split(n)) for n in names}
    prefix = common_prefix([w for w in words.values() if w])
    cut = {
        n: (w[len(prefix) :] if w[: len(prefix)] == prefix and len(w) > len(prefix) else w) for n, w in words.items()
    }
    found = {n[0] for n in cut.values() if len(n) == 2 and n[1] in _AGENTS}  # trial_searcher: a noun, no area
    ends = verbs_end([w for w in cut.values() if w])
    areas = _areas(list(cut.values())) - found
    parts = {n: _parse(n, cut[n], ends, len(words[n]) - len(cut[n]), areas) for n in names}
    brand = _brand([p.noun for p in parts.values()])
    return {n: replace(p, noun=p.noun[1:]) if len(p.noun) > 1 and p.noun[0] == brand else p for n, p in parts.items()}


def _brand(nouns: Sequence[Words]) -> str | None:
    """The word that nearly all nouns of a server begin with, behind the verb: `ListACMEStores`, `GetACMERun`."""
    after: dict[str, set[str]] = {}
    for noun in nouns:
        if len(noun) > 1:
            after.setdefault(noun[0], set()).add(noun[1])
    count = Counter(n[0] for n in nouns if n)
    return next((w for w in sorted(after) if count[w] >= 0.6 * len(nouns) and len(after[w]) >= 6), None)


def _areas(names: Sequence[Words]) -> frozenset[str]:
    """First words that stand before at least three different nouns: areas of the server, not part of a noun."""
    after: dict[str, set[str]] = {}
    for n in names:
        if len(n) > 2 and n[0] not in lx.PLAIN:
            after.setdefault(n[0], set()).add(n[1])
    areas = {w for w, seconds in after.items() if len(seconds - lx.VERBS) >= 3}
    pairs: dict[str, set[str]] = {}  # pg_locks, pg_info, pg_outliers: an area (marked by a space) where no name has the
    for n in names:  # word as a noun elsewhere
        if len(n) == 2 and len(n[0]) < 4 and not set(n) & lx.PLAIN:
            pairs.setdefault(n[0], set()).add(n[1])
    elsewhere = {w for n in names for w in n[1:]} | {n[0] for n in names if n and n[-1] in lx.PLAIN}
    areas |= {f"{w} " for w, seconds in pairs.items() if len(seconds) >= 4 and w not in elsewhere}
    return frozenset(areas)


def _parse(name: str, words: Words, ends: bool, dropped: int, areas: frozenset[str]) -> NameParts:
    if not words:
        return NameParts((), "", (), guessed=True)
    words = tuple(re.sub(r"(?<=[a-z])[0-9]{1,2}$", "", w) if len(w) > 5 else w for w in words)
    segments = _segments(name, words, dropped)
    at = _find_verb(words, ends, segments)
    if words[-1] in _AGENTS and len(words) > 1:
        area = words[:1] if words[0] in areas and len(words) > 2 else ()
        return replace(_with_parents(area, _AGENTS[words[-1]], words[len(area) : -1]), last=True)
    if at is None and words[-1] == "all" and len(words) > 1:  # payments-all
        rest = words[:-1] if len(words) == 2 or words[-2] not in lx.FACETS else words[:-2]
        return replace(_with_parents((), "list", rest), last=True)
    if at is None:
        short = len(words) > 1 and f"{words[0]} " in areas and words[-1] not in lx.TRAILERS
        area = words[:1] if short or (words[0] in areas and len(words) > 2) else ()
        return _with_parents(area, "", words[len(area) :], guessed=True)
    verb = words[at]
    if at == len(words) - 1 and at > 0:  # noun first
        noun = words[:at]
        namespace: Words = ()
        if len(noun) > 1 and noun[0] in areas:
            namespace, noun = noun[:1], noun[1:]
        return replace(_with_parents(namespace, verb, noun), last=True)
    namespace, rest, second = words[:at], words[at + 1 :], ""
    if len(rest) > 1 and rest[0] in ("or", "and") and rest[1] in lx.VERBS:
        second, rest = rest[1], rest[2:]
    if namespace and rest and namespace[-1] == rest[0]:
        pass
    parts = _with_parents(namespace, verb, rest, verb_or=second)
    if parts.noun == ("list",) and parts.particle == "of" and verb in lx.GET and parts.parents:
        parts = replace(parts, verb="list", noun=parts.parents[0], parents=parts.parents[1:])  # get list of folders
    if not parts.noun and namespace:
        return NameParts(
            namespace[:-1] if len(namespace) > 1 else (), verb, namespace, parts.parents, parts.particle, second
        )
    return parts


def _segments(name: str, words: Words, dropped: int) -> list[Words]:
    """The words grouped as the separators of the name group them (without what the prefix took)."""
    raw = [s for s in re.split(r"--|[._/:\-]+", name) if s]
    if len(raw) < 2:
        return [words]
    out: list[Words] = []
    left = dropped
    position = 0
    for part in raw:
        inner = split(part)
        if left >= len(inner):
            left -= len(inner)
            continue
        size = len(inner) - left
        left = 0
        out.append(words[position : position + size])
        position += size
    return [s for s in out if s] or [words]


def _with_parents(namespace: Words, verb: str, rest: Words, verb_or: str = "", guessed: bool = False) -> NameParts:
    chunks: list[list[str]] = [[]]
    particle = ""
    for i, word in enumerate(rest):
        if word in lx.PREPOSITIONS and (i > 0 or len(rest) > 1):
            particle = particle or word
            chunks.append([])
        else:
            chunks[-1].append(word)
    cleaned = [_clean(tuple(c)) for c in chunks]
    noun, parents = cleaned[0], tuple(c for c in cleaned[1:] if c)
    if particle == "by":
        parents = ()
    return NameParts(namespace, verb, noun, parents, particle, verb_or, guessed)


def _clean(words: Words) -> Words:
    """Without fillers, unless nothing would remain."""
    kept = [w for w in words if w not in lx.FILLERS] or [w for w in words if w not in ("the", "a", "an")]
    while len(kept) > 1 and (kept[-1] in lx.TRAILERS or (kept[-1] in ("list", "lists") and is_plural(kept[-2]))):
        kept.pop()  # `server details`, `domains list`
    if len(kept) > 1 and kept[0] in ("list", "multiple", "single"):
        kept = kept[1:]
    return tuple(kept)
