"""Names taken apart and put together: words, singular and plural, field and entity names in a server's style."""

from __future__ import annotations

import re
from functools import lru_cache

from synth.worlds.lift import lexicon as lx

_FIX = re.compile(r"(?<=[a-z0-9])?(IDs|URLs|IPs|VMs|APIs|SKUs|CVEs|DNs|MRs|PRs|SLOs|SLAs|PDFs|URIs|VPCs|ACLs)(?![a-z])")
_JOINED = {
    "GitHub": "Github",
    "GitLab": "Gitlab",
    "WordPress": "Wordpress",
    "JavaScript": "Javascript",
    "OAuth": "Oauth",
    "YouTube": "Youtube",
    "LinkedIn": "Linkedin",
    "OneDrive": "Onedrive",
    "OneNote": "Onenote",
    "SharePoint": "Sharepoint",
    "NodeJS": "Nodejs",
    "PowerPoint": "Powerpoint",
    "iOS": "ios",
    "eSignature": "Esignature",
}
_SPLIT = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+[0-9]*[a-z]*|[A-Z]+[0-9]*|[0-9]+[a-z]*")
_VERSION = re.compile(r"v[0-9.]+$")
_MARK = re.compile(r"(?<=[A-Z])V[0-9]$")  # installSSLV1
_IRREGULAR = {
    "people": "person", "children": "child", "men": "man", "indices": "index", "indexes": "index", "data": "data",
    "media": "media", "matrices": "matrix", "criteria": "criterion", "vertices": "vertex", "statuses": "status",
    "addresses": "address", "analyses": "analysis", "series": "series", "news": "news", "bonuses": "bonus", "aliases":
    "alias", "databases": "database", "purchases": "purchase", "responses": "response", "releases": "release",
    "licenses": "license", "cases": "case", "caches": "cache", "expenses": "expense", "courses": "course", "causes":
    "cause", "leases": "lease", "warehouses": "warehouse", "phrases": "phrase", "leaves": "leave", "houses": "house",
    "images": "image", "messages": "message", "archives": "archive", "bases": "base", "clauses": "clause", "codes":
    "code", "taxes": "tax", "buses": "bus", "quizzes": "quiz", "movies": "movie", "cookies": "cookie", "axes": "axis",
    "emojis": "emoji", "apis": "api", "wikis": "wiki", "kpis": "kpi", "pois": "poi",
    "taxis": "taxi", "slas": "sla", "slos": "slo", "dns": "dns",
}  # fmt: skip
_PLURAL = {
    "person": "people",
    "child": "children",
    "man": "men",
    "analysis": "analyses",
    "criterion": "criteria",
    "quiz": "quizzes",
}


@lru_cache(maxsize=65536)
def split(name: str) -> tuple[str, ...]:
    """Lower-case words of a snake, kebab, dotted or camel name; version marks (`V1`) dropped where words remain."""
    for brand, plain in _JOINED.items():
        if brand in name:
            name = name.replace(brand, plain)
    name = _MARK.sub("", name)
    name = _FIX.sub(lambda m: m.group(1)[:1] + m.group(1)[1:].lower(), name)
    words = [w.lower() for w in _SPLIT.findall(name)]
    kept = [w for w in words if not _VERSION.match(w)]
    return tuple(kept or words)


@lru_cache(maxsize=65536)
def singular(word: str) -> str:
    """The singular of a lower-case English noun, by rule."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in lx.PLURAL_ONLY or len(word) < 3 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zes")):
        return word[:-2]
    return word[:-1]


def is_plural(word: str) -> bool:
    """Whether a noun names several things: its singular differs."""
    return singular(word) != word


def plural(word: str) -> str:
    """The plural of a lower-case English noun, by rule."""
    if word in _PLURAL:
        return _PLURAL[word]
    if (
        is_plural(word)
        or word in lx.PLURAL_ONLY
        or word in ("data", "media", "information", "metadata", "content", "history", "feedback", "software")
    ):
        return word
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")


def singular_phrase(words: tuple[str, ...]) -> tuple[str, ...]:
    """The phrase with its head singular."""
    return (*words[:-1], singular(words[-1])) if words else words


def style_of(names: list[str]) -> str:
    """The habit of a set of parameter names: `camel`, `pascal` or `snake`."""
    camel = sum(1 for n in names if re.search(r"[a-z][A-Z]", n) and n[:1].islower())
    pascal = sum(1 for n in names if n[:1].isupper() and re.search(r"[a-z]", n))
    snake = sum(1 for n in names if "_" in n and n.islower())
    best = max(snake, camel, pascal)
    if best == 0 or best == snake:
        return "snake"
    return "camel" if best == camel else "pascal"


def join(words: tuple[str, ...], style: str) -> str:
    """Words as one identifier in a style; always a legal name."""
    if style == "snake":
        name = "_".join(words)
    else:
        name = "".join(w[:1].upper() + w[1:] for w in words)
        if style == "camel":
            name = name[:1].lower() + name[1:]
    name = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return name if name[:1].isalpha() or name[:1] == "_" else f"f_{name}"


def entity_name(words: tuple[str, ...]) -> str:
    """`("merge", "request")` -> `MergeRequest`."""
    name = join(words, "pascal")
    return name if name[:1].isalpha() else f"E{name}"
