"""K2's Figure 9: one 2-D map of tool embeddings, (a) real and (b) synthetic tools, coloured by category.

Both panels show the same map, so that it can be seen where the two sets meet and where not. FIt-SNE (openTSNE) of the
first `DIMENSIONS` SVD components. At most `CAP` tools are drawn: a random sample of each origin in its proportion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from synth.reports.diversity import K2_CATEGORIES
from synth.reports.nearest import Floats
from synth.reports.tools import Tool
from tools_catalog.taxonomy import load_taxonomy

CAP = 32_000
DIMENSIONS = 50
PANELS = (("real", "(a) real tools by category of their server"), ("synthetic", "(b) synthetic tools by category"))
# Dark and light, warm and cold take turns, so that neighbours in the legend differ also without hue; every category has
# its number on the map besides.
COLOURS = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#8c1d6b", "#b5a800", "#332288", "#cc79a7", "#44724f",
    "#7b4a12", "#4fc1a6", "#882255", "#6f8fd8", "#a05f3c", "#5b5b5b",
)  # fmt: skip
OTHER = "#b8b8b8"


@dataclass(frozen=True)
class Panel:
    """One half of the map: the numbered categories (at most as many as colours) and the category of every point."""

    origin: str
    title: str
    categories: list[str]
    points: npt.NDArray[np.int64]  # rows of the map
    category: npt.NDArray[np.int64]  # index into `categories`, -1 for all others


@dataclass(frozen=True)
class Map:
    """Places of the drawn tools and the two panels. `of` counts the tools before sampling."""

    tools: list[Tool]
    places: Floats  # [tools, 2]
    panels: list[Panel]
    of: int


def draw_map(tools: Sequence[Tool], vectors: Floats, cap: int = CAP) -> Map:
    """Place real and synthetic tools; `vectors` are their embeddings. The same tools give the same map."""
    chosen = _sampled(len(tools), cap)
    kept = [tools[i] for i in chosen]
    places = place(vectors[chosen][:, :DIMENSIONS])
    return Map(kept, places, [_panel(kept, origin, title) for origin, title in PANELS], len(tools))


def _sampled(count: int, cap: int) -> npt.NDArray[np.int64]:
    if count <= cap:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, cap, replace=False))


def place(vectors: Floats) -> Floats:
    """t-SNE places [n, 2] from vectors [n, d]; starts from the first two components."""
    from openTSNE import TSNE

    perplexity = min(30.0, max(2.0, (len(vectors) - 1) / 4))
    tsne = TSNE(
        perplexity=perplexity, initialization="pca", n_jobs=1, random_state=0, neighbors="auto", n_iter=350,
        early_exaggeration_iter=150,
    )  # fmt: skip
    return np.asarray(tsne.fit(vectors), dtype=np.float32)


def _panel(tools: Sequence[Tool], origin: str, title: str) -> Panel:
    points = np.array([i for i, t in enumerate(tools) if t.origin == origin], dtype=np.int64)
    sizes = Counter(tools[i].category for i in points)
    named = [c for c in load_taxonomy().categories()[:K2_CATEGORIES] if sizes[c]] if origin == "synthetic" else []
    rest = [c for c, _ in sorted(sizes.items(), key=lambda p: (-p[1], p[0])) if c not in named]
    shown = (named or rest)[: len(COLOURS)]
    number = {c: i for i, c in enumerate(shown)}
    category = np.array([number.get(tools[i].category, -1) for i in points], dtype=np.int64)
    return Panel(origin, title, shown, points, category)


def medoid(places: Floats) -> Floats:
    """A place inside the cloud for its number: the densest of the points, by a coarse grid."""
    cells = np.round(places / max(1e-6, float(np.ptp(places)) / 14)).astype(int)
    _, back, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    return np.median(places[back.ravel() == counts.argmax()], axis=0)


def write_png(drawn: Map, path: Path) -> None:
    """Both panels side by side, legends outside."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(19, 11), layout="constrained", facecolor="white")
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    for ax, panel in zip(axes, drawn.panels, strict=True):
        _draw(ax, drawn, panel)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _draw(ax: Any, drawn: Map, panel: Panel) -> None:
    size = max(3.0, min(14.0, 80_000 / max(1, len(drawn.tools))))
    others = np.setdiff1d(np.arange(len(drawn.tools)), panel.points)
    ax.scatter(*drawn.places[others].T, s=size * 0.6, c="#dedede", linewidths=0, rasterized=True)
    for i in [-1, *range(len(panel.categories))]:
        here = panel.points[panel.category == i]
        if len(here):
            name = "other" if i < 0 else f"{i + 1}  {_plain(panel.categories[i])}"
            colour = OTHER if i < 0 else COLOURS[i]
            ax.scatter(
                *drawn.places[here].T, s=size, c=colour, linewidths=0, label=f"{name} ({len(here):,})", alpha=0.8
            )
    for i in range(len(panel.categories)):
        here = panel.points[panel.category == i]
        if len(here):
            ax.text(*medoid(drawn.places[here]), str(i + 1), fontsize=10, fontweight="bold", ha="center", va="center",
                    bbox={"boxstyle": "circle,pad=0.2", "fc": "white", "ec": COLOURS[i], "lw": 1.6})  # fmt: skip
    ax.set_title(f"{panel.title}: {len(panel.points):,}", fontsize=14)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_frame_on(False)
    if panel.categories:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=3, fontsize=9.5, frameon=False,
                  markerscale=9 / size**0.5)  # fmt: skip


def _plain(category: str) -> str:
    """A category as text of a picture: no mathematics, no control characters."""
    return "".join(c if c.isprintable() and c != "$" else " " for c in category.replace("_", " ").replace("-", " "))


def page_data(drawn: Map) -> dict[str, Any]:
    """What the interactive page draws: places in thousandths of the width, and the words of every point by index."""
    low, span = drawn.places.min(axis=0), float(np.ptp(drawn.places, axis=0).max()) or 1.0
    scaled = np.round((drawn.places - low) / span * 10_000).astype(int)
    words: dict[str, int] = {}

    def word(text: str) -> int:
        return words.setdefault(text, len(words))

    points = [
        [int(x), int(y), t.name, word(t.server), word(t.category), word(t.domain)]
        for (x, y), t in zip(scaled, drawn.tools, strict=True)
    ]
    panels = [
        {
            "title": p.title, "origin": p.origin, "categories": [word(c) for c in p.categories],
            "points": p.points.tolist(), "category": p.category.tolist(),
        }
        for p in drawn.panels
    ]  # fmt: skip
    return {"points": points, "panels": panels, "words": list(words), "colours": list(COLOURS), "other": OTHER}
