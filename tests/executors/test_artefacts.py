"""What stands in a work folder, read as rows; hostile files count by their bytes."""

from __future__ import annotations

import io
import os
import random
import sqlite3
import subprocess
import zipfile
from pathlib import Path

import pytest

from synth.executors.artefacts import differences, snapshot
from synth.executors.artefacts.building import build_tables

GIT_ENV = {
    "PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b.c", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b.c",
}  # fmt: skip


def test_text_counts_without_blanks_at_ends() -> None:
    assert snapshot({"a.txt": b"x  \ny\n\n"}) == snapshot({"a.txt": b"x\ny"})
    assert snapshot({"a.txt": b"x\ny"}) != snapshot({"a.txt": b" x\ny"})


def test_rows_of_a_table_by_primary_key_and_without_one() -> None:
    old = build_tables("create table t(id integer primary key, a text); insert into t values(1,'x'),(2,'y');"
                       "create table n(a text); insert into n values('same'),('same');")  # fmt: skip
    new = build_tables("create table t(id integer primary key, a text); insert into t values(1,'z'),(3,'w');"
                       "create table n(a text); insert into n values('same');")  # fmt: skip
    found = differences("w", snapshot({"d.db": old}), snapshot({"d.db": new}))
    assert [(e["entity"], e["kind"], e["key"], e["changed"]) for e in found] == [
        ("n", "delete", '["same"]#2', []), ("t", "update", "[1]", ["a"]), ("t", "delete", "[2]", []),
        ("t", "insert", "[3]", []),
    ]  # fmt: skip


def test_an_empty_table_file_has_no_rows() -> None:
    assert snapshot({"d.db": b""}) == {}
    assert set(snapshot({"d.db": b"SQLite format 3\0" + bytes(40)})) == {"File"}


def test_nothing_in_a_table_file_is_run() -> None:
    connection = sqlite3.connect(":memory:")
    connection.executescript("create table t(a); insert into t values(1);"
                             "create view v as select load_extension('/tmp/evil') from t;")  # fmt: skip
    rows = snapshot({"d.db": connection.serialize()})
    assert rows["t"] == {"[1]#1": {"a": 1}}
    assert "v" not in rows


def test_a_repository_shows_branches_commits_and_what_is_staged(tmp_path: Path) -> None:
    script = (
        "git init -q -b main . && echo 1 > a.txt && echo x > b.txt && git add -A && git commit -qm 'First' && "
        "git checkout -qb side && echo 2 > a.txt && git rm -q b.txt && git commit -qam 'Second\n\nbody' && "
        "mkdir d && echo n > d/new.txt && git add d && git pack-refs --all"
    )
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, env=GIT_ENV, check=True)
    files = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    rows = snapshot(files)
    assert rows["Repository"] == {".": {"branch": "side"}}
    assert rows["Branch"] == {
        ".:main": {"tip": "First", "commits": 1},
        ".:side": {"tip": "Second\n\nbody", "commits": 2},
    }
    assert [c for c in rows["Commit"].values() if c["message"] != "First"] == [
        {"message": "Second\n\nbody", "added": [], "removed": ["b.txt"], "edited": ["a.txt"]}
    ]
    assert rows["Staged"] == {"./d/new.txt": {"how": "added"}}
    files[".git/index"] = files[".git/index"][:40]
    assert "unreadable" in snapshot(files)["Repository"]["."]


def package(parts: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return out.getvalue()


MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
LINE = (
    '<row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2"><v>3</v></c><c r="C2"><f>B2*2</f><v>6</v></c>'
    '<c r="D2"><v>1.5</v></c><c r="E2" t="b"><v>1</v></c><c r="F2"/></row>'
)
BOOK = {
    "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{R}"><sheets><sheet name="Plan" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<a><Relationship Id="r1" Target="worksheets/sheet1.xml"/></a>',
    "xl/sharedStrings.xml": f"<sst {MAIN}><si><t>lamp</t></si></sst>",
    "xl/worksheets/sheet1.xml": f"<worksheet {MAIN}><sheetData>{LINE}</sheetData></worksheet>",
}


def test_cells_of_a_workbook() -> None:
    rows = snapshot({"b.xlsx": package(BOOK)})
    assert rows["Sheet"] == {"b.xlsx!Plan": {"position": 0}}
    assert rows["SheetRow"] == {"b.xlsx!Plan!2": {"A": "lamp", "B": 3, "C": "=B2*2", "D": 1.5, "E": True}}


@pytest.mark.parametrize(
    "content",
    [
        b"no package",
        package({"xl/workbook.xml": "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "xl/_rels/workbook.xml.rels": "<a/>"}),
        package({**BOOK, "xl/worksheets/sheet1.xml": "<worksheet"}),
        package({**BOOK, "xl/sharedStrings.xml": f"<sst {MAIN}/>"}),
        package({**BOOK, "xl/sharedStrings.xml": "<a>" + " " * (33 * 2**20) + "</a>"}),
        package(BOOK)[:-200],
    ],
    ids=["no package", "entities", "broken", "no shared text", "bomb", "cut"],
)
def test_a_hostile_workbook_counts_by_its_bytes(content: bytes) -> None:
    assert set(snapshot({"b.xlsx": content})) == {"File"}


def test_graphs_and_records() -> None:
    graph = b'{"type":"entity","name":"Ada","entityType":"person","observations":["b","a"]}\n\n' \
            b'{"type":"relation","from":"Ada","to":"Bob","relationType":"knows"}\n'  # fmt: skip
    rows = snapshot({"m.jsonl": graph}, {"m.jsonl": "graph"})
    assert rows["Node"]["Ada"]["observations"] == ["a", "b"]
    assert list(rows["Relation"]) == ['["Ada","knows","Bob"]']
    tasks = b'{"requests": [{"requestId": "r1", "tasks": [{"id": "t1", "done": false}]}]}'
    rows = snapshot({"t.json": tasks}, {"t.json": "records"})
    assert (rows["requests"], rows["tasks"]) == ({"r1": {"requestId": "r1"}}, {"r1/t1": {"id": "t1", "done": False}})
    assert set(snapshot({"t.json": b"[" * 100_000}, {"t.json": "records"})) == {"File"}


def test_random_bytes_never_break_a_reader() -> None:
    rng = random.Random(5)
    seeds = {"a.db": build_tables("create table t(a); insert into t values(1),(2);"), "b.xlsx": package(BOOK)}
    for n in range(600):
        name = rng.choice(sorted(seeds))
        content = bytearray(seeds[name])
        for _ in range(rng.randint(1, 30)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        assert snapshot({name: bytes(content)}), n
