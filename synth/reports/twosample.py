"""A classifier two-sample test: can form alone tell synthetic tools from real ones? AUC 0.5 = it cannot.

`python -m synth.reports.twosample RUN [--sample N] [--harvest PATH] [--json]` prints the test and what gives the
synthetic ones away. Folds are made of whole servers: a synthetic tool shares the fold of the real server its world grew
from, so a classifier cannot score by remembering a server. (Lopez-Paz and Oquab, 2017, arXiv 1610.06545.)
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from synth.errors import SynthError, UsageError
from synth.records import rng_for
from synth.reports.form import PROSE, Features, form
from synth.reports.needs import check_installed
from synth.reports.tools import Tool, of_origin, own_texts, read_tools, sample

FOLDS = 5
SAMPLE = 3000  # tools per side
SHOWN = 25
ENOUGH = 10 * FOLDS  # tools per side, of at least FOLDS servers
GROUPS = ("name", "input", "output", "hints", *PROSE)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Giveaway:
    """One feature: how much AUC is lost when its values are shuffled, the AUC of it alone, means on both sides."""

    feature: str
    drop: float
    alone: float
    real: float | None  # None: not there on that side
    synthetic: float | None


@dataclass(frozen=True)
class TwoSample:
    """One comparison. `auc` is of gradient boosting over folds of whole servers, `spread` its deviation between folds,
    `linear` of logistic regression, `ungrouped` of boosting over folds that split servers."""

    name: str
    real: int
    synthetic: int
    features: int
    auc: float
    spread: float
    linear: float
    ungrouped: float
    groups: dict[str, float] = field(default_factory=dict)  # AUC of each group of features alone
    giveaways: list[Giveaway] = field(default_factory=list)


@dataclass(frozen=True)
class Sides:
    """Two sets of tools as one table: features, 1 for the second set, and the server of every row."""

    names: list[str]
    x: Floats
    y: npt.NDArray[np.int64]
    servers: npt.NDArray[np.int64]

    def columns(self, keep: Callable[[str], bool]) -> Sides:
        """The same rows with some features only."""
        chosen = [i for i, name in enumerate(self.names) if keep(name)]
        return Sides([self.names[i] for i in chosen], self.x[:, chosen], self.y, self.servers)


def sides(real: Sequence[Tool], other: Sequence[Tool]) -> Sides:
    """Measure two sets of tools."""
    rows: list[Features] = [form(t) for t in (*real, *other)]
    names = list(rows[0])
    number = {server: i for i, server in enumerate(sorted({t.server for t in (*real, *other)}))}
    return Sides(
        names,
        np.array([[float(row[n]) for n in names] for row in rows]),
        np.array([0] * len(real) + [1] * len(other)),
        np.array([number[t.server] for t in (*real, *other)]),
    )


def group_of(feature: str) -> str:
    """The part of a tool that a feature measures: one of GROUPS."""
    return feature.partition(".")[0]


def compare(name: str, both: Sides, *, explain: bool = False) -> TwoSample:
    """Run one test; `explain` adds the AUC of each group of features and the giveaways (a third of a minute)."""
    check_installed()
    import sklearn.ensemble  # noqa: F401  loads OpenMP, which the limit would miss otherwise
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # on small tables OpenMP threads mostly wait for each other
        return _compare(name, both, explain)


def _compare(name: str, both: Sides, explain: bool) -> TwoSample:
    scores, drops = _boosted(both, grouped=True, explain=explain)
    parts = {}
    if explain:
        present = [g for g in GROUPS if any(group_of(n) == g for n in both.names)]
        parts = {g: _mean(_boosted(both.columns(lambda n, g=g: group_of(n) == g), grouped=True)[0]) for g in present}  # type: ignore[misc]
    return TwoSample(
        name=name, real=int((both.y == 0).sum()), synthetic=int(both.y.sum()), features=len(both.names),
        auc=_mean(scores), spread=round(float(np.std(scores)), 4), linear=_mean(_linear(both)),
        ungrouped=_mean(_boosted(both, grouped=False)[0]), groups=parts,
        giveaways=_giveaways(both, drops) if explain else [],
    )  # fmt: skip


def _mean(scores: Sequence[float]) -> float:
    return round(float(np.mean(scores)), 4)


def _folds(both: Sides, grouped: bool) -> list[tuple[Any, Any]]:
    """Rows to learn from and rows to ask about; folds with one side only can say nothing and are left out."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if grouped:
        folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(both.x, both.y, both.servers)
    else:
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(both.x, both.y)
    return [fold for fold in folds if all(len(set(both.y[rows])) == 2 for rows in fold)]


