"""Feature tasks: a package without one of its features, and the issue that asks for it."""

from __future__ import annotations

import dataclasses
import random

from synth.code.packages import render
from synth.code.packages.bugs import encode
from synth.code.plan import plan
from synth.code.task import CodeTask, Hidden, Probe
from synth.code.truth import Bench
from synth.code.wording import closing, requests
from synth.executors.patching import unified
from synth.records import canonical

TWO = 0.5  # share of tasks in which two features are missing


def feature_task(domain: str, identity: str, rng: random.Random, bench: Bench) -> CodeTask | None:
    """A feature to add to a package of the domain, or None where the hidden tests do not notice that it is missing."""
    drawn = render.draw(rng, domain)
    missing = sorted(rng.sample(sorted(drawn.features), 2 if rng.random() < TWO else 1))
    package = dataclasses.replace(drawn, features=drawn.features - set(missing))
    told = render.domain(domain)["features"]
    before, whole = render.tree(package), render.tree(drawn)
    issue = render.issue(drawn, missing)
    files = {**before, "ISSUE.md": issue}
    solution: dict[str, str | None] = {
        path: text for path, text in whole.items() if before.get(path) != text and not path.startswith("tests/")
    }
    probes = render.probes(drawn)
    truth = bench.probe(
        encode({**files, **{path: text or "" for path, text in solution.items()}}), list(probes.values())
    )
    without = bench.probe(encode(files), list(probes.values()))
    noticed = sum(canonical(a) != canonical(b) for a, b in zip(truth, without, strict=True))
    if not noticed or not solution:
        return None
    code = sorted(path for path in solution if path.endswith(".py"))
    words = {"what": " and ".join(told[one]["what"] for one in missing), "paths": " and ".join(code)}
    tests = [path for path in before if path.startswith("tests/test_")]
    read = ["ISSUE.md", "README.md", *(path for path in code if path in files), rng.choice(tests)]
    report = closing(rng, "feature", words)
    steps = plan(rng, files, solution, read, "feature", report, fails_first=False)
    size = sum(unified(path, before.get(path), text).count("\n+") for path, text in solution.items())
    essence = "\n".join(unified(path, before.get(path), solution[path], context=0) for path in code) + issue
    hidden = Hidden(
        probes=[Probe(name=n, code=c, expect=t) for (n, c), t in zip(probes.items(), truth, strict=True)],
        protected={p: t for p, t in files.items() if p.startswith("tests/")},
    )
    return CodeTask(
        id=identity, family=f"feature_{domain}", group="feature", files=files,
        difficulty=min(5, 2 + (size > 12) + (size > 20) + (len(code) > 1)),
        requests=requests(rng, "feature", "feature", words), plan=steps, hidden=hidden, solution=solution,
        essence=essence, facts={"missing": missing, "features": sorted(package.features)},
    )  # fmt: skip
