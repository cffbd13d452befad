"""Functions on dates: due dates, working days, periods, ages, runs of days, the weeks of a month."""

from __future__ import annotations

import calendar
import datetime
import random
from collections.abc import Callable
from typing import Any

from synth.code.functions.base import Case, Function

_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
Date = datetime.date


def _dates(rng: random.Random, count: int) -> list[Date]:
    edges = [Date(2023, 1, 31), Date(2024, 2, 29), Date(2023, 12, 29), Date(2024, 12, 31), Date(2022, 2, 28)]
    return [
        rng.choice(edges) if rng.random() < 0.3 else Date(2021, 1, 1) + datetime.timedelta(rng.randint(0, 1500))
        for _ in range(count)
    ]


def date_rules(rng: random.Random) -> Function:
    """Due dates, working days and periods under drawn rules; dates go in and out as ISO texts."""
    what = rng.choice(["workdays", "monthly", "weekday_of_month", "period", "business", "ages", "runs", "calendar"])
    free = sorted(rng.sample(range(7), 2)) if rng.random() < 0.6 else [5, 6]
    names = " and ".join(_DAYS[d] for d in free)
    start_month, back = rng.randint(1, 12), rng.random() < 0.5
    nth, day, clamp = rng.randint(1, 3), rng.randint(0, 6), rng.choice(["last", "next"])
    head = ["import datetime", "", ""]
    truth: Callable[..., Any]
    if what == "workdays":
        both = rng.random() < 0.5
        params, summary = "(first, last)", "How many working days there are from `first` to `last` (ISO dates)."
        rules = [f"{names} are free, all other days are working days.",
                 "Both `first` and `last` count." if both else "`first` counts, `last` does not.",
                 "Where `last` is before `first` the result is minus the number for the two dates exchanged."]  # fmt: skip
        body = ["    a, b = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last)", "    sign = 1",
                "    if b < a:", "        a, b, sign = b, a, -1", f"    days = (b - a).days{' + 1' if both else ''}",
                "    found = 0", "    for number in range(days):",
                f"        if (a + datetime.timedelta(days=number)).weekday() not in {tuple(free)}:", "            found += 1",
                "    return sign * found"]  # fmt: skip
        cases: list[Case] = [
            (d.isoformat(), (d + datetime.timedelta(rng.randint(-20, 60))).isoformat()) for d in _dates(rng, 20)
        ]

        def workdays(first: str, last: str) -> Any:
            a, b = Date.fromisoformat(first), Date.fromisoformat(last)
            if b < a:
                return -workdays(last, first)
            return len(
                [n for n in range(a.toordinal(), b.toordinal() + both) if Date.fromordinal(n).weekday() not in free]
            )

        truth = workdays

    elif what == "monthly":
        params, summary = "(start, count)", "The dates of `count` monthly payments, the first on `start` (ISO dates)."
        rules = ["Each payment is on the day of the month of `start`.",
                 "In a month without that day it is on the last day of the month." if clamp == "last"
                 else "In a month without that day it is on the first day of the month after it."]  # fmt: skip
        if back:
            rules.append(
                f"A payment that would be on a {_DAYS[free[0]]} or a {_DAYS[free[1]]} moves to the next day that is neither; later payments are not affected."
            )
        rules.append("The result is a list of ISO texts.")
        body = ["    first = datetime.date.fromisoformat(start)", "    found = []", "    for number in range(count):",
                "        months = first.month - 1 + number", "        year, month = first.year + months // 12, months % 12 + 1",
                "        following = datetime.date(year + month // 12, month % 12 + 1, 1)",
                "        last = (following - datetime.timedelta(days=1)).day",
                "        if first.day <= last:", "            day = datetime.date(year, month, first.day)", "        else:",
                f"            day = {'datetime.date(year, month, last)' if clamp == 'last' else 'following'}",
                *([f"        while day.weekday() in {tuple(free)}:", "            day += datetime.timedelta(days=1)"] if back else []),
                "        found.append(day.isoformat())", "    return found"]  # fmt: skip
        cases = [(d.isoformat(), rng.randint(1, 14)) for d in _dates(rng, 16)] + [("2024-01-31", 4), ("2023-10-30", 6)]

        def payments(start: str, count: int) -> Any:
            a, found = Date.fromisoformat(start), []
            for n in range(count):
                y, m = divmod(a.year * 12 + a.month - 1 + n, 12)
                most = calendar.monthrange(y, m + 1)[1]
                d = Date(y, m + 1, min(a.day, most))
                if a.day > most and clamp == "next":
                    d = Date.fromordinal(d.toordinal() + 1)
                while back and d.weekday() in free:
                    d = Date.fromordinal(d.toordinal() + 1)
                found.append(d.isoformat())
            return found

        truth = payments

    elif what == "weekday_of_month":
        label = (
            {1: "first", 2: "second", 3: "third"}[nth]
            if not back
            else {1: "last", 2: "last but one", 3: "last but two"}[nth]
        )
        params, summary = "(date)", f"The next day on or after `date` that is the {label} {_DAYS[day]} of its month."
        rules = [
            "`date` and the result are ISO texts.",
            f"`date` itself is the result where it is the {label} {_DAYS[day]} of its month.",
        ]
        inside = f"1 <= (last - a.day) // 7 + 1 == {nth}" if back else f"(a.day - 1) // 7 + 1 == {nth}"
        body = ["    a = datetime.date.fromisoformat(date)", "    while True:",
                *(["        following = (a.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)",
                   "        last = (following - datetime.timedelta(days=1)).day"] if back else []),
                f"        if a.weekday() == {day} and {inside}:", "            return a.isoformat()",
                "        a += datetime.timedelta(days=1)"]  # fmt: skip
        cases = [(d.isoformat(),) for d in _dates(rng, 26)]

        def meeting(date: str) -> Any:
            a = Date.fromisoformat(date)
            y, m = a.year, a.month
            while True:
                days = [d for d in range(1, calendar.monthrange(y, m)[1] + 1) if Date(y, m, d).weekday() == day]
                found = Date(y, m, days[-nth] if back else days[nth - 1])
                if found >= a:
                    return found.isoformat()
                y, m = (y, m + 1) if m < 12 else (y + 1, 1)

        truth = meeting

    elif what == "period":
        parts = rng.choice([2, 3, 4, 6])
        size = 12 // parts
        mark = {2: "H", 3: "T", 4: "Q", 6: "B"}[parts]
        params, summary = "(date)", "The label of the part of the business year in which a date (ISO text) lies."
        rules = [f"The business year begins on the first of {calendar.month_name[start_month]} and has {parts} parts of {size} months.",
                 f"It is named after the calendar year in which it {'begins' if back else 'ends'}.",
                 f"The label is the year, a dash, '{mark}' and the number of the part from 1, and after a slash the day within that part, from 1: '2023-{mark}1/1'."]  # fmt: skip
        body = ["    a = datetime.date.fromisoformat(date)", f"    months = (a.month - {start_month}) % 12",
                f"    year = a.year - (1 if a.month < {start_month} else 0)", f"    part = months // {size}",
                f"    first = {start_month} - 1 + part * {size}",
                "    begin = datetime.date(year + first // 12, first % 12 + 1, 1)",
                *([] if back or start_month == 1 else ["    year += 1"]),
                f'    return f"{{year}}-{mark}{{part + 1}}/{{(a - begin).days + 1}}"']  # fmt: skip
        cases = [(d.isoformat(),) for d in _dates(rng, 26)]

        def period(date: str) -> Any:
            a = Date.fromisoformat(date)
            starts = [Date(y, m, 1) for y in range(a.year - 2, a.year + 1) for m in range(1, 13)]
            begin = max(s for s in starts if s <= a and (s.month - start_month) % size == 0)
            opened = max(s for s in starts if s <= a and s.month == start_month)
            part = ((begin.year - opened.year) * 12 + begin.month - opened.month) // size
            year = opened.year if back or start_month == 1 else opened.year + 1
            return f"{year}-{mark}{part + 1}/{a.toordinal() - begin.toordinal() + 1}"

        truth = period

    elif what == "ages":
        days_too = rng.random() < 0.5
        params = "(born, date)"
        summary = "How many birthdays somebody born on `born` has had by `date` (ISO texts)" + (
            ", and how many days ago the last one was." if days_too else ".")  # fmt: skip
        rules = ["The birthday itself counts, the day of birth is none." if not days_too else "The birthday itself counts; the day of birth counts as the first of all, number 0.",
                 f"Who was born on a 29 February has the birthday on {'28 February' if back else '1 March'} in other years.",
                 "Where `date` is before `born` the result is None."]  # fmt: skip
        body = ["    a, b = datetime.date.fromisoformat(born), datetime.date.fromisoformat(date)", "    if b < a:", "        return None",
                "", "    def birthday(year):", "        if (a.month, a.day) == (2, 29) and not (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)):",
                f"            return datetime.date(year, {'2, 28' if back else '3, 1'})", "        return a.replace(year=year)", "",
                "    year = b.year if birthday(b.year) <= b else b.year - 1",
                "    return [year - a.year, (b - birthday(year)).days]" if days_too else "    return year - a.year"]  # fmt: skip
        if days_too:
            rules.append("The result is a list of the two numbers.")
        born = [*_dates(rng, 20), *[Date(2020, 2, 29)] * 3]
        cases = [(d.isoformat(), (d + datetime.timedelta(rng.choice([-3, 0, 364, 365, 366, 730, 731, rng.randint(1, 2000)]))).isoformat())
                 for d in born] + [("2020-02-29", "2023-02-28"), ("2020-02-29", "2024-02-28")]  # fmt: skip

        def birthdays(born: str, date: str) -> Any:
            first, number = Date.fromisoformat(born).toordinal(), Date.fromisoformat(date).toordinal()
            leap = born.endswith("-02-29")
            had = []
            for n in range(first, number + 1):
                d = Date.fromordinal(n)
                on = "03-01" if leap and not back else "02-28"
                if d.isoformat()[5:] == (on if leap and not calendar.isleap(d.year) else born[5:]):
                    had.append(n)
            if not had:
                return None
            return [len(had) - 1, number - had[-1]] if days_too else len(had) - 1

        truth = birthdays

    elif what == "runs":
        params, summary = "(dates)", "The runs of consecutive days in a list of ISO dates, in order."
        least = rng.randint(1, 3)
        rules = ["The dates come in any order, and some come more than once; each counts once.",
                 f"{names} between two dates do not break a run." if back else "One missing day breaks a run.",
                 "A run is told as [first date, last date, number of its dates in the list]."]  # fmt: skip
        if least > 1:
            rules.append(f"Runs of fewer than {least} dates are left out.")
        body = ["    found = []", "    for day in sorted({datetime.date.fromisoformat(date) for date in dates}):",
                "        if found:", "            following = found[-1][1] + datetime.timedelta(days=1)",
                *([f"            while following < day and following.weekday() in {tuple(free)}:",
                   "                following += datetime.timedelta(days=1)"] if back else []),
                "            if following == day:", "                found[-1][1], found[-1][2] = day, found[-1][2] + 1",
                "                continue", "        found.append([day, day, 1])",
                "    return [[first.isoformat(), last.isoformat(), count] for first, last, count in found"
                + (f" if count >= {least}]" if least > 1 else "]")]  # fmt: skip
        cases = [([],)]
        for d in _dates(rng, 18):
            near = [(d + datetime.timedelta(rng.randint(0, 16))).isoformat() for _ in range(rng.randint(1, 14))]
            cases.append((near,))

        def runs(dates: list[str]) -> Any:
            numbers = sorted({Date.fromisoformat(d).toordinal() for d in dates})
            bridges = {n for n in range(numbers[0], numbers[-1]) if back and (n - 1) % 7 in free} if numbers else set()
            lots: list[list[int]] = []
            for n in numbers:
                if lots and all(m in bridges for m in range(lots[-1][-1] + 1, n)):
                    lots[-1].append(n)
                else:
                    lots.append([n])
            return [[Date.fromordinal(lot[0]).isoformat(), Date.fromordinal(lot[-1]).isoformat(), len(lot)]
                    for lot in lots if len(lot) >= least]  # fmt: skip

        truth = runs

    elif what == "calendar":
        params, summary = "(year, month)", "The weeks of a month as a list of lists of its days (numbers)."
        filled = rng.choice(["zero", "short", "around"])
        rules = [f"A week begins on {_DAYS[day]}.",
                 {"zero": "Days of a week that lie in another month are 0.", "short": "Days of a week that lie in another month are left out.",
                  "around": "Days of a week that lie in another month are its days as negative numbers: -31."}[filled]]  # fmt: skip
        if clamp == "last":
            rules.append(f"{names} are left out of every week.")
        body = ["    first = datetime.date(year, month, 1)", f"    day = first - datetime.timedelta(days=(first.weekday() - {day}) % 7)",
                "    weeks = []", "    while (day.year, day.month) <= (year, month):", "        week = []", "        for _ in range(7):",
                *([f"            if day.weekday() in {tuple(free)}:", "                day += datetime.timedelta(days=1)", "                continue"]
                  if clamp == "last" else []),
                *{"zero": ["            week.append(day.day if day.month == month else 0)"],
                  "short": ["            if day.month == month:", "                week.append(day.day)"],
                  "around": ["            week.append(day.day if day.month == month else -day.day)"]}[filled],
                "            day += datetime.timedelta(days=1)", "        weeks.append(week)", "    return weeks"]  # fmt: skip
        cases = [(d.year, d.month) for d in _dates(rng, 24)]

        def weeks(year: int, month: int) -> Any:
            found = []
            for week in calendar.Calendar(day).monthdatescalendar(year, month):
                shown = [d for d in week if clamp != "last" or d.weekday() not in free]
                if filled == "short":
                    found.append([d.day for d in shown if d.month == month])
                else:
                    other = 0 if filled == "zero" else -1
                    found.append([d.day if d.month == month else other * d.day for d in shown])
            return found

        truth = weeks

    else:
        params, summary = "(date, days, holidays)", "The date that lies `days` working days after `date`."
        rules = [f"{names} are free, and so are the `holidays`, a list of dates. All dates are ISO texts.",
                 "A negative `days` counts backwards.",
                 "With 0 days the result is `date`, moved to the "
                 + ("next" if back else "nearest earlier") + " working day where it is a free day."]  # fmt: skip
        body = ["    a = datetime.date.fromisoformat(date)", f"    step = datetime.timedelta(days=1 if days > 0 or (days == 0 and {back}) else -1)",
                "", "    def free(day):", f"        return day.weekday() in {tuple(free)} or day.isoformat() in holidays", "",
                "    if days == 0:", "        while free(a):", "            a += step", "        return a.isoformat()",
                "    left = abs(days)", "    while left:", "        a += step", "        if not free(a):", "            left -= 1",
                "    return a.isoformat()"]  # fmt: skip
        cases = []
        for d in _dates(rng, 24):
            near = [(d + datetime.timedelta(rng.randint(-4, 12))).isoformat() for _ in range(rng.randint(0, 3))]
            cases.append((d.isoformat(), rng.choice([0, 0, 1, 2, 5, 10, -1, -3]), near))

        def shifted(date: str, days: int, holidays: list[str]) -> Any:
            n = Date.fromisoformat(date).toordinal()
            works = [
                m
                for m in range(n - 60, n + 60)
                if Date.fromordinal(m).weekday() not in free and Date.fromordinal(m).isoformat() not in holidays
            ]
            if days > 0:
                chosen = [m for m in works if m > n][days - 1]
            elif days < 0:
                chosen = [m for m in works if m < n][days]
            else:
                chosen = min(m for m in works if m >= n) if back else max(m for m in works if m <= n)
            return Date.fromordinal(chosen).isoformat()

        truth = shifted
    name = {
        "workdays": "working_days",
        "monthly": "payment_dates",
        "weekday_of_month": "next_meeting",
        "period": "period_label",
        "business": "shift_date",
        "ages": "birthdays_had",
        "runs": "day_runs",
        "calendar": "month_weeks",
    }[what]
    return Function(name, rng.choice(["days", "dates", "periods"]), f"a date function ({summary[0].lower() + summary[1:].rstrip('.')})", params, summary,
                    rules, "\n".join([*head, f"def {name}{params}:", "    DOC", *body]) + "\n", cases, truth,
                    {"what": what, "free": free, "back": back})  # fmt: skip
