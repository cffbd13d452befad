"""Times of day in two places. Only zones that never change their clocks: an answer is the same on every day."""

from __future__ import annotations

from synth.live.draft import Draft
from synth.live.tasks import Family
from synth.live.words import some

ZONES = {  # city -> zone, minutes ahead of universal time
    "Tokyo": ("Asia/Tokyo", 540),
    "Kolkata": ("Asia/Kolkata", 330),
    "Dubai": ("Asia/Dubai", 240),
    "Nairobi": ("Africa/Nairobi", 180),
    "Lagos": ("Africa/Lagos", 60),
    "Phoenix": ("America/Phoenix", -420),
    "Bogota": ("America/Bogota", -300),
    "Singapore": ("Asia/Singapore", 480),
    "Kathmandu": ("Asia/Kathmandu", 345),
    "Brisbane": ("Australia/Brisbane", 600),
    "Honolulu": ("Pacific/Honolulu", -600),
    "Jakarta": ("Asia/Jakarta", 420),
    "Karachi": ("Asia/Karachi", 300),
    "Panama City": ("America/Panama", -300),
    "Johannesburg": ("Africa/Johannesburg", 120),
    "Lima": ("America/Lima", -300),
    "Bangkok": ("Asia/Bangkok", 420),
    "Accra": ("Africa/Accra", 0),
}
OCCASIONS = ("the call", "the meeting", "the interview", "the broadcast", "the lesson", "the handover", "the match")


def _time(d: Draft) -> str:
    return f"{d.rng.randint(0, 23):02d}:{d.pick(('00', '05', '10', '15', '20', '30', '40', '45', '50'))}"


def _there(time: str, here: str, there: str) -> str:
    minutes = (int(time[:2]) * 60 + int(time[3:]) + ZONES[there][1] - ZONES[here][1]) % 1440
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _convert(d: Draft, time: str, here: str, there: str, alone: bool = False) -> int:
    return d.step(
        "convert_time",
        {"source_timezone": ZONES[here][0], "time": time, "target_timezone": ZONES[there][0]},
        work=("/source_timezone", "/target_timezone"),
        alone=alone,
    )


def convert(d: Draft) -> None:
    here, there = some(d.rng, sorted(ZONES), 2)
    time = _time(d)
    answer, what = _there(time, here, there), d.pick(OCCASIONS)
    d.keep(time, here, there)
    d.question(
        (
            f"{what} is at {time} in {here}: what time is that in {there}",
            f"what time it is in {there} when {what} starts at {time} in {here}",
        ),
        (
            f"when it is {time} in {here}, what time is it in {there}",
            f"what time it is in {there} when it is {time} in {here}",
        ),
    )
    _convert(d, time, here, there)
    d.tell(answer, f"it is {answer} in {there}")
    d.say(f"In {there} it is {answer} then.", f"That is {answer} in {there}.")


def two_places(d: Draft) -> None:
    here, one, two = some(d.rng, sorted(ZONES), 3)
    time = _time(d)
    d.keep(time, here, one, two)
    d.question(
        (
            f"{d.pick(OCCASIONS)} starts at {time} in {here}: what time is that in {one}, and what time in {two}",
            f"what time it is in {one} and in {two} when it is {time} in {here}",
        )
    )
    for there in (one, two):
        _convert(d, time, here, there, alone=True)
        d.tell(_there(time, here, there), f"it is {_there(time, here, there)} in {there}")
    d.say(f"It is {_there(time, here, one)} in {one} and {_there(time, here, two)} in {two}.")


def one_more(d: Draft) -> None:
    here, one, two = some(d.rng, sorted(ZONES), 3)
    time = _time(d)
    d.keep(time, here, one, two)
    d.question(
        (
            f"when it is {time} in {here}, what time is it in {one}",
            f"what time it is in {one} when it is {time} in {here}",
        )
    )
    _convert(d, time, here, one)
    d.tell(_there(time, here, one), f"it is {_there(time, here, one)} in {one}")
    d.say(f"In {one} it is {_there(time, here, one)}.", f"It is {_there(time, here, one)} there.")
    d.then()
    d.question((f"and in {two}", f"the same for {two}"), (f"what about {two}", f"what it is in {two}"))
    _convert(d, time, here, two)
    d.tell(_there(time, here, two), f"it is {_there(time, here, two)} in {two}")
    d.say(f"In {two} it is {_there(time, here, two)}.", f"For {two} it comes to {_there(time, here, two)}.")


def where(d: Draft) -> None:
    here, there = some(d.rng, sorted(ZONES), 2)
    time = _time(d)
    d.keep(time, here)
    d.question(
        (
            f"when it is {time} in {here}, what time is it at my colleague's place",
            f"what time it is where my colleague lives when it is {time} in {here}",
        )
    )
    step = _convert(d, time, here, there)
    d.hidden(
        "place",
        f"My colleague is in {there}",
        there,
        ["colleague", "where", "city", "place"],
        d.pick(("Where does your colleague live?", "In which city is your colleague?")),
        step,
    )
    d.tell(_there(time, here, there), f"it is {_there(time, here, there)} in {there}")
    d.say(f"In {there} it is {_there(time, here, there)} then.", f"That is {_there(time, here, there)} in {there}.")


FAMILIES = {
    "convert": Family("single", convert),
    "two_places": Family("parallel", two_places),
    "one_more": Family("multi_turn", one_more),
    "where": Family("clarify", where),
}
