"""Texts that fit their row: names, descriptions and notes by family of nouns, and field texts with a known meaning.

`data/phrases.txt` holds word lists, field generators and about thirty families of nouns with small templates; its head
says how to read it. `context_gen(side, "Entity.field", gen)` gives the drawer of a text field in its context, or None
where the plain generator is right. Atoms of open lists belong to one side of the split, as in `pools.py`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

from synth.worlds.pools import PoolSide, pools, side_of

TextGen = Callable[[random.Random], str]

_FILE = Path(__file__).parent / "data" / "phrases.txt"
_SLOT = re.compile(r"\{(\w+)\}")
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_FIXED: dict[str, tuple[str, ...]] = {
    "weekday": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
    "month": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ),
    "n": tuple(str(i) for i in range(2, 41)),
    "nn": tuple(f"{i:02d}" for i in range(1, 31)),
    "few": tuple(str(i) for i in range(2, 10)),
    "cents": ("00", "25", "40", "50", "75", "90", "95", "99"),
    "port": tuple(str(i) for i in range(8000, 8100)),
}  # fmt: skip


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NAMES = _set("name names title subject headline label caption nickname fullname")
_OWN = _set("display friendly full short long common new old given local default the alt")
_WEAK_HEADS = _set(
    """group set list config configuration setting settings entry item record resource object result status info detail
    details value line step link field option template policy rule check metadata state parameter property attribute
    membership association mapping request action instance type insight insights usage stat log"""
)
_STRONG = _set("server storage network code run media audio health vehicle recipe device")
_BARE = _set("body content text message comment note html markdown")
_EVENTS = frozenset(("event", "match", "audio", "lesson", "vehicle", "health", "media"))
_WARES = frozenset(("product", "money", "setting", "person", "company", "group", "label"))
_NO_WORK = frozenset(("default", "person", "company", "label"))  # a title of work would be odd as their own
# which part of a family a generator stands for
_KINDS = {
    "label": "n", "title": "n", "issue_title": "n", "project_name": "n", "event_name": "n", "product": "n",
    "slug": "s", "sentence": "a", "paragraph": "p", "comment": "t", "note": "t", "message": "t",
}  # fmt: skip
_WEAK = frozenset(("label", "word", "topic", "sentence", "tag"))  # yield to a meaning read off the field's name


@dataclass(frozen=True)
class Book:
    """The data file, parsed: lists, shared lists, field generators and their aliases, families and their nouns."""

    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    gens: dict[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    families: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    nouns: dict[str, str] = field(default_factory=dict)


@cache
def book() -> Book:
    """The data file, read once per process (about 3 ms)."""
    out = Book()
    family: dict[str, tuple[str, ...]] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            name, _, nouns = line[1:].partition("]")
            family = out.families.setdefault(name, {})
            for noun in nouns.split():
                out.nouns.setdefault(noun, name)
            continue
        head, _, rest = line.partition(": ")
        parts = tuple(dict.fromkeys(p.strip() for p in rest.split(" | ")))
        if head.startswith("@"):
            name = head.lstrip("@=")
            out.lists[name] = parts
            if head.startswith("@="):
                out.shared.add(name)
        elif head.startswith("%"):
            name, *aliases = head[1:].split()
            alias = parts[0] if len(parts) == 1 and parts[0].isidentifier() else ""
            if not alias:
                out.gens[name] = parts
            for word in aliases:
                out.aliases[word] = alias or name
        else:
            family[head] = parts
    return out


def _slugged(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


@cache
def _atoms(side: PoolSide, slot: str) -> tuple[str, ...]:
    """What a slot may draw. KeyError for a slot that names no list."""
    if slot[0].isupper():
        return tuple(a[0].upper() + a[1:] for a in _atoms(side, slot[0].lower() + slot[1:]))
    if slot.endswith("1"):
        return tuple(_slugged(a) for a in _atoms(side, slot[:-1]))
    if slot in _FIXED:
        return _FIXED[slot]
    if slot == "company":
        return tuple(f"{a} {b}" for a in _atoms(side, "stem") for b in _atoms(side, "sector"))
    found = book().lists.get(slot)
    if found is None:
        return pools(side)[slot]
    if slot in book().shared:
        return found
    mine = tuple(a for a in found if side_of(a) == side)
    if len(found) < 2 or (mine and len(mine) < len(found)):
        return mine or found
    return found[-1:] if side == "eval" else found[:-1]  # a list whose hashes all fall on one side


def is_open(slot: str) -> bool:
    """Whether a slot's atoms differ between train and eval."""
    bare = slot[0].lower() + slot[1:].rstrip("1")
    return not set(_atoms("train", bare)) & set(_atoms("eval", bare))


def slots_of(template: str) -> list[str]:
    """Names of the slots of a template, in order."""
    return _SLOT.findall(template)


def compiled(side: PoolSide, template: str, noun: str = "item") -> TextGen:
    """A template as a function of the random source. Two slots of one list draw different atoms."""
    text = template.replace("{noun}", noun).replace("{Noun}", noun[:1].upper() + noun[1:])
    names = slots_of(text)
    drawn = [(p, len(p)) for p in (_atoms(side, s) for s in names)]
    shape = _SLOT.sub("%s", text.replace("%", "%%"))
    keys = [s.lower() for s in names]
    if len(set(keys)) == len(keys):
        return lambda r: shape % tuple([p[int(r.random() * n)] for p, n in drawn])

    def apart(r: random.Random) -> str:
        got: list[str] = []
        for _ in range(6):
            got = [p[int(r.random() * n)] for p, n in drawn]
            if len({g.lower() for g in got}) == len(got):
                break
        return shape % tuple(got)

    return apart


