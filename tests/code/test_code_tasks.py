"""Code tasks: from a seed alone, told apart by their hidden tests, and not to be had by idling or by deleting tests."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from synth.code import FAMILIES, Family, families, generate, lazy, make, solved_files, speak, start_files
from synth.code.check import answers, asked, check, score
from synth.code.families import Supply
from synth.code.similar import BOUND, Distinct, nearness, shape
from synth.code.task import CodeTask, ExpertStep, ToolCall
from synth.code.truth import PROBE_SECONDS, bench
from synth.code.validate import table, try_out, validate
from synth.errors import TaskFailure, UsageError
from synth.executors.protocol import Outcome
from synth.places.code import plan_of
from synth.sandbox import Limits, Ran
from tests.executors.plain import PlainEngine, PlainSandbox

SEED = 11


@pytest.fixture(scope="module")
def engine() -> Iterator[PlainEngine]:
    made = PlainEngine()
    yield made
    made.close()


@pytest.mark.parametrize("family", families())
def test_a_task_of_each_family_is_valid(family: str, engine: PlainEngine) -> None:
    tried = try_out(make(family, SEED, 0), engine)
    assert tried.wrong == []


@pytest.mark.parametrize("family", families())
def test_the_same_number_gives_the_same_task(family: str) -> None:
    first = make(family, SEED, 1)
    assert first == make(family, SEED, 1)
    other = make(family, SEED, 2)
    assert first.id != other.id
    assert (first.files, first.hidden) != (other.files, other.hidden)
    assert len(set(first.requests)) == len(first.requests) >= 4


def test_the_order_of_sets_decides_nothing() -> None:
    names = [f.name for f in FAMILIES.values() if f.group == "data"]
    code = f"from synth.code import make\nfor name in {names}:\n    for n in range(5): print(make(name, {SEED}, n))"
    said = {
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, check=True,
                       capture_output=True, cwd=Path(__file__).parents[2]).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(said) == 1


def test_tasks_take_turns_by_family_and_are_not_near_duplicates() -> None:
    names = ["text_steps", "list_steps"]
    tasks = list(generate(SEED, 12, names))
    assert [task.family for task in tasks] == names * 6
    shapes = [shape(task.essence) for task in tasks]
    assert all(nearness(a, b) < BOUND for i, a in enumerate(shapes) for b in shapes[:i])


def test_names_and_numbers_do_not_make_tasks_differ() -> None:
    one = "def f(rows):\n    return [row.strip() for row in rows if len(row) > 3]\n"
    same = "def g(lines):\n    return [line.strip() for line in lines if len(line) > 7]\n"
    other = "def f(rows):\n    return sorted({row.lower() for row in rows}, key=len, reverse=True)\n"
    assert nearness(shape(one), shape(same)) == 1.0
    assert nearness(shape(one), shape(other)) < 0.5


def test_a_query_is_code_and_other_texts_are_not() -> None:
    text = 'QUERY = (\n    "SELECT m.name, count(*) "\n    "FROM members m "\n    "{} BY m.id"\n)\nhint = "{} it"\n'
    one, same = text.format("GROUP", "Mind"), text.replace("members m", "people p").replace("m.", "p.")
    assert nearness(shape(one), shape(text.format("GROUP", "GROUP"))) == 1.0
    assert nearness(shape(one), shape(text.format("ORDER", "Mind"))) < 0.9
    assert nearness(shape(same.format("GROUP", "Mind")), shape(one)) == 1.0


def test_what_is_passed_over_quickly_is_never_near() -> None:
    rng, words = random.Random(5), ["if", "for", "len", ".add", ".pop", "sorted", "sum", ".get", "x", "+", "-"]
    base = [rng.choice(words) for _ in range(90)]
    texts = []
    for changes in [0, 0, *range(40)] * 2:
        text = list(base)
        for _ in range(changes % 8):
            text[rng.randrange(len(text))] = rng.choice(words)
        texts.append(" ".join(text[: len(text) - changes % 9]))
    kept: list[str] = []
    distinct = Distinct()
    for text in texts:
        new = all(nearness(shape(text), shape(one)) < BOUND for one in kept)
        assert distinct.add(text) == new
        kept += [text] if new else []
    assert 5 < len(kept) < len(texts) - 5


def test_a_family_used_up_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    family = Family("same", "function", "train", lambda name, identity, rng: one.model_copy(update={"id": identity}))
    one = make("text_steps", SEED, 0)
    monkeypatch.setitem(FAMILIES, "same", family)
    assert len(list(generate(SEED, 9, ["same"]))) == 1


def test_what_is_left_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [make("text_steps", SEED, number) for number in range(2)]
    texts = iter([0, 0, 1, 0])
    monkeypatch.setitem(FAMILIES, "lot", Family("lot", "function", "train", lambda *_: tasks[next(texts)]))
    supply = Supply(SEED, ["lot"])
    assert [supply.next("lot"), supply.next("lot")] == tasks
    assert supply.near == {"lot": 1}


def test_what_is_refused_is_told_and_replaced(engine: PlainEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    good, other = make("text_steps", SEED, 0), make("text_steps", SEED, 1)
    never = other.hidden.probes[0].model_copy(update={"expect": "never"})
    bad = other.model_copy(update={"hidden": other.hidden.model_copy(update={"probes": [never]})})
    made = iter([good, bad, make("list_steps", SEED, 0)])
    monkeypatch.setitem(FAMILIES, "lot", Family("lot", "function", "train", lambda *_: next(made)))
    found = validate(SEED, 2, engine, 1, ["lot"])
    assert [bool(one.wrong) for one in found.tried] == [False, True, False] and len(found.valid) == 2
    told = table(found)
    assert "| lot | 3 | 2 | 1 | 0 |" in told.replace("| all |", "| lot |") and "1 refused: the expert fails" in told


def test_a_mutation_without_end_costs_little_and_is_told_the_same_way_on_a_busy_machine() -> None:
    tree = {"m.py": b"def f(n):\n    while n:\n        pass\n    return 1\n"}
    codes = ["from m import f\nresult = f(0)", "from m import f\nresult = f(1)", "from m import f\nresult = f(0)"]
    before = bench().cpu_seconds
    assert bench().probe(tree, codes) == [1, ["!raises", "TimeoutError"], ["!nothing"]]
    assert bench().cpu_seconds - before < 2 * PROBE_SECONDS
    eats = {"m.py": b"def f(n):\n    return len(list(range(10 ** n)))\n"}
    assert bench().probe(eats, [*codes[:1], "from m import f\nresult = f(9)"]) == [1, ["!raises", "MemoryError"]]
    endless = {"tests/__init__.py": b"", "tests/test_m.py": b"while True:\n    pass\n"}
    assert bench().tests(endless) == (0, None)


def test_reports_may_quote_code_in_braces() -> None:
    messages = [ExpertStep(say="", calls=[ToolCall(tool="run_tests", arguments={})]),
                ExpertStep(say="It lacked `f'{code}: {ran}'`. All {ran} pass.", calls=[])]  # fmt: skip
    _, replies = plan_of(messages)
    assert list(replies[0].slots) == ["ran"]
    quoted = messages[1].model_copy(update={"say": "It lacked `f'{code}'`."})
    assert plan_of([messages[0], quoted])[1][0].slots == {}


def test_unknown_families_are_told() -> None:
    with pytest.raises(UsageError, match="no family 'poems'"):
        make("poems", SEED, 0)


# --- the check ---


@pytest.fixture(scope="module")
def task() -> CodeTask:
    return make("text_steps", SEED, 0)


def test_score_is_the_share_of_hidden_tests(task: CodeTask, engine: PlainEngine) -> None:
    assert score(task.hidden, start_files(task), engine) == 0.0
    assert score(task.hidden, solved_files(task), engine) == 1.0
    first = task.hidden.probes[0]
    spoiled = task.hidden.model_copy(
        update={"probes": [first.model_copy(update={"expect": "never"}), *task.hidden.probes[1:]]}
    )
    found = check(spoiled, solved_files(task), engine)
    assert found.ok == found.total - 1 and not found.passed
    assert [missed.name for missed in found.failures] == [first.name]


def test_changed_tests_are_put_back_and_told(task: CodeTask, engine: PlainEngine) -> None:
    path = next(path for path in task.hidden.protected if path.startswith("tests/test_"))
    files = {**solved_files(task), path: b""}
    found = check(task.hidden, files, engine)
    assert found.passed and found.tampered == [path]
    peeks = task.hidden.model_copy(
        update={"probes": [task.hidden.probes[0].model_copy(
            update={"code": f"result = len(open({path!r}).read())", "expect": len(task.hidden.protected[path])})]}
    )  # fmt: skip
    assert check(peeks, files, engine).passed


def test_code_under_test_gains_nothing_by_ending_or_talking(task: CodeTask, engine: PlainEngine) -> None:
    module = next(path for path in task.solution)
    mark = "probe_0123456789abcdef:"
    for text in (
        "import os\nos._exit(0)\n",
        "raise SystemExit\n",
        "while True: pass\n",
        f"import sys\nfor n in range(99):\n    print('{mark}', n, file=sys.__stdout__)\nraise SystemExit\n",
    ):
        found = check(task.hidden, {**start_files(task), module: text.encode()}, engine)
        assert found.score == 0.0, text


def test_no_expected_value_enters_the_sandbox(task: CodeTask) -> None:
    sent = asked([probe.code for probe in task.hidden.probes], "m").decode()
    wanted = [repr(p.expect) for p in task.hidden.probes if len(repr(p.expect)) > 8 and repr(p.expect) not in p.code]
    assert wanted and not any(one in sent for one in wanted)


def test_answers_are_heard_once_and_only_behind_the_mark() -> None:
    out = b'noise\nM{"i": 0, "got": 1}\nxM{"i": 0, "got": 2}\nM{"i": 1, "got"\nM{"i": 2, "got": null}\n'
    assert answers(out, "M", 4) == [1, ["!nothing"], None, ["!nothing"]]


def test_a_crashed_sandbox_is_infra_and_no_score(task: CodeTask) -> None:
    class Broken(PlainSandbox):
        def python(self, source: str, **_: object) -> Ran:
            return Ran("crashed", None, b"", b"", 0.0, None, "gone")

    class BrokenEngine(PlainEngine):
        def open(self, limits: Limits) -> PlainSandbox:
            return Broken(limits)

    with pytest.raises(TaskFailure) as failure:
        check(task.hidden, start_files(task), BrokenEngine())
    assert failure.value.class_ == "infra"


# --- words ---


def test_reports_state_what_the_run_gave() -> None:
    step = ExpertStep(say="All {ran} tests pass.", calls=[])
    run = Outcome(True, {"ok": True, "ran": 7, "failed": 0}, None, "")
    assert speak(step, [run]) == "All 7 tests pass."
    with pytest.raises(ValueError, match="have not passed"):
        speak(step, [run, run._replace(value={"ok": False, "ran": 7, "failed": 1})])
    with pytest.raises(ValueError, match="have not passed"):
        speak(step, [])


def test_bugs_are_noticed_by_tests_and_most_tests_still_pass(engine: PlainEngine) -> None:
    shown = set()
    for number in range(4):
        one = make("bug_billing", SEED, number)
        got = bench().probe(start_files(one), [probe.code for probe in one.hidden.probes])
        wrong = sum(a != probe.expect for a, probe in zip(got, one.hidden.probes, strict=True))
        assert 0 < wrong < len(got)
        shown.add(one.facts["visible"])
        assert set(one.solution) <= set(one.files) and all(one.files[p] != text for p, text in one.solution.items())
    assert shown  # whether the visible tests tell is known of each


def test_lazy_policies_are_there_for_every_group() -> None:
    for family in FAMILIES.values():
        policies = lazy(make(family.name, SEED, 0))
        assert {"idle", "delete_tests", "empty_tests"} <= set(policies)
        assert ("hard_code" in policies) == (family.group in ("function", "data"))
