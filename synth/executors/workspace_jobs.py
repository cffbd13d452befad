"""Python sources that the workspace tools run inside a sandbox (standard library only), and what is made of what a
program printed so that equal runs read equal."""

from __future__ import annotations

import re

MARK = "\x1e"  # stands before the job's own answer, after whatever else was printed

RUN_TESTS = r"""
import io, json, os, sys, traceback, unittest
sys.dont_write_bytecode = True
sys.path.insert(0, os.getcwd())
loader = unittest.TestLoader()
targets = [t[:-3].replace("/", ".") if t.endswith(".py") else t.strip("/").replace("/", ".") for t in sys.argv[1:]]
suite = unittest.TestSuite()
for target in targets:
    if os.path.isdir(target.replace(".", "/")):
        suite.addTests(loader.discover(target.replace(".", "/"), top_level_dir="."))
    else:
        suite.addTests(loader.loadTestsFromName(target))
if not targets:
    inside = os.path.isfile("tests/__init__.py")
    suite.addTests(loader.discover("tests" if inside else ".", top_level_dir="."))
result = unittest.TextTestRunner(stream=io.StringIO(), buffer=True, verbosity=0).run(suite)
def told(pairs, kind):
    return [{"test": test.id().replace("unittest.loader._FailedTest.", ""), "kind": kind, "message": text.rstrip()[-1600:]} for test, text in pairs]
failures = told(result.failures, "failure") + told(result.errors, "error")
answer = {"ok": result.wasSuccessful() and result.testsRun > 0, "ran": result.testsRun, "failed": len(result.failures),
          "errors": len(result.errors), "skipped": len(result.skipped), "failures": failures[:8]}
sys.__stdout__.write("\x1e" + json.dumps(answer))
sys.__stdout__.flush()
"""  # noqa: E501

SEARCH = r"""
import json, os, re, sys
asked = json.loads(sys.argv[1])
try:
    pattern = re.compile(asked["pattern"] if asked["regex"] else re.escape(asked["pattern"]))
except re.error as wrong:
    print("\x1e" + json.dumps({"wrong": str(wrong)}))
    raise SystemExit
matches, cut = [], False
for path in asked["paths"]:
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not cut and pattern.search(line):
                if len(matches) == asked["most"]:
                    cut = True
                    break
                matches.append({"path": path, "line": number, "text": line.rstrip("\n")[:300]})
print("\x1e" + json.dumps({"matches": matches, "cut": cut}))
"""

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b0x[0-9a-fA-F]{6,16}\b"), "0x..."),
    (re.compile(r"(?m)^(Ran \d+ tests?) in \d+\.\d+s$"), r"\1"),
    (re.compile(r"/(?:usr|opt)/[\w./-]*?lib/python3\.\d+/"), "<python>/"),
    (re.compile(r"/tmp/tmp\w{8}\b"), "/tmp/tmp..."),  # noqa: S108  what tempfile makes, not a place of ours
    # `ls -l`: owner, group and time are the machine's
    (re.compile(r"(?m)^([bcdlps-][rwxsStT-]{9}[.+@]?)( +\d+) +\S+ +\S+( +\d+) +\w{3} +\d+ +[\d:]{4,5} "),
     r"\1\2 user user\3 "),
)  # fmt: skip


def normalised(text: str) -> str:
    """Text of a program without what differs from run to run: addresses, times of the test runner, temporary names,
    where the standard library lies, owners and times of `ls -l`."""
    for pattern, mended in _RULES:
        text = pattern.sub(mended, text)
    return text
