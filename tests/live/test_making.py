"""Tasks of live servers: the same from the same numbers, different from others, with something to show at the end."""

from __future__ import annotations

import pytest

from rubrics.normal import Text, mentions
from synth import live
from synth.errors import UsageError
from synth.places.live import server_of
from synth.records import content_hash

SERVERS = tuple(live.known())
NUMBERS = range(24)


def test_there_are_eight_servers_and_more() -> None:
    assert len(SERVERS) >= 8
    assert set(live.families()) == set(SERVERS)
    assert all(len(live.kinds(server)) >= 4 for server in SERVERS)


@pytest.mark.parametrize("server", SERVERS)
def test_tasks_of_a_server(server: str) -> None:
    seen, words, made = set(), set(), 0
    for kind in live.kinds(server):
        for number in NUMBERS:
            task = live.make(server, kind, 7, number)
            assert task == live.make(server, kind, 7, number)
            made += 1
            seen.add(content_hash([task.start.model_dump(mode="json"), task.goal.model_dump(mode="json")]))
            words.add(tuple(task.user.turns))
            assert task.kind == kind
            assert task.goal.changes or task.goal.tell, "doing nothing would do"
            assert len(task.plan.replies) == len(task.user.turns), "a turn without a report"
            first = Text(task.user.turns[0])
            for ask in task.plan.asks:  # what is hidden stands nowhere in the user's words
                assert not any(mentions(f.value, Text(t)) for f in task.user.facts for t in task.user.turns), ask
            assert first.raw.strip()
    assert len(seen) >= made - 2, "too many tasks are the same"
    assert len(words) == made


def test_another_seed_gives_other_tasks() -> None:
    assert live.make("filesystem", "single", 1, 0) != live.make("filesystem", "single", 2, 0)


def test_a_server_that_nobody_knows() -> None:
    assert live.kinds("unheard-of") == ()
    with pytest.raises(UsageError, match="filesystem"):
        server_of("unheard-of")


def test_the_id_of_a_known_server_with_another_command_is_not_known() -> None:
    ours = live.known()["time"]
    assert live.is_known(ours)
    assert not live.is_known(ours.model_copy(update={"command": ["/bin/sh", "-c", "true"]}))
