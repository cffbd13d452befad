"""A workspace: its tools, what they answer to wrong calls, and that equal episodes read equal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from synth.errors import TaskFailure
from synth.executors.patching import PatchError, apply_patch, unified
from synth.executors.workspace import WorkspaceExecutor
from synth.sandbox import Limits, Ran
from tests.executors.plain import PlainEngine, PlainSandbox

CART = "def total(prices):\n    found = 0\n    for price in prices:\n        found += price\n    return found - 1\n"
TESTS = """import unittest
from shop.cart import total


class Total(unittest.TestCase):
    def test_sum(self):
        self.assertEqual(total([2, 3]), 5)

    def test_empty(self):
        self.assertEqual(total([]), 0)
"""
FILES = {
    "README.md": b"# Shop\n",
    "shop/__init__.py": b"",
    "shop/cart.py": CART.encode(),
    "tests/__init__.py": b"",
    "tests/test_cart.py": TESTS.encode(),
    "logo.png": b"\x89PNG\xff",
}


@pytest.fixture
def engine() -> Iterator[PlainEngine]:
    made = PlainEngine()
    yield made
    made.close()


@pytest.fixture
def place(engine: PlainEngine) -> WorkspaceExecutor:
    return WorkspaceExecutor("place", engine, FILES, Limits(seconds=5, output_bytes=2048))


def fix() -> str:
    return unified("shop/cart.py", CART, CART.replace("found - 1", "found"))


def test_find_read_patch_and_test(place: WorkspaceExecutor, engine: PlainEngine) -> None:
    listed = place.call_now("list_files", {"path": "shop"})
    assert [one["path"] for one in listed.value["files"]] == ["shop/__init__.py", "shop/cart.py"]
    assert place.call_now("read_file", {"path": "shop/cart.py"}).content == CART
    assert (
        place.call_now("read_file", {"path": "shop/cart.py", "first_line": 2, "last_line": 2}).value
        == "    found = 0\n"
    )
    assert not engine.opened  # files alone need no sandbox
    before = place.call_now("run_tests", {}).value
    assert (before["ok"], before["ran"], before["failed"], before["errors"]) == (False, 2, 2, 0)
    assert before["failures"][0]["test"] == "tests.test_cart.Total.test_empty"
    assert "-1 != 0" in before["failures"][0]["message"]
    assert place.call_now("apply_patch", {"patch": fix()}).value == {
        "changed": [{"path": "shop/cart.py", "change": "changed"}]
    }
    assert place.call_now("run_tests", {"targets": ["tests/test_cart.py"]}).value["ok"] is True
    assert len(engine.opened) == 1


def test_difference_and_digest_follow_contents(place: WorkspaceExecutor) -> None:
    assert (place.diff(), place.digest()) == ([], "")
    place.call_now("run_tests", {})  # leaves compiled files at most, which do not count
    assert (place.diff(), place.digest()) == ([], "")
    place.call_now("apply_patch", {"patch": fix()})
    place.call_now("run_shell", {"command": "rm README.md; echo a > new.txt"})
    found = {entry["key"]: entry for entry in place.diff()}
    assert {key: entry["kind"] for key, entry in found.items()} == {
        "README.md": "delete", "new.txt": "insert", "shop/cart.py": "update"}  # fmt: skip
    assert found["new.txt"]["after"]["text"] == "a\n" and found["shop/cart.py"]["changed"] == ["text"]
    changed = place.digest()
    place.call_now("write_file", {"path": "new.txt", "content": "b\n"})
    assert len(changed) == 64 and place.digest() != changed
    place.call_now("write_file", {"path": "new.txt", "content": "a\n"})
    assert place.digest() == changed


def test_programs_see_what_tools_wrote_and_tools_what_programs_wrote(place: WorkspaceExecutor) -> None:
    place.call_now("write_file", {"path": "in.txt", "content": "7"})
    done = place.call_now("run_python", {"code": "open('out.txt', 'w').write(open('in.txt').read() * 2)"})
    assert done.value == {"exit_code": 0, "stdout": "", "stderr": ""}
    assert place.call_now("read_file", {"path": "out.txt"}).value == "77"
    place.call_now("apply_patch", {"patch": unified("in.txt", "7\n", None)})
    assert place.call_now("run_shell", {"command": "cat in.txt"}).value["exit_code"] == 1


def test_search_takes_text_or_expression(place: WorkspaceExecutor) -> None:
    plain = place.call_now("search", {"pattern": "found - 1"}).value
    assert plain == {"matches": [{"path": "shop/cart.py", "line": 5, "text": "    return found - 1"}], "cut": False}
    assert len(place.call_now("search", {"pattern": r"^def \w+", "regex": True, "path": "shop"}).value["matches"]) == 1
    assert place.call_now("search", {"pattern": "(", "regex": True}).error == "invalid_arguments"


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("read_file", {"path": "missing.py"}, "not_found"),
        ("read_file", {"path": "shop"}, "is_a_folder"),
        ("read_file", {"path": "../../etc/passwd"}, "outside_workspace"),
        ("read_file", {"path": "/etc/passwd"}, "outside_workspace"),
        ("read_file", {"path": "logo.png"}, "not_text"),
        ("read_file", {"path": "README.md", "first_line": 9}, "invalid_arguments"),
        ("read_file", {}, "invalid_arguments"),
        ("list_files", {"path": "nowhere"}, "not_found"),
        ("write_file", {"path": "shop", "content": ""}, "is_a_folder"),
        ("write_file", {"path": "README.md/x", "content": ""}, "not_a_folder"),
        ("write_file", {"path": "../x", "content": ""}, "outside_workspace"),
        ("apply_patch", {"patch": "hello"}, "patch_failed"),
        ("apply_patch", {"patch": "--- a/../x\n+++ b/../x\n@@ -1 +1 @@\n-a\n+b\n"}, "outside_workspace"),
        ("run_python", {"code": "while True: pass"}, "timeout"),
        ("run_python", {"code": "print('x' * 5000)"}, "output_cut"),
        ("delete_everything", {}, "unknown_tool"),
    ],
)
def test_wrong_calls_are_answers(place: WorkspaceExecutor, tool: str, arguments: dict, code: str) -> None:
    if code == "timeout":
        place = WorkspaceExecutor("place", PlainEngine(), FILES, Limits(seconds=0.4))
    outcome = place.call_now(tool, arguments)
    assert (outcome.ok, outcome.error) == (False, code)
    assert outcome.value["error"]
    assert place.diff() == []


def test_what_tests_cannot_tell_is_no_result(place: WorkspaceExecutor) -> None:
    place.call_now("write_file", {"path": "tests/test_cart.py", "content": "import os\nos._exit(0)\n"})
    outcome = place.call_now("run_tests", {})
    assert (outcome.ok, outcome.error) == (False, "no_result")
    place.call_now("apply_patch", {"patch": unified("tests/test_cart.py", "import os\nos._exit(0)\n", None)})
    assert place.call_now("run_tests", {}).value["ok"] is False  # no tests are no success


def test_equal_episodes_read_equal(engine: PlainEngine) -> None:
    code = (
        "class A: pass\nimport tempfile, os\nprint(A(), tempfile.mkdtemp(dir='/tmp'))\n"
        "os.system('ls -l README.md')\nraise KeyError('x')"
    )

    def play() -> list[str]:
        place = WorkspaceExecutor("place", engine, FILES)
        calls = [("run_python", {"code": code}), ("run_tests", {}), ("run_shell", {"command": "python3 -m unittest"})]
        return [place.call_now(tool, arguments).content for tool, arguments in calls]

    first, second = play(), play()
    assert first == second
    assert "0x..." in first[0] and "user user" in first[0] and "KeyError: 'x'" in first[0]
    assert "Ran 2 tests\\n" in first[2]


def test_a_broken_sandbox_is_infra(engine: PlainEngine) -> None:
    class Broken(PlainSandbox):
        def python(self, source: str, **_: object) -> Ran:
            return Ran("crashed", None, b"", b"", 0.0, None, "gone")

    place = WorkspaceExecutor("place", engine, FILES)
    place._sandbox = Broken(Limits())
    with pytest.raises(TaskFailure) as failure:
        place.call_now("run_python", {"code": "1"})
    assert failure.value.class_ == "infra"


# --- patches ------------------------------------------------------------------------------------------------

TEXT = "".join(f"line {n}\n" for n in range(1, 13))


def test_patches_round_trip() -> None:
    for after in (TEXT.replace("line 3\n", "3\n").replace("line 11\n", ""), "new\n" + TEXT, TEXT + "end\n", ""):
        assert apply_patch(unified("a.txt", TEXT, after), {"a.txt": TEXT})["a.txt"] == after
    assert apply_patch(unified("b.txt", None, "x\n"), {"a.txt": TEXT}) == {"b.txt": "x\n"}
    assert apply_patch(unified("a.txt", TEXT, None), {"a.txt": TEXT}) == {"a.txt": None}


def test_line_numbers_are_hints_and_context_decides() -> None:
    wrong = unified("a.txt", TEXT, TEXT.replace("line 6\n", "six\n")).replace("@@ -3", "@@ -9").replace("+3,", "+9,")
    assert apply_patch(wrong, {"a.txt": TEXT})["a.txt"] == TEXT.replace("line 6\n", "six\n")
    twice = "a\nb\na\nb\n"
    second = "--- a/t\n+++ b/t\n@@ -3 +3 @@\n-a\n+c\n"
    assert apply_patch(second, {"t": twice})["t"] == "a\nb\nc\nb\n"
    with pytest.raises(PatchError, match="2 places"):
        apply_patch(second.replace("@@ -3 +3 @@", "@@"), {"t": twice})
    with pytest.raises(PatchError, match="hunk 1 does not fit"):
        apply_patch(second.replace("-a", "-z"), {"t": twice})


def test_a_patch_is_applied_whole_or_not_at_all(place: WorkspaceExecutor) -> None:
    bad = fix() + "--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-# Not there\n+# There\n"
    assert place.call_now("apply_patch", {"patch": bad}).error == "patch_failed"
    assert place.diff() == []
