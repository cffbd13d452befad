"""Are synthetic tools copies? The distance of each to its nearest real tool, beside that of real tools to each other.

The embedding needs no download: TF-IDF of words of name, description and parameter names (one and two words),
reduced by a truncated SVD and scaled to unit length; similarity is the cosine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from synth.reports.tools import Tool
from tools_catalog.words import split_words

DIMENSIONS = 100
CLONE = 0.95  # cosine similarity from which two tools say the same
EDGES = tuple(round(0.1 * i, 1) for i in range(11))
BLOCK = 2000
Floats = npt.NDArray[np.float32]


def text_of(tool: Tool) -> str:
    """The words an embedding sees: name, description, parameter names."""
    names = tool.input_schema.get("properties")
    parts = [*split_words(tool.name), *re.findall(r"[a-z]+", tool.description.lower())]
    parts += [w for p in (names if isinstance(names, dict) else ()) for w in split_words(p)]
    return " ".join(parts)


def embed(tools: Sequence[Tool], dimensions: int = DIMENSIONS) -> Floats:
    """Unit vectors [tools, dimensions]; fewer dimensions where there are few words. Deterministic."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"[a-z0-9]+")
    counts = words.fit_transform(text_of(t) for t in tools)
    svd = TruncatedSVD(min(dimensions, counts.shape[1] - 1), random_state=0)
    return normalize(svd.fit_transform(counts)).astype(np.float32)


def nearest(vectors: Floats, others: Floats, same: npt.NDArray[np.bool_] | None = None) -> Floats:
    """Largest cosine similarity of every row of `vectors` to a row of `others`; `same[i, j]` leaves pairs out."""
    out = []
    for start in range(0, len(vectors), BLOCK):
        close = vectors[start : start + BLOCK] @ others.T
        if same is not None:
            close[same[start : start + BLOCK]] = -1.0
        out.append(close.max(axis=1))
    return np.concatenate(out) if out else np.empty(0, np.float32)


def distances(tools: Sequence[Tool], vectors: Floats) -> dict[str, Any]:
    """How near tools are: `synthetic` to any real tool, `real` to the real tools of other servers, `sibling` to any
    other real tool. Each with quantiles of the similarity, the share of clones, and a histogram."""
    origin = np.array([t.origin for t in tools])
    servers = np.unique([t.server for t in tools], return_inverse=True)[1]
    real, made = np.flatnonzero(origin == "real"), np.flatnonzero(origin == "synthetic")
    if len(real) < 2 or not len(made):
        return {}
    x = vectors[real]
    apart = servers[real][:, None] == servers[real][None, :]
    return {
        "clone_similarity": CLONE,
        "synthetic": _spread(nearest(vectors[made], x)),
        "real": _spread(nearest(x, x, apart)),
        "sibling": _spread(nearest(x, x, np.eye(len(real), dtype=bool))),
    }


def _spread(similarity: Floats) -> dict[str, Any]:
    q = {f"p{p}": round(float(np.percentile(similarity, p)), 4) for p in (10, 50, 90, 99)}
    counts = np.histogram(np.clip(similarity, 0, 1), bins=EDGES)[0]
    return {
        "tools": len(similarity), **q, "clones": round(float((similarity >= CLONE).mean()), 5),
        "histogram": [round(float(c) / len(similarity), 4) for c in counts],
    }  # fmt: skip
