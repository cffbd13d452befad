"""The pages: one jinja template each, filled with escaping on. Names and texts of tools are data of strangers."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from synth.view.escape import clean

SHOWN_FEATURES = 15


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("synth.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=_shown,
    )  # fmt: skip
    made.filters |= {"percent": percent, "number": number, "strongest": strongest, "plain": plain}
    return made


def _shown(value: Any) -> Any:
    """Control characters of a stranger's text as visible escapes; what is markup already has none."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def write_report_page(run_dir: Path, figures: dict[str, Any]) -> None:
    """`report.html`: everything inside, the map as a picture."""
    picture = run_dir / "map.png"
    image = base64.b64encode(picture.read_bytes()).decode() if figures["map"] else None
    text = _templates().get_template("report.html.j2").render(f=figures, image=image)
    (run_dir / "report.html").write_text(text, encoding="utf-8")


def write_map_page(run_dir: Path, data: dict[str, Any]) -> None:
    """`map.html`: the map to move about in; works without a network."""
    text = _templates().get_template("map.html.j2").render(data=data)
    (run_dir / "map.html").write_text(text, encoding="utf-8")


def percent(share: float | None) -> str:
    """A share as a percentage with as many digits as it needs."""
    if share is None:
        return "–"
    return f"{100 * share:.{2 if 0 < share < 0.01 else 1}f} %"


def number(value: float | None) -> str:
    """Whole numbers with separators, others with two digits."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def plain(category: str) -> str:
    """A label of the taxonomy as words."""
    return category.replace("_", " ").replace("-", " ")


def strongest(giveaways: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The features worth showing: those that cost most when shuffled, then the ones that tell most alone."""
    best = [g for g in giveaways if g["drop"] >= 0.001][:SHOWN_FEATURES]
    rest = sorted((g for g in giveaways if g not in best), key=lambda g: -g["alone"])
    return best + rest[: max(0, SHOWN_FEATURES - len(best))]
