"""Small choices: how keys look, which field names a row, what a filter may be a property of. Server habits by hash."""

from __future__ import annotations

import hashlib
from typing import Any

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.library import LABELS, is_special, usual_fields
from synth.worlds.lift.naming import Words
from synth.worlds.lift.opening import Arg
from synth.worlds.lift.table import Table
from synth.worlds.lift.words import plural

_ALLOWED_BOOL = lx.wordset(
    """active archived public private default enabled disabled read unread starred favorite pinned locked hidden
    verified visible featured published completed open closed deleted resolved billable internal draft paid
    admin"""
)  # fmt: skip
_NO_FIELD = lx.wordset(
    """delimiter format unit units timezone locale interval granularity period window aggregation group_by groupby
    sections raw cwd directory workspace_root project_root config_path host port connection_string database_url follow
    resolution adjust multiplier step statistics user_agent scope include_subdomains level_of_detail callback
    response_type date_format encoding separator theme mode detail recursive file output"""
)
_KEY_GENS = {
    "path": "path", "slug": "slug", "email": "email", "domain": "domain_name", "username": "username",
    "hostname": "hostname", "login": "username", "symbol": "ticker", "code": "sku", "address": "ip", "url": "url",
    "uri": "url", "tag": "tag", "title": "title", "filename": "file_name", "key": "slug", "handle": "username",
    "mac": "mac", "mac_address": "mac", "ip": "ip", "file_path": "path",
}  # fmt: skip


def draw(server: str, what: str, count: int) -> int:
    """A choice in [0, count) that depends only on the server and what is chosen."""
    return hashlib.sha256(f"lift:{server}:{what}".encode()).digest()[0] % count


def label_of(t: Table) -> str | None:
    """The field a person names a row by, where it has one."""
    texts = {k: n for k, (n, s) in t.fields.items() if s["type"] in ("text", "code")}
    for word in LABELS:
        if word in texts:
            return texts[word]
    return next(
        (texts[k] for k in ("first_name", "given_name", "file_name", "short_name", "long_name") if k in texts), None
    )


def filterable(arg: Arg, words: Words) -> bool:
    """Whether a filter that no write names is likely a property of the row."""
    flat = "_".join(words)
    if flat in _NO_FIELD or words[-1] in ("format", "unit", "timezone", "interval", "path", "mode"):
        return False
    if arg.type == "boolean":
        return words[0] in ("is", "has") or words[-1] in _ALLOWED_BOOL
    if arg.type in ("integer", "number"):
        return not set(words) & {
            "max",
            "min",
            "length",
            "ahead",
            "preview",
            "limit",
            "chars",
            "per",
            "lookback",
            "last",
        } and words[-1] not in (
            "timeout",
            "depth",
            "days",
            "hours",
            "minutes",
            "window",
            "level",
            "start",
            "end",
            "index",
            "offset",
        )
    return arg.type in ("string", "array")


def natural_gen(tail: str, noun: Words) -> dict[str, Any]:
    """The generator of a natural key: by how it is called, else by what the noun usually is called."""
    gen = _KEY_GENS.get(tail)
    if gen is None:
        named = usual_fields(noun).get("name", {})
        gen = str(named.get("gen", "slug")) if is_special(noun) else "slug"
    return {"gen": gen}


def id_style(kind: str, noun: Words, server: str) -> dict[str, Any]:
    """An `IdStyle` of a kind, with a prefix from the noun and a length that is the server's habit."""
    letters = "".join(w[0] for w in noun) if len(noun) > 1 else noun[0]
    head = (letters if len(noun) > 2 else "".join(c for c in "".join(noun) if c not in "aeiou")[:3] or letters)[:4]
    if kind == "int":
        return {"kind": "int", "size": 5 + draw(server, "int", 4)}
    if kind == "token":
        return {"kind": "token", "prefix": head.lower(), "size": 14}
    if kind == "hex":
        return {"kind": "hex", "size": (24, 16, 12)[draw(server, "hex", 3)]}
    if kind == "uuid":
        return {"kind": "uuid"}
    return {"kind": "code", "prefix": head.upper(), "size": 6}


def spoken(noun: Words) -> tuple[str, str]:
    """Singular and plural of a noun as a person says them."""
    return " ".join(noun), " ".join((*noun[:-1], plural(noun[-1])))
