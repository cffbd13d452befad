"""What a person says for a field or a tool: verbs, participles, adjectives. Nothing here draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from synth.goals.words import field_words, split_words
from synth.packaged import packaged_yaml

_STRIPPED = ("is", "are", "was", "mark", "marked", "set", "make")
_CLOCK = ("at", "on", "date", "time", "timestamp", "datetime")
_TURNS_ROUND = frozenset({"de", "un", "dis", "non", "not", "never", "dont"})
_LINKS = frozenset({"to", "from", "by", "of", "for", "in", "with", "and", "or", "if", "as", "is", "has", "only"})


@dataclass(frozen=True)
class Lexicon:
    """The word lists of `data/verbs.yaml`."""

    verbs: dict[str, frozenset[str]]  # op -> verbs
    participles: frozenset[str]
    nouns_in_ed: frozenset[str]
    states: frozenset[str]
    awkward: frozenset[str]
    undoing: frozenset[str]
    setting: frozenset[str]


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The file, read once."""
    found = dict(packaged_yaml("synth.goals", "data/verbs.yaml"))
    verbs = {op: frozenset(words.split()) for op, words in found.pop("verbs").items()}
    return Lexicon(verbs, **{name: frozenset(words.split()) for name, words in found.items()})


def action(op: str, tool: str, of: str | None, state: str | None = None) -> str | None:
    """The tool's own verb where a person would use it for what `op` does: `pause_campaign` -> "pause". `state`: where
    the row is moved to; a verb may be known by it (`defer_...` to `deferred`)."""
    own = set(split_words(of or ""))
    words = _without_opposites(split_words(tool))
    for n, word in enumerate(words):
        if op in ("move", "delete") and word == "check" and words[n + 1 : n + 2] in (("out",), ("in",)):
            return f"check {words[n + 1]}"
        if word in lexicon().verbs.get(op, ()) and word not in own:
            return word
    to = (state or "").lower()
    for word in words if op == "move" and to else ():
        if word not in own and to in (f"{word}ed", f"{word}d", f"{word}{word[-1]}ed"):
            return word
    return None


def _without_opposites(words: Sequence[str]) -> tuple[str, ...]:
    """The words of a name but for those that it turns round: who asks to "escalate" does not want `de_escalate`."""
    return tuple(word for n, word in enumerate(words) if n == 0 or words[n - 1] not in _TURNS_ROUND)


def done_by_update(tool: str, of: str | None) -> str | None:
    """The verb of a tool that only sets fields, where its name says more than that: `close_issue` with a reason."""
    return None if set(split_words(tool)) & lexicon().setting else action("move", tool, of)


def undoes(op: str, tool: str) -> bool:
    """Whether the tool's name says the opposite of what it does here: `unset_reaction` that adds one."""
    return op in ("create", "send", "relate", "copy") and bool(set(split_words(tool)) & lexicon().undoing)


def participle(name: str) -> str | None:
    """`purchased_at` -> "purchased", `last_seen` -> "last seen"; None where the name is no participle."""
    words = list(split_words(name))
    while len(words) > 1 and (words[-1] in _CLOCK or words[0] == "date"):
        words = words[1:] if words[0] == "date" else words[:-1]
    if len(words) > 2 or (len(words) == 2 and words[0] not in ("last", "first")):
        return None
    return " ".join(words) if past(words[-1]) else None


_PAST = {
    "run": "ran", "set": "set", "send": "sent", "make": "made", "build": "built", "rebuild": "rebuilt", "get": "got",
    "put": "put", "draw": "drew", "take": "took", "give": "gave", "write": "wrote", "buy": "bought", "sell": "sold",
    "pay": "paid", "hold": "held", "find": "found", "do": "did", "go": "went", "read": "read", "lend": "lent",
    "withdraw": "withdrew", "rerun": "reran", "hide": "hid", "unhide": "made visible", "cut": "cut", "let": "let",
    "begin": "began", "bring": "brought", "shut": "shut", "check out": "checked out", "check in": "checked in",
    "forget": "forgot", "reset": "reset", "grow": "grew", "undo": "undid", "redo": "redid", "leave": "left",
}  # fmt: skip
_PARTICIPLE = {"ran": "run", "drew": "drawn", "took": "taken", "gave": "given", "wrote": "written", "did": "done",
               "went": "gone", "withdrew": "withdrawn", "reran": "rerun", "hid": "hidden", "began": "begun",
               "forgot": "forgotten", "grew": "grown"}  # fmt: skip
_DOUBLES = frozenset(
    ("submit", "ship", "pin", "unpin", "ban", "unban", "drop", "flag", "unflag", "cancel", "commit", "tag", "untag",
     "plan", "stop", "log", "plug", "scan", "map", "swap", "skip", "trim", "refer", "transfer", "admit", "defer")
)  # fmt: skip


def past_of(verb: str) -> str:
    """A verb in the past, as it also stands behind "have": "cancelled", "sent", "withdrawn"."""
    if verb in _PAST:
        return _PARTICIPLE.get(_PAST[verb], _PAST[verb])
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return verb[:-1] + "ied"
    return verb + (verb[-1] if verb in _DOUBLES else "") + "ed"


def past(word: str) -> bool:
    """Whether a word reads as a participle: "purchased", "sent"."""
    known = lexicon()
    return word in known.participles or (word.endswith("ed") and len(word) > 3 and word not in known.nouns_in_ed)


def label_of(name: str, entity: str, type_: str) -> str:
    """A field's spoken name, with "date" or "time" where it would be a bare participle."""
    label = field_words(name, entity)
    bare = type_ in ("date", "time") and past(label.split(" ")[-1])
    return f"{label} {type_}" if bare else label


def trait(label: str) -> str | None:
    """A yes-or-no field that can be said of the thing itself: "is public" -> "public", "pinned" -> "pinned"."""
    words = label.lower().split(" ")
    while len(words) > 1 and words[0] in _STRIPPED:
        words = words[1:]
    return words[0] if len(words) == 1 and (past(words[0]) or words[0] in lexicon().states) else None


def awkward(name: str, type_: str, entity: str = "") -> bool:
    """Whether nobody would ask for the field, or name it without need: technical, or no noun."""
    words = split_words(name)
    if set(words) & lexicon().awkward or words[-1] in _LINKS or len(words) > 3:
        return True
    if type_ in ("date", "time"):
        return False
    return past(words[-1]) or words[-1] in lexicon().states or not field_words(name, entity)


def when(name: str, obj: str) -> tuple[str, str] | None:
    """A moment as a direct and an indirect question."""
    words = split_words(name)
    if words[0] in ("due",):
        return f"when is {obj} due", f"when {obj} is due"
    for stem, verb in (("expires", "expire"), ("expiry", "expire"), ("expiration", "expire"), ("start", "start"),
                       ("starts", "start"), ("end", "end"), ("ends", "end")):  # fmt: skip
        if words[0] == stem and all(w in _CLOCK for w in words[1:]):
            return f"when does {obj} {verb}", f"when {obj} {verb}s"
    done = participle(name)
    if done is None:
        return None
    if done.split(" ")[-1] in ("expired", "joined", "started", "ended", "arrived", "left"):
        base = {"expired": "expire", "joined": "join", "started": "start", "ended": "end", "arrived": "arrive"}
        bare = base.get(done.split(" ")[-1])
        if bare is not None:
            first = f"{done.split(' ')[0]} " if " " in done else ""
            return f"when did {obj} {first}{bare}", f"when {obj} {done}"
    return f"when was {obj} {done}", f"when {obj} was {done}"