def _boosted(both: Sides, *, grouped: bool, explain: bool = False) -> tuple[list[float], Floats]:
    """AUC of every fold, and per feature the mean loss of AUC when it is shuffled (zeros without `explain`)."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    x = np.nan_to_num(both.x, nan=-1.0)  # no feature is below 0, so "not there" is a value that a tree can split off
    scores, drops = [], np.zeros(len(both.names))
    for train, test in _folds(both, grouped):
        model = HistGradientBoostingClassifier(
            max_iter=120, max_leaf_nodes=15, learning_rate=0.12, early_stopping=False, random_state=0
        )
        model.fit(x[train], both.y[train])
        truth = both.y[test]
        scores.append(float(roc_auc_score(truth, model.predict_proba(x[test])[:, 1])))
        if explain:
            drops += _drops(model, x[test], truth, scores[-1]) / FOLDS
    return scores, drops


def _drops(model: Any, x: Floats, truth: Any, score: float) -> Floats:
    from sklearn.metrics import roc_auc_score

    order = np.random.default_rng(0).permutation(len(x))
    out = np.zeros(x.shape[1])
    for i in range(x.shape[1]):
        shuffled = x.copy()
        shuffled[:, i] = x[order, i]
        out[i] = score - roc_auc_score(truth, model.predict_proba(shuffled)[:, 1])
    return out


def _linear(both: Sides) -> list[float]:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scores = []
    for train, test in _folds(both, grouped=True):
        model = make_pipeline(
            SimpleImputer(add_indicator=True, keep_empty_features=True),
            StandardScaler(),
            LogisticRegression(max_iter=500, C=0.3),
        )
        model.fit(both.x[train], both.y[train])
        scores.append(float(roc_auc_score(both.y[test], model.predict_proba(both.x[test])[:, 1])))
    return scores


def _giveaways(both: Sides, drops: Floats) -> list[Giveaway]:
    from sklearn.metrics import roc_auc_score

    out = []
    for i, name in enumerate(both.names):
        column = both.x[:, i]
        auc = float(roc_auc_score(both.y, np.nan_to_num(column, nan=-1.0)))
        means = [_side_mean(column[both.y == side]) for side in (0, 1)]
        out.append(Giveaway(name, round(float(drops[i]), 4), round(max(auc, 1 - auc), 4), *means))
    return sorted(out, key=lambda g: (-g.drop, -g.alone, g.feature))


def _side_mean(values: Floats) -> float | None:
    there = values[~np.isnan(values)]
    return round(float(there.mean()), 4) if len(there) else None


def halves(real: Sequence[Tool], *key: object) -> tuple[list[Tool], list[Tool]]:
    """Real tools in two random halves of servers: the control, which should come out near 0.5."""
    servers = sorted({t.server for t in real})
    rng_for("report", "halves", *key).shuffle(servers)
    first = set(servers[::2])
    return [t for t in real if t.server in first], [t for t in real if t.server not in first]


def battery(tools: Sequence[Tool], texts: Sequence[Tool], count: int = SAMPLE) -> list[TwoSample]:
    """The tests of a report. The first is the headline: form without prose, real against synthetic. Empty where there
    are too few tools."""
    real, made, lifted = (of_origin(tools, o) for o in ("real", "synthetic", "lifted"))
    if not (_enough(real) and _enough(made)):
        return []
    chosen = sample(made, count, "synthetic")
    shown = sides(sample(real, count, "real"), chosen)
    told = shown.columns(lambda n: group_of(n) != "notes")
    out = [
        compare("form without prose", _plain(shown), explain=True),
        compare("the same, at most 60 tools of each real server", _plain(sides(_capped(real, 60, count), chosen))),
        compare("form with descriptions, the real ones rendered by our own code", told),
    ]
    if _enough(texts):
        name = "form with descriptions, the real ones in the servers' own words"
        out.append(compare(name, sides(sample(texts, count, "texts"), chosen), explain=True))
    if _enough(lifted):
        other = sides(sample(real, count, "real"), sample(lifted, count, "lifted"))
        out.append(compare("lifted against real, without prose", _plain(other), explain=True))
    return [*out, *_controls(real, count)]


def _enough(tools: Sequence[Tool]) -> bool:
    return len(tools) >= ENOUGH and len({t.server for t in tools}) >= FOLDS


def _plain(both: Sides) -> Sides:
    """Without descriptions and titles."""
    return both.columns(lambda n: group_of(n) not in PROSE)


def _capped(tools: Sequence[Tool], cap: int, count: int) -> list[Tool]:
    """At most `cap` random tools of each server, so that no single one dominates, and `count` of those."""
    by_server: dict[str, list[Tool]] = {}
    for tool in tools:
        by_server.setdefault(tool.server, []).append(tool)
    return sample(
        [t for server, group in by_server.items() for t in sample(group, cap, "cap", server)], count, "capped"
    )


def _controls(real: Sequence[Tool], count: int) -> list[TwoSample]:
    """Real against real, servers halved at random: what chance looks like here (0.5, or below where single servers
    weigh much, for a held-out server then pulls against what was learnt)."""
    first, second = halves(real)
    if not (_enough(first) and _enough(second)):
        return []
    control = sides(sample(first, count, "first"), sample(second, count, "second"))
    return [compare("control: two random halves of the real servers", _plain(control))]


def text_of(test: TwoSample) -> str:
    """A test for a terminal."""
    lines = [
        f"{test.name}: {test.real:,} against {test.synthetic:,} tools, {test.features} features",
        f"  AUC {test.auc:.3f} (+-{test.spread:.3f} between folds), logistic regression {test.linear:.3f}, "
        f"folds that split servers {test.ungrouped:.3f}",
    ]
    if test.groups:
        lines.append("  each group alone: " + ", ".join(f"{g} {a:.3f}" for g, a in test.groups.items()))
    if test.giveaways:
        lines.append(f"  {'feature':<28}{'drop':>8}{'alone':>8}{'real':>10}{'synthetic':>11}")
        best = [g for g in test.giveaways if g.drop > 0.0005][:SHOWN]
        alone = sorted((g for g in test.giveaways if g not in best), key=lambda g: -g.alone)[:SHOWN]
        lines += [_line(g) for g in best]
        lines += ["  strong alone, though others carry the same:", *(_line(g) for g in alone)]
    return "\n".join(lines)


def _line(g: Giveaway) -> str:
    means = [math.nan if v is None else v for v in (g.real, g.synthetic)]
    return f"  {g.feature:<28}{g.drop:>8.4f}{g.alone:>8.3f}{means[0]:>10.3f}{means[1]:>11.3f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tests of one run; 2 with one sentence where it cannot."""
    parser = argparse.ArgumentParser(
        prog="python -m synth.reports.twosample", description="A classifier two-sample test."
    )
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--sample", type=int, default=1500, help="tools per side")
    parser.add_argument("--harvest", help="a harvest with the servers' own texts; yours by default")
    parser.add_argument("--all", action="store_true", help="every test of the report, not only the first")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    try:
        tools, texts = read_tools(given.run), own_texts(given.harvest)
        tests = battery(tools, texts, given.sample) if given.all else [headline(tools, texts, given.sample)]
    except SynthError as error:
        print(f"synth: {error}", file=sys.stderr)
        return 2
    print(json.dumps([asdict(t) for t in tests]) if given.json else "\n\n".join(text_of(t) for t in tests))
    return 0


def headline(tools: Sequence[Tool], texts: Sequence[Tool], count: int = SAMPLE) -> TwoSample:
    """Form of real against synthetic tools with what gives them away; with prose where `texts` has the servers' own."""
    made = sample(of_origin(tools, "synthetic"), count, "synthetic")
    real = sample(texts or of_origin(tools, "real"), count, "real")
    if not (_enough(real) and _enough(made)):
        raise UsageError(
            f"a two-sample test needs {ENOUGH} real and {ENOUGH} synthetic tools of {FOLDS} servers; the run has fewer"
        )
    both = sides(real, made)
    return (
        compare("form with descriptions", both, explain=True)
        if texts
        else compare("form without prose", _plain(both), explain=True)
    )


if __name__ == "__main__":
    sys.exit(main())
