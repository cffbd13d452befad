"""When two tools are the same: three hashes per tool.

*shape*: canonical semantics and parameter types, without words: entities numbered by first use, local names and
constants in classes. *named*: shape with the domain, the entity's head word and the parameter names. *text*: MinHash of
three-word shingles of name, description and parameters. A repeat has the same *named*, or the same *shape* and a text
similarity of at least 0.7 (`twins.py`). A shape alone may repeat, as it does among real tools.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from synth.errors import SpecError
from synth.worlds.infer import word_set, words
from synth.worlds.lower import lower
from synth.worlds.params import explicit
from synth.worlds.spec import ToolSpec, World

PERMUTATIONS = 64
_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|[A-Za-z_][A-Za-z_0-9]*|\d+(?:\.\d+)?|\S")
_FIXED = word_set(
    """it args now me rows by size found total page limit start first all exists filter map sort sum count min max true
    false null has get coalesce int str lower upper similar slice pick project reverse tally cursor_start cursor_at
    row other in insert set delete load require else let find from where key return when do otherwise given to of as
    like with field compare value optional desc"""
)
_SEEDS = np.random.default_rng(20).integers(1, 1 << 63, size=(2, PERMUTATIONS), dtype=np.uint64) | np.uint64(1)


class Fingerprint(NamedTuple):
    """`text` is the set of shingles."""

    shape: str
    named: str
    text: frozenset[str]


def fingerprint(world: World, name: str) -> Fingerprint:
    """The three hashes of one tool. SpecError where the tool cannot be lowered."""
    tool = world.tools[name]
    lowered = lower(world, tool)
    canon = _Canon(world)
    kinds = sorted(
        [p.role, p.required, p.compare, str(_kind(world, tool, p.entity, p.field)), len(p.at or ())]
        for p in lowered.params.values()
    )
    shape = _hash([tool.op, canon(lowered.body), kinds, [canon.types(e) for e in canon.entities]])
    lemma = (words(tool.of or name) or (name,))[-1]
    named = _hash([shape, world.domain, lemma, sorted("_".join(words(p)) for p in lowered.params)])
    return Fingerprint(shape, named, shingles(world, name, tool))


def _kind(world: World, tool: ToolSpec, entity: str | None, field: str | None) -> str:
    owner = world.entities.get(entity or tool.of or "")
    spec = owner.fields.get(field) if owner and field else None
    return spec.type if spec else "key"


class _Canon:
    """Renames what a body mentions by order of first use."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.names: dict[str, str] = {}
        self.entities: list[str] = []

    def __call__(self, node: Any) -> Any:
        if isinstance(node, dict):
            return [[self(k), self(v)] for k, v in node.items()]
        if isinstance(node, list):
            return [self(v) for v in node]
        if isinstance(node, str):
            return " ".join(self.token(t) for t in _TOKEN.findall(node))
        if isinstance(node, bool) or node is None:
            return node
        return self.number(node)

    def token(self, token: str) -> str:
        if token[0].isdigit():
            return self.number(float(token))
        bare = token.strip("'")
        if token in _FIXED or not (token[0].isalpha() or token[0] in "_'"):
            return token
        if bare in self.world.entities:
            if bare not in self.entities:
                self.entities.append(bare)
            return f"E{self.entities.index(bare)}"
        return self.names.setdefault(bare, f"n{len(self.names)}")

    def types(self, entity: str) -> list[str]:
        return sorted(f.type for f in self.world.entities[entity].fields.values())

    @staticmethod
    def number(value: float) -> str:
        return str(int(value)) if value in (0, 1) else "small" if abs(value) <= 10 else "other"


def shingles(world: World, name: str, tool: ToolSpec) -> frozenset[str]:
    """Three-word shingles of name, description and parameters."""
    parts = [*words(name), *re.findall(r"[a-z0-9]+", (tool.description or "").lower())]
    for pname, p in explicit(world, tool).items():
        parts += [*words(pname), *re.findall(r"[a-z0-9]+", (p.description or "").lower())]
    return frozenset(" ".join(parts[i : i + 3]) for i in range(max(1, len(parts) - 2)))


def minhash(items: Iterable[str]) -> npt.NDArray[np.uint16]:
    """`PERMUTATIONS` minima, 16 bits of each; the share of equal places estimates the Jaccard similarity."""
    raw = [zlib.crc32(t.encode()) for t in sorted(items)]
    base = np.array(raw or [0], dtype=np.uint64)[:, None]
    mixed = base * _SEEDS[0][None, :] + _SEEDS[1][None, :]  # modulo 2^64
    least = (mixed ^ (mixed >> np.uint64(29))).min(axis=0)
    return (least >> np.uint64(20)).astype(np.uint16)


class Mark(NamedTuple):
    """The three hashes as a row keeps them; `text` is a MinHash in hexadecimal."""

    shape: str
    named: str
    text: str


def marks_of(world: World) -> dict[str, Mark]:
    """The marks of every tool of a world. Tools that cannot be lowered have none (admission rejects them)."""
    out: dict[str, Mark] = {}
    for name in world.tools:
        try:
            found = fingerprint(world, name)
        except SpecError:
            continue
        out[name] = Mark(found.shape, found.named, minhash(found.text).tobytes().hex())
    return out


def _hash(value: Any) -> str:
    return hashlib.blake2b(json.dumps(value, separators=(",", ":")).encode(), digest_size=12).hexdigest()
