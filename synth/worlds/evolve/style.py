"""Surface habits of one world: how tools, parameters and results are named. One style per world, never mixed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from synth.records import rng_for
from synth.worlds.evolve.hosts import Host
from synth.worlds.infer import words

Case = Literal["snake", "camel", "kebab", "pascal"]

VERBS: dict[str, tuple[str, ...]] = {
    "get": ("get", "get", "fetch", "retrieve", "show", "read", "describe"),
    "list": ("list", "list", "get", "fetch", "browse", "query"),
    "search": ("search", "search", "find", "lookup", "query"),
    "create": ("create", "create", "add", "new", "register", "make"),
    "update": ("update", "update", "edit", "modify", "change", "patch"),
    "delete": ("delete", "delete", "remove", "discard"),
    "aggregate": ("count", "count", "tally"),
    "total": ("sum", "total"),
    "copy": ("duplicate", "copy", "clone"),
    "exists": ("check", "has", "verify"),
    "set": ("set", "set", "change", "update"),
    "assign": ("assign", "set", "change"),
    "relate": ("link", "add", "attach", "connect"),
    "unrelate": ("unlink", "remove", "detach", "disconnect"),
    "send": ("send", "post", "submit"),
    "choose": ("manage", "handle", "administer"),
    "by": ("find", "get", "lookup", "resolve"),
}


@dataclass(frozen=True)
class Style:
    tools: Case
    noun_first: bool
    prefix: str
    joint: str  # between prefix and rest where the two are cased apart
    fields: Case  # snake or camel
    key: str  # "id" or "noun_id"
    ref_suffix: str  # "" or "_id"
    item: str  # bare, noun, data
    items: str  # bare, plural, items, results, data
    total: str | None
    next: str
    span: tuple[str, str]  # names of range bounds, with {f}
    error_style: Literal["plain", "http", "coded"]
    long_names: bool  # names say whose a thing is
    bare: bool  # reads are named by their noun alone
    words: Mapping[str, str]  # role -> the host's word for it
    verbs: Mapping[str, str]  # operation -> the host's verb
    seed: int

    def verb(self, kind: str) -> str:
        if kind in self.verbs:
            return self.verbs[kind]
        options = VERBS[kind]
        return options[rng_for("verb", self.seed, kind).randrange(len(options))]

    def tool(self, verb: str, noun: str) -> str:
        parts = f"{noun} {verb}" if self.noun_first else f"{verb} {noun}"
        if self.joint:
            inner: Case = self.tools if self.tools in ("camel", "pascal") else "camel"
            return cased(self.prefix or noun, "kebab") + self.joint + cased(parts, inner)
        return cased(f"{self.prefix} {parts}", self.tools)

    def word(self, role: str, default: str) -> str:
        """What a parameter of this role is called."""
        return cased(self.words.get(role, default), self.fields)

    def field(self, name: str, ref: bool = False) -> str:
        suffix = self.ref_suffix if ref and not name.endswith("_id") else ""
        return cased(name + suffix, self.fields)

    def key_name(self, noun: str) -> str:
        return cased("id" if self.key == "id" else f"{noun} id", self.fields)


def cased(text: str, case: Case) -> str:
    parts = joined_words(text) or ["x"]
    if case == "snake":
        return "_".join(parts)
    if case == "kebab":
        return "-".join(parts)
    if case == "camel":
        return parts[0] + "".join(p.capitalize() for p in parts[1:])
    return "".join(p.capitalize() for p in parts)


def joined_words(text: str) -> list[str]:
    """Lower-case words; a number stays with the word before it (`volume_m3`)."""
    out: list[str] = []
    for word in words(text):
        if word.isdigit() and out:
            out[-1] += word
        else:
            out.append(word)
    return out


def draw_style(key: str, domain: str, host: Host) -> Style:
    """The habits that belong to `key` (a server or world name), written as `host` writes."""
    rng = rng_for("style", key)
    return Style(
        tools=cast(Case, host.case),
        noun_first=host.noun_first,
        prefix=_prefix(domain, host.lead or 1, rng) if host.lead or host.joint else "",
        joint=host.joint,
        fields=cast(Case, host.param_case),
        key="id" if host.plain_id else "noun_id",
        ref_suffix="_id" if host.ref_suffix else "",
        item=rng.choice(("bare", "bare", "noun", "data")),
        items=rng.choice(("bare", "plural", "plural", "items", "results", "data")),
        total=rng.choice(("total", "count", "total_count", None)),
        next=rng.choice(("next", "next_page", "next_cursor")),
        span=rng.choice(
            (("min_{f}", "max_{f}"), ("{f}_from", "{f}_to"), ("{f}_after", "{f}_before"), ("{f}_gte", "{f}_lte"))
        ),
        error_style=rng.choice(("plain", "http", "coded")),
        long_names=host.long_names,
        bare=host.bare,
        words=dict(host.words),
        verbs=dict(host.verbs),
        seed=rng.getrandbits(32),
    )


def _prefix(domain: str, length: int, rng: random.Random) -> str:
    parts = words(domain)
    if rng.random() < 0.4 and len(parts) > 1:
        return "".join(p[0] for p in parts)
    return " ".join(parts[:length])
