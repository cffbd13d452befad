"""The pool of warm containers."""

from __future__ import annotations

import threading
import time

import pytest

from synth.sandbox import SandboxError
from synth.sandbox.docker_container import Place
from synth.sandbox.docker_pool import Pool

ONE, OTHER = Place(128, 64, 8, 512), Place(256, 64, 8, 512)


class Made:
    """Counts those alive."""

    alive = 0
    lock = threading.Lock()

    def __init__(self, place: Place) -> None:
        self.place, self.closed = place, False
        with Made.lock:
            Made.alive += 1

    def close(self) -> None:
        with Made.lock:
            Made.alive -= not self.closed
        self.closed = True


@pytest.fixture(autouse=True)
def _none_alive() -> None:
    Made.alive = 0


def until(true: object) -> None:
    end = time.monotonic() + 10
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.005)


def test_the_next_tenant_gets_one_that_was_made_ahead_and_never_a_used_one() -> None:
    made: list[Made] = []

    def make(place: Place) -> Made:
        made.append(Made(place))
        return made[-1]

    pool = Pool(make, warm=2, at_most=8, starting=2)
    first = pool.take(ONE)
    until(lambda: len(made) == 3)
    second = pool.take(ONE)
    assert second in made[1:3]
    pool.give_back(first)
    assert first.closed and pool.take(ONE) is not first
    pool.close()


def test_another_form_gets_its_own_and_the_old_ones_end() -> None:
    pool = Pool(Made, warm=2, at_most=8, starting=2)
    taken = pool.take(ONE)
    until(lambda: Made.alive == 3)
    other = pool.take(OTHER)
    assert other.place == OTHER
    until(lambda: Made.alive == 4)  # two out, two warm of the new form
    pool.close()
    assert Made.alive == 2
    pool.give_back(taken)
    pool.give_back(other)
    assert Made.alive == 0


def test_who_opens_one_too_many_waits() -> None:
    pool = Pool(Made, warm=0, at_most=1, starting=1)
    first = pool.take(ONE)
    got: list[Made] = []
    waiting = threading.Thread(target=lambda: got.append(pool.take(ONE)))
    waiting.start()
    waiting.join(0.1)
    assert not got
    pool.give_back(first)
    waiting.join(10)
    assert len(got) == 1


def test_a_failed_start_is_told_and_takes_no_place() -> None:
    broken = [True]

    def make(place: Place) -> Made:
        if broken[0]:
            raise SandboxError("no")
        return Made(place)

    pool = Pool(make, warm=0, at_most=1, starting=1)
    with pytest.raises(SandboxError):
        pool.take(ONE)
    broken[0] = False
    assert pool.take(ONE).place == ONE


def test_a_closed_pool_gives_nothing_and_keeps_nothing() -> None:
    pool = Pool(Made, warm=3, at_most=8, starting=1)
    taken = pool.take(ONE)
    pool.close()
    assert Made.alive == 1
    with pytest.raises(SandboxError, match="closed"):
        pool.take(ONE)
    pool.give_back(taken)
    assert Made.alive == 0
