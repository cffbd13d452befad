"""An owner is told from every other process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from synth.sandbox.ownership import Owner, me, parse, started_of


def test_an_owner_is_read_back() -> None:
    assert parse(str(me())) == me()
    assert me().state == "alive"


@pytest.mark.parametrize("text", ["", "a/b", "h/b/n/notapid/7", "h/b/n/1/2/3"])
def test_what_is_none_of_ours_is_no_owner(text: str) -> None:
    assert parse(text) is None


def test_a_process_that_ended_is_dead_also_while_nobody_has_waited_for_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        owner = me()._replace(pid=child.pid, started=started_of(child.pid) or "")
        assert owner.state == "alive"
        child.kill()
        while started_of(child.pid) is not None:
            pass
        assert child.returncode is None  # a zombie
        assert owner.state == "dead"
    assert owner.state == "dead"


@pytest.mark.parametrize(
    ("change", "state"),
    [({"started": "1"}, "dead"), ({"boot": "another"}, "dead"), ({"host": "other"}, "elsewhere"),
     ({"namespace": "pid:[1]"}, "elsewhere"), ({"namespace": "pid:[1]", "boot": "another"}, "elsewhere")],
)  # fmt: skip
def test_who_is_not_this_process(change: dict[str, str], state: str) -> None:
    other: Owner = me()._replace(**change)
    assert other.state == state
