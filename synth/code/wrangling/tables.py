"""Jobs on CSV files and on SQLite databases."""

from __future__ import annotations

import datetime
import random
from typing import Any

from synth.code.wrangling.base import Data, Job, wanted

_SHOPS = ["Harbor", "Mill", "Station", "Market"]
_GOODS = ["apples", "bread", "cheese", "dates", "eggs", "flour"]


def csv_report(rng: random.Random) -> Job:
    """Sales in one CSV file, prices in another: joined, filtered, summed up."""
    sep = rng.choice([",", ";", "\t"])
    by = rng.choice(["shop", "good"])
    measure = rng.choice(["revenue", "pieces", "days", "best"])
    unknown = rng.choice(["skip", "zero"])
    discount, least = rng.choice([0, 5, 10]), rng.randint(4, 8)
    month = rng.choice(["", "2024-05", "2024-06"])
    returns = rng.choice(["subtract", "ignore"])
    order = rng.choice(["name", "value"])
    names = {",": "commas", ";": "semicolons", "\t": "tabs"}
    told = {"revenue": "the revenue in cents", "pieces": "the number of pieces", "days": "the number of different dates with a line that counts",
            "best": "the largest number of pieces in one line that counts"}[measure]  # fmt: skip
    readme = [
        f"`sales.csv` has the columns date, shop, good, pieces, separated by {names[sep]}, with a header line. `prices.csv` has good and price",
        "(cents per piece) in the same form. White space around a value means nothing.",
        "",
        f"Wanted is a list of ({by}, value) tuples, where the value is {told}.",
        "",
        f"- {'Only lines of ' + month + ' count.' if month else 'Lines of all dates count.'}",
        "- Lines with a negative number of pieces are returns. "
        + ("They count like the others, with their sign." if returns == "subtract" else "They do not count."),
        "- "
        + (
            "Lines with a good that has no price do not count."
            if unknown == "skip"
            else "A good that has no price costs 0; its lines count."
        ),
        *(
            [
                f"- On a line of {least} pieces or more, {discount} % is taken off the amount of the line (the discount rounded down to whole cents)."
            ]
            if discount and measure == "revenue"
            else []
        ),
        "- "
        + (
            f"The tuples are sorted by {by}."
            if order == "name"
            else f"The tuples are sorted by value, highest first, equal ones by {by}."
        ),
        f"- A {by} without any line that counts does not occur.",
    ]
    add = {"revenue": "found[name] = found.get(name, 0) + amount", "pieces": "found[name] = found.get(name, 0) + pieces",
           "days": "found.setdefault(name, set()).add(row['date'])", "best": "found[name] = max(found.get(name, pieces), pieces)"}[measure]  # fmt: skip
    body = ["        pieces = int(row['pieces'])"]
    if month:
        body += [f"        if not row['date'].startswith({month!r}):", "            continue"]
    if returns == "ignore":
        body += ["        if pieces < 0:", "            continue"]
    if unknown == "skip":
        body += ["        if row['good'] not in prices:", "            continue"]
    if measure == "revenue":
        body += ["        amount = pieces * prices.get(row['good'], 0)"]
        if discount:
            body += [f"        if pieces >= {least}:", f"            amount -= amount * {discount} // 100"]
    body += [f"        name = row[{by!r}]", f"        {add}"]
    name = rng.choice(["sales_report", "summarize_sales", f"{measure}_by_{by}"])
    source = "\n".join([
        "import csv", "import os", "", "", "def read(folder, name):", '    """Rows of a file, values without white space around them."""',
        "    with open(os.path.join(folder, name), encoding='utf-8', newline='') as file:",
        f"        rows = csv.DictReader(file, delimiter={sep!r})",
        "        return [{key.strip(): value.strip() for key, value in row.items()} for row in rows]", "", "",
        f"def {name}(folder):", f'    """{told[0].upper() + told[1:]} per {by}; see README.md."""',
        "    prices = {row['good']: int(row['price']) for row in read(folder, 'prices.csv')}", "    found = {}",
        "    for row in read(folder, 'sales.csv'):", *body,
        *(["    found = {name: len(dates) for name, dates in found.items()}"] if measure == "days" else []),
        "    return sorted(found.items())" if order == "name" else "    return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))",
    ]) + "\n"  # fmt: skip

    def draw(own: random.Random, size: int) -> Data:
        rows = [(f"2024-0{own.choice([5, 5, 6, 6, 7])}-{own.randint(1, 9):02d}", own.choice(_SHOPS), own.choice(_GOODS),
                 own.choice([1, 2, 3, least - 1, least, least + 3, -1, -2])) for _ in range(size)]  # fmt: skip
        prices = {good: own.randint(15, 990) for good in own.sample(_GOODS, 4)}
        counted = [
            r
            for r in rows
            if r[0].startswith(month) and (r[3] > 0 or returns == "subtract") and (r[2] in prices or unknown == "zero")
        ]
        result = []
        for key in sorted({r[1] if by == "shop" else r[2] for r in counted}):
            mine = [r for r in counted if key in r[1:3]]
            amounts = [r[3] * prices.get(r[2], 0) for r in mine]
            cut = [
                a - (a * discount // 100 if discount and r[3] >= least else 0)
                for a, r in zip(amounts, mine, strict=True)
            ]
            result.append((key, {"revenue": sum(cut), "pieces": sum(r[3] for r in mine), "days": len({r[0] for r in mine}),
                                 "best": max(r[3] for r in mine)}[measure]))  # fmt: skip
        if order == "value":
            result.sort(key=lambda pair: -pair[1])

        def pad(value: object) -> str:
            return f" {value} " if own.random() < 0.15 else str(value)

        sales = (
            "\n".join([sep.join(["date", "shop", "good", "pieces"]), *(sep.join(pad(v) for v in row) for row in rows)])
            + "\n"
        )
        listed = (
            "\n".join([sep.join(["good", "price"]), *(sep.join(pad(v) for v in pair) for pair in prices.items())])
            + "\n"
        )
        return Data({"sales.csv": sales, "prices.csv": listed}, {}, result)

    facts = {"by": by, "measure": measure, "unknown": unknown, "returns": returns, "order": order, "discount": discount}
    return Job(name, "sales", f"a list with {told} per {by}", readme, source, draw, facts)


def sqlite_report(rng: random.Random) -> Job:
    """Members, loans and branches in a database: joins, groups, rows without a partner."""
    question = rng.choice(["open", "total", "never", "longest", "share", "ranks"])
    branch = rng.choice(["", "east", "west"])
    limit = rng.choice([0, 2, 3])
    active = rng.random() < 0.5
    day = rng.choice(["2024-03-10", "2024-04-01"])
    who = "active members" if active else "members"
    readme = ["`library.db` is an SQLite database with these tables:", "", "- members (id, name, branch, active): names are unique, active is 1 or 0;",
              "- loans (id, member_id, title, lent, returned): dates are ISO texts, returned is NULL while the loan is open.", "",
              "Wanted is " + {
                  "open": "a list of (name, number of open loans)", "total": "a list of (name, number of loans)",
                  "never": "the list of the names of those who never had a loan",
                  "longest": "a list of (name, days of the longest loan)",
                  "share": "a dict from branch to the share of its loans that are open, in whole percent, rounded down",
                  "ranks": "a list of (title, number of loans, name of the member who had it last)",
              }[question] + ".", "",
              f"- Only {who}{' of the branch ' + branch if branch else ''} count, and only their loans."]  # fmt: skip
    readme += {
        "open": ["- Who has no open loan does not occur.", "- Most open loans first, equal ones by name."],
        "total": ["- Who never had a loan occurs with 0.", "- Fewest loans first, equal ones by name."],
        "never": ["- The names are sorted."],
        "longest": [f"- Open loans count as if they came back on {day}; a loan lent after that and still open does not count.", "- Who has no loan that counts does not occur.", "- The list is sorted by name."],
        "share": ["- Branches without loans do not occur."],
        "ranks": ["- The last one is who lent the title on the latest date; on the same date the loan with the higher id counts.", "- Most loans first, equal ones by title."],
    }[question]  # fmt: skip
    if limit and question in ("open", "total", "ranks"):
        readme.append(f"- Only the first {limit} entries are wanted.")
    conditions = [*(["m.active = 1"] if active else []), *([f"m.branch = '{branch}'"] if branch else [])]

    def where(*more: str) -> str:
        return f" WHERE {' AND '.join([*more, *conditions])}" if more or conditions else ""

    cut = f" LIMIT {limit}" if limit else ""
    sql = {
        "open": f"SELECT m.name, count(*) AS n FROM members m JOIN loans l ON l.member_id = m.id{where('l.returned IS NULL')} GROUP BY m.id ORDER BY n DESC, m.name{cut}",
        "total": f"SELECT m.name, count(l.id) AS n FROM members m LEFT JOIN loans l ON l.member_id = m.id{where()} GROUP BY m.id ORDER BY n, m.name{cut}",
        "never": f"SELECT m.name FROM members m LEFT JOIN loans l ON l.member_id = m.id{where('l.id IS NULL')} ORDER BY m.name",
        "longest": f"SELECT m.name, max(CAST(julianday(coalesce(l.returned, '{day}')) - julianday(l.lent) AS INTEGER)) FROM members m JOIN loans l ON l.member_id = m.id"
                   + where(f"(l.returned IS NOT NULL OR l.lent <= '{day}')") + " GROUP BY m.id ORDER BY m.name",
        "share": f"SELECT m.branch, 100 * sum(l.returned IS NULL) / count(*) FROM members m JOIN loans l ON l.member_id = m.id{where()} GROUP BY m.branch",
        "ranks": f"SELECT l.title, m.name, l.lent, l.id FROM members m JOIN loans l ON l.member_id = m.id{where()} ORDER BY l.lent, l.id",
    }[question]  # fmt: skip
    end = {"never": ["    return [name for name, in rows]"], "share": ["    return dict(rows)"],
           "ranks": ["    counts, last = {}, {}", "    for title, name, _, _ in rows:", "        counts[title] = counts.get(title, 0) + 1",
                     "        last[title] = name", "    found = [(title, count, last[title]) for title, count in counts.items()]",
                     f"    return sorted(found, key=lambda entry: (-entry[1], entry[0])){f'[:{limit}]' if limit else ''}"]}.get(question, ["    return rows"])  # fmt: skip
    name = rng.choice(["library_report", "ask_library", f"{question}_loans"])
    source = "\n".join(["import os", "import sqlite3", "", "QUERY = (", *(f"    {part!r}" for part in _pieces(sql)), ")", "", "",
                        f"def {name}(folder):", '    """What README.md asks of library.db."""',
                        "    connection = sqlite3.connect(os.path.join(folder, 'library.db'))", "    try:",
                        "        rows = connection.execute(QUERY).fetchall()", "    finally:", "        connection.close()", *end]) + "\n"  # fmt: skip

    def draw(own: random.Random, size: int) -> Data:
        people = own.sample(["Ada", "Ben", "Cy", "Dot", "Eve", "Fay", "Gus", "Hal", "Ida"], min(9, 2 + size // 2))
        members = [
            (n, who, own.choice(["east", "west", "west", "east", "park"]), int(own.random() < 0.75))
            for n, who in enumerate(people, 1)
        ]
        loans: list[tuple[int, int, str, str, str | None]] = []
        for n in range(1, size + 1):
            lent = own.randint(1, 28)
            month = own.choice([2, 3])
            back = None if own.random() < 0.45 else f"2024-{month + 1:02d}-{own.randint(1, 28):02d}"
            loans.append(
                (
                    n,
                    own.choice(members)[0],
                    own.choice(["Atlas", "Botany", "Chess", "Dunes"]),
                    f"2024-{month:02d}-{lent:02d}",
                    back,
                )
            )
        script = "CREATE TABLE members (id INTEGER PRIMARY KEY, name TEXT, branch TEXT, active INTEGER);\n"
        script += (
            "CREATE TABLE loans (id INTEGER PRIMARY KEY, member_id INTEGER, title TEXT, lent TEXT, returned TEXT);\n"
        )
        script += "".join(f"INSERT INTO members VALUES ({i}, '{n}', '{b}', {a});\n" for i, n, b, a in members)
        script += "".join(
            f"INSERT INTO loans VALUES ({i}, {m}, '{t}', '{a}', {'NULL' if b is None else repr(b)});\n"
            for i, m, t, a, b in loans
        )
        return Data({}, {"library.db": script}, _library(question, members, loans, branch, active, limit, day))

    return Job(name, "library", wanted(readme), readme, source, draw,
               {"question": question, "branch": branch, "active": active, "limit": limit})  # fmt: skip


def _pieces(sql: str) -> list[str]:
    """A query in lines, cut before its clauses."""
    for clause in ("FROM", "JOIN", "LEFT JOIN", "WHERE", "GROUP BY", "ORDER BY", "LIMIT"):
        sql = sql.replace(f" {clause} ", f" \n{clause} ")
    return sql.replace("LEFT \nJOIN", "LEFT JOIN").split("\n")


def _library(
    question: str, members: list[Any], loans: list[Any], branch: str, active: bool, limit: int, day: str
) -> Any:
    """The truth, from the rows."""

    def days(text: str) -> int:
        return datetime.date.fromisoformat(text).toordinal()

    counted = {m[0]: m for m in members if (not active or m[3]) and branch in ("", m[2])}
    own = {key: [loan for loan in loans if loan[1] == key] for key in counted}
    names = {key: m[1] for key, m in counted.items()}
    if question == "open":
        found = [(names[k], sum(loan[4] is None for loan in mine)) for k, mine in own.items()]
        return sorted((f for f in found if f[1]), key=lambda f: (-f[1], f[0]))[: limit or None]
    if question == "total":
        return sorted(((names[k], len(mine)) for k, mine in own.items()), key=lambda f: (f[1], f[0]))[: limit or None]
    if question == "never":
        return sorted(names[k] for k, mine in own.items() if not mine)
    if question == "longest":
        spans = {
            names[k]: [days(loan[4] or day) - days(loan[3]) for loan in mine if loan[4] or loan[3] <= day]
            for k, mine in own.items()
        }
        return sorted((name, max(lengths)) for name, lengths in spans.items() if lengths)
    flat = [loan for mine in own.values() for loan in mine]
    if question == "share":
        where = {loan[0]: counted[loan[1]][2] for loan in flat}
        return {
            b: 100 * sum(loan[4] is None for loan in flat if where[loan[0]] == b) // list(where.values()).count(b)
            for b in sorted(set(where.values()))
        }
    titles = {loan[2] for loan in flat}
    told = [
        (
            t,
            sum(loan[2] == t for loan in flat),
            names[max((loan[3], loan[0], loan[1]) for loan in flat if loan[2] == t)[2]],
        )
        for t in titles
    ]
    return sorted(told, key=lambda f: (-f[1], f[0]))[: limit or None]