def _any_of(gens: list[TextGen]) -> TextGen:
    size = len(gens)
    return gens[0] if size == 1 else lambda r: gens[int(r.random() * size)](r)


def field_gens(side: PoolSide) -> dict[str, TextGen]:
    """Generators of field texts by name (`namespace`, `cron`, ...)."""
    return {name: _any_of([compiled(side, t) for t in templates]) for name, templates in book().gens.items()}


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3 else word


@lru_cache(maxsize=65_536)
def words(name: str) -> tuple[str, ...]:
    """Lower-case words of a field, tool or entity name in any naming style."""
    return tuple(w.lower() for w in _WORD.findall(name))


def family_of(parts: Sequence[str]) -> str | None:
    """The family of a noun phrase (lower-case words, head last); None where the head is unknown."""
    nouns = book().nouns
    if not parts:
        return None
    head = _singular(parts[-1])
    for phrase in ("_".join([*parts[-3:-1], head]), "_".join([*parts[-2:-1], head])):
        if "_" in phrase and phrase in nouns:
            return nouns[phrase]
    found = nouns.get(head) or nouns.get(parts[-1])
    if head in _WEAK_HEADS and len(parts) > 1:
        before = nouns.get(_singular(parts[-2]))
        if before in _STRONG:
            return before
    return found


def _subject(entity: str, parts: tuple[str, ...]) -> tuple[str, ...]:
    """Words of what a field names: of `doc_name` the document, of `name` the entity."""
    if len(parts) > 1 and parts[-1] in _NAMES and parts[-2] not in _OWN:
        return parts[:-1]
    return words(entity)


@lru_cache(maxsize=16_384)
def context_gen(side: PoolSide, name: str, gen: str, inferred: str) -> TextGen | None:
    """The drawer of the text field `name` (`Entity.field`), whose plain generator would be `gen`; `inferred` is what
    its name alone suggests. None where the plain one is right, or where the entity is not known."""
    entity, _, tail = name.rpartition(".")
    parts = words(tail)
    if gen in _WEAK and inferred != gen and inferred in book().gens:
        gens = [compiled(side, t) for t in book().gens[inferred]]
        return _any_of(gens)
    if not entity or not parts:
        return None
    if gen == "topic" and parts[-1] in _NAMES and family_of(words(entity)) == "label":
        return _drawn(side, "label", "n", words(entity))
    kind = _KINDS.get(gen)
    if kind is None:
        return None
    noun = _subject(entity, parts)
    if gen == "label" and parts[-1] not in _NAMES:
        own = family_of(parts)
        if own is None:
            return _odd(side, parts[-1])
        return _drawn(side, own, "n", parts)
    family = family_of(noun) or ("task" if gen == "issue_title" else "default")
    if gen == "event_name" and family not in _EVENTS:
        family = "event"
    elif gen == "issue_title" and family in _NO_WORK:
        family = "task"
    elif gen == "product" and family in _WARES:
        family = "product"
    if kind in ("a", "p") and family in ("comment", "message") and parts[-1] in _BARE:
        kind = "t"
    return _drawn(side, family, kind, noun)


@lru_cache(maxsize=8192)
def _drawn_for(side: PoolSide, family: str, kind: str, noun: str) -> TextGen | None:
    found = book().families[family]
    if kind == "p":
        first = _drawn_for(side, family, "a", noun) or _drawn_for(side, "default", "a", noun)
        second = _drawn_for(side, family, "t", noun) or _drawn_for(side, "default", "t", noun)
        assert first is not None and second is not None
        return lambda r: f"{first(r)}. {second(r)}"
    if kind == "n" and found["n"] in (("person",), ("company",)):
        return _party(side, found["n"][0])
    if kind == "s":
        slug = _slugged(noun)
        if "s" in found:
            return _any_of([compiled(side, t, slug) for t in found["s"]])
        return _any_of([compiled(side, t, slug) for t in book().families["default"]["s"]])
    templates = found.get(kind) or book().families["default"][kind]
    return _any_of([compiled(side, t, noun) for t in templates])


def _drawn(side: PoolSide, family: str, kind: str, noun: Sequence[str]) -> TextGen | None:
    said = [w for w in [*noun[-2:-1], _singular(noun[-1])] if len(w) > 1 and w.isalpha()] if noun else []
    said = said or ["entry"]
    return _drawn_for(side, family, kind, " ".join(said))


def _party(side: PoolSide, what: str) -> TextGen:
    text = "{first_name} {last_name}" if what == "person" else "{stem} {sector} {company_suffix}"
    return compiled(side, text)


@lru_cache(maxsize=4096)
def _odd(side: PoolSide, word: str) -> TextGen:
    """A field nobody knows: an adjective before its own word, or a bare word where that does not read well."""
    readable = word.isalpha() and len(word) > 4 and not word.endswith(("ed", "ing"))
    return compiled(side, f"{{adjective}} {_singular(word)}" if readable else "{token}")
