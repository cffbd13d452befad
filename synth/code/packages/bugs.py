"""Bug tasks: a package with one place (or two) mutated, kept only where its tests tell."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from synth.code.harness import ENDLESS
from synth.code.packages import render
from synth.code.packages.mutate import Mutation, mutations
from synth.code.plan import plan
from synth.code.task import CodeTask, Hidden, Probe
from synth.code.truth import Bench
from synth.code.wording import closing, requests
from synth.records import canonical

TRIES = 14  # mutations tried of one package before another is drawn
# a bug that never ends, or eats all memory, is no use in a bug report
UNTOLD = (ENDLESS, ["!nothing"], ["!raises", "MemoryError"])
TWO = 0.15  # share of tasks with two bugs
SHOWN = 160  # characters of a value in a bug report


class Bug(NamedTuple):
    """A mutation at work, and what the probes give with it."""

    path: str
    mutation: Mutation
    got: list[Any]


def encode(files: Mapping[str, str]) -> dict[str, bytes]:
    return {path: text.encode() for path, text in files.items()}


def bug_task(domain: str, identity: str, rng: random.Random, bench: Bench) -> CodeTask | None:
    """A bug in a package of the domain, or None where none was found that only some hidden tests notice."""
    package = render.draw(rng, domain)
    whole = render.tree(package)
    probes = render.probes(package)
    codes = list(probes.values())
    truth = bench.probe(encode(whole), codes)
    bugs = _bugs(whole, package.name, codes, truth, rng, bench)
    if not bugs:
        return None
    broken = dict(whole)
    for bug in bugs:
        broken[bug.path] = bug.mutation.apply(whole[bug.path])
    got = bugs[0].got if len(bugs) == 1 else bench.probe(encode(broken), codes)
    if any(one in UNTOLD for one in got):
        return None
    tests = bench.tests(encode(broken))
    noticed = [n for n in range(len(codes)) if canonical(got[n]) != canonical(truth[n])]
    if len(noticed) < (1 if tests.failing else 2) or tests.failing is None:
        return None
    reported = None if tests.failing and (len(noticed) < 2 or rng.random() < 0.5) else rng.choice(noticed)
    hidden = [
        Probe(name=name, code=code, expect=truth[n]) for n, (name, code) in enumerate(probes.items()) if n != reported
    ]
    issue = (
        _failing(tests.failing) if reported is None else _report(codes[reported], got[reported], truth[reported])
    )  # fmt: skip
    return _task(identity, domain, rng, package, broken, whole, bugs, hidden, issue, bool(tests.failing))


def _bugs(
    whole: Mapping[str, str],
    name: str,
    codes: Sequence[str],
    truth: list[Any],
    rng: random.Random,
    bench: Bench,
) -> list[Bug]:
    found: list[Bug] = []
    modules = [path for path in whole if path.startswith(name + "/") and "def " in whole[path]]
    pool = [(path, mutation) for path in modules for mutation in mutations(whole[path])]
    rng.shuffle(pool)
    wanted = 2 if rng.random() < TWO else 1
    for path, mutation in pool[:TRIES]:
        if any(bug.path == path for bug in found):
            continue
        tree = encode({**whole, path: mutation.apply(whole[path])})
        got = bench.probe(tree, codes)
        wrong = sum(canonical(a) != canonical(b) for a, b in zip(got, truth, strict=True))
        if 0 < wrong <= max(2, len(codes) // 2) and not any(one in UNTOLD for one in got):
            found.append(Bug(path, mutation, got))
            if len(found) == wanted:
                break
    return found


def _task(
    identity: str,
    domain: str,
    rng: random.Random,
    package: render.Package,
    broken: dict[str, str],
    whole: Mapping[str, str],
    bugs: Sequence[Bug],
    hidden: list[Probe],
    issue: str,
    visible: bool,
) -> CodeTask:
    solution: dict[str, str | None] = {bug.path: whole[bug.path] for bug in bugs}
    cause = " ".join(_sentence(bug.mutation.cause) for bug in bugs)
    where = " and ".join(sorted(solution))
    read = ["README.md", *sorted(solution)]
    if visible:
        read.insert(1, rng.choice([path for path in whole if path.startswith("tests/test_")]))
    kind = "bug" if visible else rng.choice(["bug", "hidden_bug"])
    report = closing(rng, "bug", {"path": where, "cause": cause})
    steps = plan(rng, broken, solution, read, "fix", report, fails_first=True, find=f"def {bugs[0].mutation.where}")
    essence = "\n".join(
        _around(broken[bug.path], bug.mutation) + _around(whole[bug.path], bug.mutation) for bug in bugs
    )
    facts = {
        "operators": [bug.mutation.operator for bug in bugs],
        "visible": visible,
        "features": sorted(package.features),
    }
    return CodeTask(
        id=identity, family=f"bug_{domain}", group="bug", files=broken,
        difficulty=min(5, 1 + len(bugs) + (not visible) + (len(whole) > 9)),
        requests=requests(rng, kind, "bug", {"issue": issue}), plan=steps,
        hidden=Hidden(probes=hidden, protected={p: t for p, t in broken.items() if p.startswith("tests/")}),
        solution=solution, essence=essence, facts=facts,
    )  # fmt: skip


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _around(source: str, mutation: Mutation) -> str:
    """The lines at the place."""
    first = source.rfind("\n", 0, mutation.start) + 1
    end = source.find("\n", mutation.end)
    return f"{mutation.where}: {source[source.rfind(chr(10), 0, max(first - 1, 0)) + 1 : end if end > 0 else None]}\n"


def _failing(failing: Sequence[str]) -> str:
    names = sorted(failing)
    if len(names) == 1:
        return f"The test {names[0]} fails since yesterday."
    return f"{len(names)} tests fail since yesterday, {names[0]} for one."


def _report(code: str, got: Any, want: Any) -> str:
    return f"I ran this:\n\n```python\n{code}\n```\n\n`result` {_told(got)}, but it should {_should(want)}."


def _told(value: Any) -> str:
    if isinstance(value, list) and value[:1] == ["!raises"]:
        return f"is never set, {value[1]} is raised"
    return f"is then {_short(value)}"


def _should(value: Any) -> str:
    if isinstance(value, list) and value[:1] == ["!raises"]:
        return f"raise {value[1]}"
    return f"be {_short(value)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + " ..."
