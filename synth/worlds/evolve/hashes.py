"""When two tools are the same: three hashes per tool, and which evolved tools repeat an earlier one.

*shape*: canonical semantics and parameter types, without words: entities numbered by first use, local names and
constants in classes. *named*: shape with the domain, the entity's head word and the parameter names. *text*: MinHash of
three-word shingles of name, description and parameters. A repeat has the same *named*, or the same *shape* and a text
similarity of at least 0.7. A shape alone may repeat, as it does among real tools.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from synth.errors import SpecError
from synth.records import WorldRow, world_tool_id
from synth.worlds.infer import word_set, words
from synth.worlds.lower import lower
from synth.worlds.params import explicit
from synth.worlds.spec import ToolSpec, World

PERMUTATIONS = 64
SIMILAR = 0.7
_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|[A-Za-z_][A-Za-z_0-9]*|\d+(?:\.\d+)?|\S")
_FIXED = word_set(
    """it args now me rows by size found total page limit start first all exists filter map sort sum count min max true
    false null has get coalesce int str lower upper similar slice pick project reverse tally cursor_start cursor_at
    row other in insert set delete load require else let find from where key return when do otherwise given to of as
    like with field compare value optional desc"""
)
_SEEDS = np.random.default_rng(20).integers(1, 1 << 63, size=(2, PERMUTATIONS), dtype=np.uint64) | np.uint64(1)


class Fingerprint(NamedTuple):
    """`text` is the set of shingles; its MinHash is made only where shapes meet."""

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


def minhash(items: Iterable[str]) -> npt.NDArray[np.uint64]:
    """`PERMUTATIONS` minima; the share of equal places estimates the Jaccard similarity."""
    raw = [int.from_bytes(hashlib.blake2b(t.encode(), digest_size=8).digest(), "big") for t in sorted(items)]
    base = np.array(raw or [0], dtype=np.uint64)[:, None]
    mixed = base * _SEEDS[0][None, :] + _SEEDS[1][None, :]  # modulo 2^64
    least: npt.NDArray[np.uint64] = (mixed ^ (mixed >> np.uint64(29))).min(axis=0)
    return least


def _hash(value: Any) -> str:
    return hashlib.blake2b(json.dumps(value, separators=(",", ":")).encode(), digest_size=12).hexdigest()


class Index:
    """Tools seen so far, asked one at a time in order."""

    def __init__(self) -> None:
        self.named: dict[str, str] = {}
        self.shapes: dict[str, list[tuple[str, Fingerprint]]] = {}
        self.prints: dict[str, npt.NDArray[np.uint64]] = {}

    def twin(self, tool_id: str, mark: Fingerprint) -> str | None:
        """The earlier tool that `mark` repeats, or None."""
        if mark.named in self.named:
            return self.named[mark.named]
        for other, seen in self.shapes.get(mark.shape, ()):
            if self.similar(tool_id, mark, other, seen) >= SIMILAR:
                return other
        return None

    def add(self, tool_id: str, mark: Fingerprint) -> None:
        self.named.setdefault(mark.named, tool_id)
        self.shapes.setdefault(mark.shape, []).append((tool_id, mark))

    def similar(self, a: str, mark: Fingerprint, b: str, other: Fingerprint) -> float:
        if min(len(mark.text), len(other.text)) < SIMILAR * max(len(mark.text), len(other.text)):
            return 0.0  # Jaccard similarity cannot exceed the ratio of sizes
        for key, m in ((a, mark), (b, other)):
            if key not in self.prints:
                self.prints[key] = minhash(m.text)
        return float((self.prints[a] == self.prints[b]).mean())


def near_duplicates(worlds: Sequence[WorldRow]) -> dict[str, str]:
    """Evolved tools that repeat an earlier tool of any origin: {tool id: the earlier one's}. Lifted tools are facts and
    stay. Tools that cannot be lowered are passed over (admission rejects them)."""
    index = Index()
    out: dict[str, str] = {}
    for row in sorted(worlds, key=lambda r: r.origin == "synthetic"):
        world = World.load(row.spec, row.world_id)
        for name in world.tools:
            try:
                mark = fingerprint(world, name)
            except SpecError:
                continue
            tool_id = world_tool_id(row.world_id, name)
            twin = index.twin(tool_id, mark) if row.origin == "synthetic" else None
            if twin is not None:
                out[tool_id] = twin
            else:
                index.add(tool_id, mark)
    return out
