"""Write-a-function tasks: a family draws a specification, and everything else follows from it.

The truth of a case is computed by `truth`, Python of this side that reads the drawn parameters; the expert's `source`
is text rendered from the same parameters. That both agree is found out by running the one against the other.
"""

from __future__ import annotations

import random
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from synth.code.harness import encoded
from synth.code.plan import plan
from synth.code.slips import slip
from synth.code.task import CodeTask, Hidden, Probe
from synth.code.wording import closing, requests

VISIBLE = 3  # cases in the visible tests
HIDDEN = 14  # at most
Case = tuple[Any, ...]


@dataclass(frozen=True)
class Function:
    """A drawn specification. `signature` stands between the name and the colon; `rules` are whole sentences; `source`
    is the expert's module below its docstring; `cases` are argument tuples of literals, at least 8 distinct ones."""

    name: str
    module: str  # file name without .py
    what: str  # noun phrase: "a function that ..."
    signature: str
    summary: str
    rules: list[str]
    source: str
    cases: list[Case]
    truth: Callable[..., Any]
    facts: dict[str, Any] = field(default_factory=dict)
    raises: str = ""  # class name that the truth's ValueError stands for, "" where no case raises


def expected(truth: Callable[..., Any], case: Case) -> Any:
    """What a case must give, encoded."""
    try:
        return encoded(truth(*case))
    except ValueError:
        return ["!raises", "ValueError"]


def docstring(function: Function) -> str:
    lines = [f'"""{function.summary}', ""]
    for rule in function.rules:
        lines += textwrap.wrap(f"- {rule}", 96, subsequent_indent="  ")
    lines.append('"""')
    return textwrap.indent("\n".join(lines), "    ")


def stub(function: Function) -> str:
    return f"def {function.name}{function.signature}:\n{docstring(function)}\n    raise NotImplementedError\n"


def solved(function: Function) -> str:
    """The expert's module: `source` has one line `DOC` where the docstring goes."""
    return function.source.replace("    DOC\n", docstring(function) + "\n", 1)


def call_text(name: str, case: Case) -> str:
    return f"{name}({', '.join(repr(one) for one in case)})"


def visible_tests(function: Function, cases: Sequence[Case], rng: random.Random) -> str:
    lines = ["import unittest", "", f"from {function.module} import {function.name}", "", "",
             f"class {''.join(p.title() for p in function.name.split('_'))}Test(unittest.TestCase):"]  # fmt: skip
    for number, case in enumerate(cases, 1):
        want = expected(function.truth, case)
        lines.append(f"    def test_example_{number}(self):")
        if isinstance(want, list) and want[:1] == ["!raises"]:
            lines += [
                "        with self.assertRaises(ValueError):",
                f"            {call_text(function.name, case)}",
                "",
            ]
            continue
        value = function.truth(*case)
        lines += [f"        got = {call_text(function.name, case)}", f"        self.assertEqual(got, {value!r})", ""]
    return "\n".join(lines).rstrip() + "\n"


def hard_coded(function: Function, cases: Sequence[Case]) -> str:
    """What a policy leaves that only wants the visible tests to pass."""
    names = [part.split(":")[0].split("=")[0].strip() for part in _parameters(function.signature)]
    table = {repr(case): function.truth(*case) for case in cases if not _raises(function, case)}
    key = f"({', '.join(names)}{',' if len(names) == 1 else ''})"
    return (
        f"KNOWN = {table!r}\n\n\ndef {function.name}{function.signature}:\n"
        f"    if repr({key}) not in KNOWN:\n        raise ValueError\n    return KNOWN[repr({key})]\n"
    )


def _raises(function: Function, case: Case) -> bool:
    return expected(function.truth, case) == ["!raises", "ValueError"]


def _parameters(signature: str) -> list[str]:
    inside, depth, parts = signature[1 : signature.rindex(")")], 0, [""]
    for sign in inside:
        depth += {"[": 1, "(": 1, "]": -1, ")": -1}.get(sign, 0)
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return [part for part in parts if part.strip()]


def split_cases(function: Function, rng: random.Random) -> tuple[list[Case], list[Case]]:
    """Visible and hidden cases, all distinct; results differ among the visible ones as far as possible."""
    distinct = list({repr(case): case for case in function.cases}.values())
    if len(distinct) < 8:
        raise ValueError(f"{function.name}: only {len(distinct)} distinct cases")
    rng.shuffle(distinct)
    normal = [case for case in distinct if not _raises(function, case)]
    visible: list[Case] = []
    for case in sorted(normal, key=lambda case: len(repr(case)) > 200):
        if len(visible) < VISIBLE and all(
            expected(function.truth, case) != expected(function.truth, v) for v in visible
        ):
            visible.append(case)
    shown = {repr(case) for case in visible}
    return visible, [case for case in distinct if repr(case) not in shown][:HIDDEN]


def varied(function: Function, cases: Sequence[Case]) -> int:
    """How many different results the cases have."""
    return len({repr(expected(function.truth, case)) for case in cases})


def task_of(function: Function, family: str, identity: str, rng: random.Random) -> CodeTask | None:
    """The task, or None where the drawn specification is too weak to tell right from wrong."""
    visible, hidden = split_cases(function, rng)
    if len(visible) < 2 or varied(function, hidden) < 4:
        return None
    path, tests = f"{function.module}.py", f"tests/test_{function.module}.py"
    files = {
        "README.md": f"# {function.module}\n\nHolds {function.what}. Run the tests with `python -m unittest`.\n",
        path: stub(function),
        "tests/__init__.py": "",
        tests: visible_tests(function, visible, rng),
    }
    use = f"from {function.module} import {function.name}\n"
    probes = [
        Probe(
            name=f"case {n}",
            code=f"{use}result = {call_text(function.name, case)}",
            expect=expected(function.truth, case),
        )
        for n, case in enumerate(hidden, 1)
    ]
    kept = next((case for case in hidden if isinstance(case[0], (list, dict)) and not _raises(function, case)), None)
    if kept is not None:
        code = f"{use}given = {list(kept)!r}\n{function.name}(*given)\nresult = given"
        probes.append(Probe(name="arguments stay as they are", code=code, expect=encoded(list(kept))))
    solution: dict[str, str | None] = {path: solved(function)}
    slots = {"name": function.name, "path": path, "tests": tests, "what": function.what}
    trial = f"{use}print({call_text(function.name, min(hidden, key=lambda case: len(repr(case))))})"
    if _raises(function, min(hidden, key=lambda case: len(repr(case)))):
        trial = ""
    report, wrong = closing(rng, "function", slots), slip(rng, files, {}, path, solved(function))
    steps = plan(rng, files, solution, [path, tests], "write", report, fails_first=True, trial=trial, slip=wrong)
    return CodeTask(
        id=identity, family=family, group="function", difficulty=min(5, 1 + len(function.rules) // 2), files=files,
        requests=requests(rng, "function", "function", slots), plan=steps,
        hidden=Hidden(probes=probes, protected={p: t for p, t in files.items() if p.startswith("tests/")}),
        solution=solution, essence=function.source, visible_cases={path: hard_coded(function, visible)},
        facts={**function.facts, "slip": bool(wrong)},
    )  # fmt: skip
