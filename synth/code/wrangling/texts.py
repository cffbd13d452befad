"""Jobs on nested JSON, on log files and on messy tables."""

from __future__ import annotations

import itertools
import json
import random
import statistics
from collections import Counter
from typing import Any

from synth.code.wrangling.base import Data, Job, wanted

_PEOPLE = ["Ada", "Ben", "Cy", "Dot", "Eve", "Fay"]


def json_reshape(rng: random.Random) -> Job:
    """Projects with tasks and people, nested; flat rows or sums out."""
    shape = rng.choice(["rows", "people", "tags", "tree"])
    status = rng.choice(["", "open", "done"])
    missing = rng.choice(["skip", "zero"])
    archived = rng.random() < 0.5
    upper = rng.random() < 0.4
    readme = [
        "`projects.json` is a list of projects: {name, archived, tasks}. A task is {title, status, hours, owners, tags}; hours can be null or",
        "missing altogether, owners and tags are lists of texts, which can be missing as well (then they are empty).", "",
        "Wanted is " + {
            "rows": "a list of [project, title, hours, number of owners], one for each task",
            "people": "a dict from each owner to the hours of their tasks; the hours of a task with several owners are shared out equally, rounded down",
            "tags": "a list of (tag, number of tasks, hours) tuples",
            "tree": "a dict from project to a dict from status to the list of titles",
        }[shape] + ".", "",
        f"- {'Only tasks with status ' + status + ' count.' if status else 'Tasks of every status count.'}",
        f"- Archived projects {'count like the others' if archived else 'do not count'}.",
        "- " + ("Tasks without hours do not count." if missing == "skip" else "Tasks without hours count with 0 hours."),
        *(["- Tags that differ only in upper and lower case are the same; they are written in lower case."] if upper and shape == "tags" else []),
        {"rows": "- Rows come in the order of the file.", "people": "- Tasks without owners count for the name 'nobody'.",
         "tags": "- Sorted by the number of tasks, highest first, then by tag. A tag that a task has twice counts once.",
         "tree": "- Titles are sorted; projects without tasks that count do not occur."}[shape],
    ]  # fmt: skip
    loop = ["    for project in projects:", *([] if archived else ["        if project.get('archived'):", "            continue"]),
            "        for task in project['tasks']:",
            *([f"            if task['status'] != {status!r}:", "                continue"] if status else []),
            "            hours = task.get('hours')", "            if hours is None:",
            "                continue" if missing == "skip" else "                hours = 0"]  # fmt: skip
    body = {
        "rows": ["    found = []", *loop, "            owners = task.get('owners', [])",
                 "            found.append([project['name'], task['title'], hours, len(owners)])", "    return found"],
        "people": ["    found = {}", *loop, "            owners = task.get('owners') or ['nobody']", "            for owner in owners:",
                   "                found[owner] = found.get(owner, 0) + hours // len(owners)", "    return found"],
        "tags": ["    found = {}", *loop, f"            for tag in {{tag{'.lower()' if upper else ''} for tag in task.get('tags', [])}}:",
                 "                count, sum_ = found.get(tag, (0, 0))", "                found[tag] = (count + 1, sum_ + hours)",
                 "    listed = [(tag, count, hours) for tag, (count, hours) in found.items()]",
                 "    return sorted(listed, key=lambda entry: (-entry[1], entry[0]))"],
        "tree": ["    found = {}", *loop, "            statuses = found.setdefault(project['name'], {})",
                 "            statuses.setdefault(task['status'], []).append(task['title'])",
                 "    return {name: {status: sorted(titles) for status, titles in own.items()} for name, own in found.items()}"],
    }[shape]  # fmt: skip
    name = rng.choice(["reshape_projects", "project_report", f"projects_{shape}"])
    source = "\n".join(["import json", "import os", "", "", f"def {name}(folder):", '    """See README.md."""',
                        "    with open(os.path.join(folder, 'projects.json'), encoding='utf-8') as file:", "        projects = json.load(file)", *body]) + "\n"  # fmt: skip

    def draw(own: random.Random, size: int) -> Data:
        projects: list[dict[str, Any]] = []
        names = ["Pier", "Roof", "Lift", "Gate", "Wall"]
        for n in range(min(size, 2 + size // 6)):
            projects.append(
                {"name": names[n % 5] + ("" if n < 5 else str(n)), "archived": own.random() < 0.25, "tasks": []}
            )
        for n in range(size):
            task: dict[str, Any] = {
                "title": f"{own.choice(['paint', 'check', 'order', 'measure'])} {n + 1}",
                "status": own.choice(["open", "done", "open", "held"]),
            }
            if own.random() < 0.85:
                task["hours"] = own.choice([None, *range(1, 12)])
            if own.random() < 0.85:
                task["owners"] = own.sample(_PEOPLE, own.randint(0, 3))
            if own.random() < 0.85:
                task["tags"] = [
                    own.choice(["red", "Red", "blue", "late", "Late", "wet"]) for _ in range(own.randint(0, 3))
                ]
            own.choice(projects)["tasks"].append(task)
        flat = [(p["name"], t, t.get("hours") or 0) for p in projects if archived or not p["archived"] for t in p["tasks"]
                if status in ("", t["status"]) and (missing == "zero" or t.get("hours") is not None)]  # fmt: skip
        return Data({"projects.json": json.dumps(projects, indent=1) + "\n"}, {}, _projects(shape, flat, upper))

    return Job(name, "projects", wanted(readme), readme, source, draw,
               {"shape": shape, "status": status, "missing": missing, "archived": archived})  # fmt: skip


def _projects(shape: str, flat: list[tuple[str, dict[str, Any], int]], upper: bool) -> Any:
    """The truth, from the counted tasks."""
    if shape == "rows":
        return [[name, task["title"], hours, len(task.get("owners", ()))] for name, task, hours in flat]
    if shape == "people":
        shares = [
            (owner, hours // max(len(task.get("owners", ())), 1))
            for _, task, hours in flat
            for owner in task.get("owners") or ("nobody",)
        ]
        return {owner: sum(h for o, h in shares if o == owner) for owner, _ in shares}
    if shape == "tags":
        marks = [
            (set(map(str.lower, t.get("tags", ())) if upper else t.get("tags", ())), hours) for _, t, hours in flat
        ]
        known = {tag for tags, _ in marks for tag in tags}
        return sorted(
            ((k, sum(k in t for t, _ in marks), sum(h for t, h in marks if k in t)) for k in known),
            key=lambda e: (-e[1], e[0]),
        )
    return {name: {s: sorted(t["title"] for n, t, _ in flat if n == name and t["status"] == s) for s in sorted({t["status"] for n, t, _ in flat if n == name})}
            for name in sorted({n for n, _, _ in flat})}  # fmt: skip


_LOG_QUESTIONS = ["slow", "errors", "busy", "gaps", "sessions", "slowest", "hours", "streaks", "arrivals", "steps"]
_ABOUT_PATHS = ("slow", "errors", "slowest", "arrivals", "steps")


def log_summary(rng: random.Random) -> Job:
    """A log file of a drawn form: requests with their time and result."""
    form = rng.choice(["spaced", "pairs", "piped"])
    question = rng.choice(_LOG_QUESTIONS)
    limit = rng.choice([200, 300, 500])
    pause = rng.choice([60, 120, 300])
    codes = rng.choice([400, 500])
    only = rng.choice(["all", "method", "late", *([] if question in ("errors", "streaks") else ["fine"])])
    forms = {
        "spaced": ("`09:15:02 GET /pages 200 35ms user=Ada`", r"(\d\d):(\d\d):(\d\d) (\w+) (\S+) (\d+) (\d+)ms user=(\w+)"),
        "pairs": ("`time=09:15:02 user=Ada method=GET path=/pages status=200 ms=35`", r"time=(\d\d):(\d\d):(\d\d) user=(\w+) method=(\w+) path=(\S+) status=(\d+) ms=(\d+)"),
        "piped": ("`Ada | 09:15:02 | GET /pages | 200 | 35`", r"(\w+) \| (\d\d):(\d\d):(\d\d) \| (\w+) (\S+) \| (\d+) \| (\d+)"),
    }  # fmt: skip
    order = {"spaced": "h, m, s, method, path, status, ms, user", "pairs": "h, m, s, user, method, path, status, ms",
             "piped": "user, h, m, s, method, path, status, ms"}[form]  # fmt: skip
    readme = [
        f"Each line of `server.log` is one request with the time of day, the method, the path, the status, the user and the milliseconds it took: {forms[form][0]}.",
        "Lines of another form are remarks and are ignored. Lines are in the order of time, within one day.", "",
        "Wanted is " + {
            "slow": f"a dict from path to the number of its requests that took more than {limit} ms",
            "errors": f"a list of (path, errors, requests) tuples, where errors are requests with a status of {codes} or more",
            "busy": "a tuple: the minute of the day with the most requests as 'HH:MM', and how many there were",
            "gaps": f"the list of pauses of more than {pause} seconds between a request and the one after it, as ('HH:MM:SS', seconds) with the time of the request before the pause",
            "sessions": f"a dict from user to the number of their sessions; a session ends where the same user is silent for more than {pause} seconds",
            "slowest": "a dict from path to the most milliseconds that one of its requests took",
            "hours": "a dict from the hour as 'HH' to the mean milliseconds of its requests, rounded down",
            "streaks": f"a dict from user to the largest number of their requests in a row with a status of {codes} or more",
            "arrivals": "a list of (user, path) with the first request of each user",
            "steps": "a list of (path, next path, how often): how often a user's next request after one path was one of another path",
        }[question] + ".", "",
        {"slow": "- Paths without such a request do not occur.", "errors": "- Only paths with at least one error; most errors first, equal ones by path.",
         "busy": "- The earliest of several such minutes; (None, 0) without requests.", "gaps": "- In the order of time.",
         "sessions": "- Every user with a request has at least one session.", "slowest": "- Every path with a request occurs.",
         "hours": "- Hours without requests do not occur.", "streaks": "- Users with requests, but without such a one, have 0.",
         "arrivals": "- In the order of time.", "steps": "- Most often first, equal ones by path and next path; the same path twice in a row is no step."}[question],
        *(["- What stands behind a '?' does not belong to the path."] if question in _ABOUT_PATHS else []),
        *({"all": [], "method": ["- Only GET requests count; the others are as if they were not there."],
           "late": ["- Requests before 09:10 are as if they were not there."],
           "fine": ["- Requests with a status of 500 or more are as if they were not there."]}[only]),
    ]  # fmt: skip
    start = {"slow": ["    found = {}"], "errors": ["    errors, requests = {}, {}"], "busy": ["    found = {}"], "gaps": ["    found, before = [], None"],
             "sessions": ["    found, last = {}, {}"], "hours": ["    total, requests = {}, {}"], "streaks": ["    found, run = {}, {}"],
             "steps": ["    found, last = {}, {}"]}.get(question, ["    found = {}"])  # fmt: skip
    passed_over = {"all": [], "method": ["        if method != 'GET':", "            continue"],
                   "late": ["        if (int(h), int(m)) < (9, 10):", "            continue"],
                   "fine": ["        if int(status) >= 500:", "            continue"]}[only]  # fmt: skip
    body = passed_over + {
        "slow": ["        path = path.split('?')[0]", f"        if int(ms) > {limit}:", "            found[path] = found.get(path, 0) + 1"],
        "errors": ["        path = path.split('?')[0]", "        requests[path] = requests.get(path, 0) + 1",
                   f"        if int(status) >= {codes}:", "            errors[path] = errors.get(path, 0) + 1"],
        "busy": ["        minute = f'{h}:{m}'", "        found[minute] = found.get(minute, 0) + 1"],
        "gaps": ["        now = int(h) * 3600 + int(m) * 60 + int(s)", f"        if before is not None and now - before[1] > {pause}:",
                 "            found.append((before[0], now - before[1]))", "        before = (f'{h}:{m}:{s}', now)"],
        "sessions": ["        now = int(h) * 3600 + int(m) * 60 + int(s)", f"        if user not in last or now - last[user] > {pause}:",
                     "            found[user] = found.get(user, 0) + 1", "        last[user] = now"],
        "slowest": ["        path = path.split('?')[0]", "        found[path] = max(found.get(path, 0), int(ms))"],
        "hours": ["        total[h] = total.get(h, 0) + int(ms)", "        requests[h] = requests.get(h, 0) + 1"],
        "streaks": [f"        run[user] = run.get(user, 0) + 1 if int(status) >= {codes} else 0",
                    "        found[user] = max(found.get(user, 0), run[user])"],
        "arrivals": ["        found.setdefault(user, path.split('?')[0])"],
        "steps": ["        path = path.split('?')[0]", "        before = last.get(user, path)", "        if before != path:",
                  "            found[before, path] = found.get((before, path), 0) + 1", "        last[user] = path"],
    }[question]  # fmt: skip
    end = {"errors": ["    listed = [(path, count, requests[path]) for path, count in errors.items()]",
                      "    return sorted(listed, key=lambda entry: (-entry[1], entry[0]))"],
           "busy": ["    if not found:", "        return None, 0", "    most = max(found.values())",
                    "    return min(minute for minute, count in found.items() if count == most), most"],
           "hours": ["    return {hour: total[hour] // count for hour, count in requests.items()}"],
           "arrivals": ["    return list(found.items())"],
           "steps": ["    listed = [(before, path, count) for (before, path), count in found.items()]",
                     "    return sorted(listed, key=lambda step: (-step[2], step[0], step[1]))"]}.get(question, ["    return found"])  # fmt: skip
    name = rng.choice(["read_log", "log_report", f"log_{question}"])
    source = "\n".join(["import os", "import re", "", f"LINE = re.compile(r'{forms[form][1]}')", "", "", f"def {name}(folder):", '    """See README.md."""',
                        "    with open(os.path.join(folder, 'server.log'), encoding='utf-8') as file:", "        lines = file.read().splitlines()", *start,
                        "    for line in lines:", "        match = LINE.fullmatch(line.strip())", "        if not match:", "            continue",
                        f"        {order} = match.groups()", *body, *end]) + "\n"  # fmt: skip

    def draw(own: random.Random, size: int) -> Data:
        now, rows, lines = 9 * 3600 + own.randint(0, 500), [], []
        for _ in range(size * 2):
            now += own.choice([0, 1, 4, 20, pause, pause + 1, pause * 2, 9])
            clock = f"{now // 3600:02d}:{now // 60 % 60:02d}:{now % 60:02d}"
            row = (now, own.choice(_PEOPLE[:4]), own.choice(["GET", "PUT"]), own.choice(["/pages", "/cart", "/login", "/cart?id=7"]),
                   own.choice([200, 200, 200, 302, 404, 400, 500, 503]), own.choice([3, 20, limit, limit + 1, limit * 2]))  # fmt: skip
            rows.append(row)
            _, user, method, path, code, ms = row
            lines.append({"spaced": f"{clock} {method} {path} {code} {ms}ms user={user}",
                          "pairs": f"time={clock} user={user} method={method} path={path} status={code} ms={ms}",
                          "piped": f"{user} | {clock} | {method} {path} | {code} | {ms}"}[form])  # fmt: skip
            if own.random() < 0.12:
                lines.append(own.choice(["-- restarted --", "", "warming up: 200 35ms"]))
        counted = [r for r in rows if {"all": True, "method": r[2] == "GET", "late": r[0] >= (9 * 60 + 10) * 60,
                                       "fine": r[4] < 500}[only]]  # fmt: skip
        return Data({"server.log": "\n".join(lines) + "\n"}, {}, _log(question, counted, limit, pause, codes))

    return Job(name, "logs", wanted(readme), readme, source, draw,
               {"form": form, "question": question, "limit": limit, "pause": pause, "only": only})  # fmt: skip


def _log(question: str, rows: list[tuple[int, str, str, str, int, int]], limit: int, pause: int, codes: int) -> Any:
    """The truth, from the requests."""
    clean = [(now, user, path.partition("?")[0], code, ms) for now, user, _, path, code, ms in rows]
    paths = sorted({row[2] for row in clean})
    if question == "slow":
        return {p: n for p in paths if (n := sum(row[2] == p and row[4] > limit for row in clean))}
    if question == "errors":
        told = [(p, sum(r[2] == p and r[3] >= codes for r in clean), sum(r[2] == p for r in clean)) for p in paths]
        return sorted((one for one in told if one[1]), key=lambda one: -one[1])
    if question == "busy":
        minutes = [row[0] // 60 for row in clean]
        best = max(sorted(set(minutes)), key=minutes.count, default=None)
        return (None, 0) if best is None else (f"{best // 60:02d}:{best % 60:02d}", minutes.count(best))
    if question == "gaps":
        times = [row[0] for row in clean]
        return [
            (f"{a // 3600:02d}:{a // 60 % 60:02d}:{a % 60:02d}", b - a)
            for a, b in itertools.pairwise(times)
            if b - a > pause
        ]
    if question == "slowest":
        return {p: max(row[4] for row in clean if row[2] == p) for p in paths}
    if question == "hours":
        by_hour = itertools.groupby(clean, lambda row: f"{row[0] // 3600:02d}")  # they are in the order of time
        return {hour: int(statistics.fmean(row[4] for row in some)) for hour, some in by_hour}
    of_users = {user: [row for row in clean if row[1] == user] for user in dict.fromkeys(row[1] for row in clean)}
    if question == "streaks":
        runs = {u: itertools.groupby(mine, lambda row: row[3] >= codes) for u, mine in of_users.items()}
        return {u: max((len(list(some)) for bad, some in of if bad), default=0) for u, of in runs.items()}
    if question == "arrivals":
        return [(user, mine[0][2]) for user, mine in of_users.items()]
    if question == "steps":
        went = Counter((a[2], b[2]) for mine in of_users.values() for a, b in itertools.pairwise(mine) if a[2] != b[2])
        return sorted(((a, b, n) for (a, b), n in went.items()), key=lambda step: (-step[2], step[:2]))
    return {user: 1 + sum(b[0] - a[0] > pause for a, b in itertools.pairwise(mine)) for user, mine in of_users.items()}


def messy_table(rng: random.Random) -> Job:
    """A table typed by hand: dates in several forms, numbers with separators, doubles, gaps."""
    dates = rng.sample(["iso", "dotted", "slashed", "worded"], 2)
    comma = rng.random() < 0.5
    double = rng.choice(["first", "last", "sum"])
    gap = rng.choice(["drop", "none", "carry"])
    out = rng.choice(["rows", "months", "range"])
    forms = {
        "iso": "2024-03-07",
        "dotted": "7.3.2024 (day, month, year)",
        "slashed": "03/07/2024 (month, day, year)",
        "worded": "7 Mar 2024",
    }
    readme = [
        "`readings.txt` was typed by hand: one reading per line, `DATE | PLACE | AMOUNT`.", "",
        f"- Dates are written like {forms[dates[0]]} or like {forms[dates[1]]}.",
        f"- Amounts are written with a {'comma as decimal sign and points between thousands: 1.234,5' if comma else 'point as decimal sign and commas between thousands: 1,234.5'}. There is at most one decimal.",
        "- Places are the same whatever their case and the white space around and inside them; they are written like `North Gate` (each word with a capital).",
        "- " + {"drop": "A line whose amount is empty or '-' is left out.", "none": "An amount that is empty or '-' becomes None.",
                "carry": "An amount that is empty or '-' becomes the one of the line before for the same place; without such a line the line is left out."}[gap],
        "- " + {"first": "Of several lines for the same date and place the first counts", "last": "Of several lines for the same date and place the last counts",
                "sum": "Several lines for the same date and place become one with the sum of their amounts"}[double]
        + (" (None counts as 0 in a sum)." if double == "sum" and gap == "none" else "."),
        "- Lines that do not have three parts are ignored.", "",
        "Amounts are told in tenths, as whole numbers (1,234.5 is 12345).", "",
        "Wanted is " + {"rows": "a list of (ISO date, place, amount), sorted by date, then place",
                        "months": "a dict from month ('2024-03') to the sum of its amounts" + (" (None counts as 0)" if gap == "none" else ""),
                        "range": "a dict from place to a tuple of its first and its last ISO date"}[out] + ".",
    ]  # fmt: skip
    readers = {
        "iso": ("-", "    if '-' in text:", "        year, month, day = text.split('-')"),
        "dotted": (".", "    if '.' in text:", "        day, month, year = text.split('.')"),
        "slashed": ("/", "    if '/' in text:", "        month, day, year = text.split('/')"),
        "worded": (
            " ",
            "    if ' ' in text:",
            "        day, word, year = text.split()\n        month = MONTHS.index(word) + 1",
        ),
    }
    reading = [*readers[dates[0]][1:], "    else:", readers[dates[1]][2]]
    name = rng.choice(["clean_readings", "read_table", "tidy_up"])
    lines = [
        "import os", "", *(['MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()', "", ""] if "worded" in dates else [""]),
        "def iso_date(text):", *reading, "    return f'{int(year):04d}-{int(month):02d}-{int(day):02d}'", "", "",
        "def tenths(text):", "    if text in ('', '-'):", "        return None",
        "    whole, _, part = " + ("text.replace('.', '').partition(',')" if comma else "text.replace(',', '').partition('.')"),
        "    return int(whole) * 10 + int(part or 0)", "", "",
        f"def {name}(folder):", '    """See README.md."""',
        "    with open(os.path.join(folder, 'readings.txt'), encoding='utf-8') as file:", "        lines = file.read().splitlines()",
        "    found = {}", *(["    latest = {}"] if gap == "carry" else []), "    for line in lines:", "        parts = [part.strip() for part in line.split('|')]",
        "        if len(parts) != 3:", "            continue", "        place = ' '.join(word.capitalize() for word in parts[1].split())",
        "        key, amount = (iso_date(parts[0]), place), tenths(parts[2])",
        *({"drop": ["        if amount is None:", "            continue"], "none": [],
           "carry": ["        if amount is None:", "            amount = latest.get(place)", "        if amount is None:", "            continue", "        latest[place] = amount"]}[gap]),
        *({"first": ["        found.setdefault(key, amount)"], "last": ["        found[key] = amount"],
           "sum": ["        if key in found:", f"            amount = {'(found[key] or 0) + (amount or 0)' if gap == 'none' else 'found[key] + amount'}", "        found[key] = amount"]}[double]),
        *({"rows": ["    return sorted((date, place, amount) for (date, place), amount in found.items())"],
           "months": ["    months = {}", "    for (date, _), amount in found.items():", f"        months[date[:7]] = months.get(date[:7], 0) + {'(amount or 0)' if gap == 'none' else 'amount'}", "    return months"],
           "range": ["    dates = {}", "    for date, place in found:", "        dates.setdefault(place, []).append(date)", "    return {place: (min(own), max(own)) for place, own in dates.items()}"]}[out]),
    ]  # fmt: skip

    def draw(own: random.Random, size: int) -> Data:
        text: list[str] = []
        seen: list[tuple[tuple[str, str], int | None]] = []
        latest: dict[str, int] = {}
        for _ in range(size):
            y, m, d = 2024, own.randint(1, 4), own.randint(1, 6) if own.random() < 0.6 else own.randint(7, 28)
            place = own.choice(["North Gate", "Dam", "Old Mill"])
            amount = (
                None
                if own.random() < 0.2
                else own.randint(0, 99999)
                if own.random() < 0.5
                else own.randint(1, 400) * 10
            )
            kind = own.choice(dates)
            month = ["Jan", "Feb", "Mar", "Apr"][m - 1]
            date = {
                "iso": f"{y}-{m:02d}-{d:02d}",
                "dotted": f"{d}.{m}.{y}",
                "slashed": f"{m:02d}/{d:02d}/{y}",
                "worded": f"{d} {month} {y}",
            }[kind]
            typed = own.choice([place, place.upper(), place.lower().replace(" ", "  ")])
            if amount is None:
                shown = own.choice(["", "-"])
            else:
                shown = f"{amount // 10:,}" + (f".{amount % 10}" if amount % 10 or own.random() < 0.3 else "")
                shown = shown.translate(str.maketrans(",.", ".,")) if comma else shown
            text.append(f"{date} | {typed} | {shown}")
            if own.random() < 0.1:
                text.append(own.choice(["checked by Kim", "", "7.3.2024 | Dam"]))
            if amount is None and gap == "carry":
                amount = latest.get(place)
            if amount is not None:
                latest[place] = amount
            if amount is not None or gap == "none":
                seen.append(((f"{y}-{m:02d}-{d:02d}", place), amount))
        return Data({"readings.txt": "\n".join(text) + "\n"}, {}, _readings(seen, double, out))

    return Job(name, "readings", wanted(readme), readme, "\n".join(lines) + "\n", draw,
               {"dates": dates, "comma": comma, "double": double, "gap": gap, "out": out})  # fmt: skip


def _readings(seen: list[tuple[tuple[str, str], int | None]], double: str, out: str) -> Any:
    """The truth, from the readings that count."""
    found: dict[tuple[str, str], int | None] = {}
    for key in dict.fromkeys(key for key, _ in seen):
        own = [amount for other, amount in seen if other == key]
        summed = None if own == [None] else sum(a or 0 for a in own)
        found[key] = {"first": own[0], "last": own[-1], "sum": summed}[double]
    if out == "rows":
        return sorted((date, place, amount) for (date, place), amount in found.items())
    if out == "months":
        return {m: sum(a or 0 for (d, _), a in found.items() if d[:7] == m) for m in sorted({d[:7] for d, _ in found})}
    return {
        p: (min(d for d, q in found if q == p), max(d for d, q in found if q == p))
        for p in sorted({p for _, p in found})
    }
