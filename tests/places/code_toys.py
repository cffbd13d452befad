"""A family of code tasks small enough to be read: a function adds too little."""

from __future__ import annotations

import random

from synth.code import Family
from synth.code.task import CodeTask, ExpertStep, Hidden, Probe, ToolCall
from synth.records import Split

WORDINGS = (
    "Please make `f` in m.py add {k} to what it is given.", "f in m.py should add {k} to its argument.",
    "m.py: f(x) has to give x plus {k}. Can you mend it?", "Let f (m.py) return its argument plus {k}.",
)  # fmt: skip


def toy(name: str, split: Split) -> Family:
    return Family(name, "function", split, task)


def task(name: str, identity: str, rng: random.Random) -> CodeTask:
    more = rng.randint(2, 9999)
    test = f"import unittest\nfrom m import f\n\n\nclass Sums(unittest.TestCase):\n    def test_one(self):\n        self.assertEqual(f(1), {1 + more})\n"  # noqa: E501
    good = f"def f(x):\n    return x + {more}\n"
    return CodeTask(
        id=identity, family=name, group="function", difficulty=rng.randint(1, 3),
        files={"m.py": "def f(x):\n    return x\n", "tests/__init__.py": "", "tests/test_m.py": test},
        requests=[words.format(k=more) for words in WORDINGS],
        plan=[
            ExpertStep(say="", calls=[ToolCall(tool="list_files", arguments={})]),
            ExpertStep(say="I read both files.", calls=[
                ToolCall(tool="read_file", arguments={"path": "m.py"}),
                ToolCall(tool="read_file", arguments={"path": "tests/test_m.py"}),
            ]),
            ExpertStep(say="", calls=[ToolCall(tool="run_tests", arguments={})]),
            ExpertStep(say="", calls=[ToolCall(tool="write_file", arguments={"path": "m.py", "content": good})]),
            ExpertStep(say="Now the tests.", calls=[ToolCall(tool="run_tests", arguments={})]),
            ExpertStep(say="I changed f in m.py. Tests that ran and passed: {ran}.", calls=[]),
        ],
        hidden=Hidden(
            probes=[Probe(name=f"f({n})", code=f"from m import f\nresult = f({n})", expect=n + more) for n in (2, 40)],
            protected={"tests/test_m.py": test},
        ),
        solution={"m.py": good}, essence=f"x.adds_{more}",  # attributes count where names and numbers do not
    )  # fmt: skip


FAMILIES = {f.name: f for f in (toy("adds", "train"), toy("sums", "train"), toy("grows", "validation"),
                                toy("raises", "eval"))}  # fmt: skip
