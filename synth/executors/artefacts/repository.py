"""Git repositories, read from their own files. The `git` program is never run on them: a repository's configuration
can name programs to start."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping

from synth.executors.artefacts.rows import Rows, Unreadable, put

MAX_OBJECT = 8 * 2**20
MAX_COMMITS = 2000
_HASH = re.compile(r"[0-9a-f]{40}")


class _Repository:
    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def object(self, name: str) -> tuple[str, bytes]:
        """Kind and content. Raises Unreadable, for packed objects too: nothing here packs."""
        raw = self._files.get(f"objects/{name[:2]}/{name[2:]}")
        if raw is None:
            raise Unreadable(f"no loose object {name[:40]}")
        try:
            data = zlib.decompressobj().decompress(raw, MAX_OBJECT)
        except zlib.error as error:
            raise Unreadable(f"object {name}: {error}") from None
        head, _, body = data.partition(b"\0")
        return head.split(b" ")[0].decode("ascii", "replace"), body

    def heads(self) -> dict[str, str]:
        """Branch -> commit."""
        found = {}
        for line in self._text("packed-refs").splitlines():
            commit, _, ref = line.partition(" ")
            if ref.startswith("refs/heads/") and _HASH.fullmatch(commit):
                found[ref.removeprefix("refs/heads/")] = commit
        for path in self._files:
            if path.startswith("refs/heads/") and _HASH.fullmatch(commit := self._text(path).strip()):
                found[path.removeprefix("refs/heads/")] = commit
        return found

    def _text(self, path: str) -> str:
        return self._files.get(path, b"").decode("utf-8", "replace")

    def head(self) -> str:
        return self._text("HEAD").strip().removeprefix("ref: refs/heads/")

    def commit(self, name: str) -> tuple[list[str], str, str]:
        """Parents, tree, message."""
        kind, body = self.object(name)
        if kind != "commit":
            raise Unreadable(f"{name} is a {kind}")
        head, _, message = body.decode("utf-8", "replace").partition("\n\n")
        fields = [line.split(" ", 1) for line in head.splitlines() if " " in line]
        return [v for k, v in fields if k == "parent"], next(v for k, v in fields if k == "tree"), message.strip()

    def tree(self, name: str, under: str = "", depth: int = 0) -> dict[str, str]:
        """Path -> object of every file."""
        if depth > 40:
            raise Unreadable("a tree is nested too deeply")
        _, body = self.object(name)
        found: dict[str, str] = {}
        while body:
            head, _, rest = body.partition(b"\0")
            mode, _, title = head.partition(b" ")
            path, entry, body = under + title.decode("utf-8", "replace"), rest[:20].hex(), rest[20:]
            found.update(self.tree(entry, path + "/", depth + 1) if mode == b"40000" else {path: entry})
        return found

    def staged(self) -> dict[str, str]:
        """Path -> object of the index."""
        data = self._files.get("index", b"")
        if not data:
            return {}
        if data[:4] != b"DIRC" or int.from_bytes(data[4:8], "big") not in (2, 3):
            raise Unreadable("an index of another version")
        found, at = {}, 12
        for _ in range(int.from_bytes(data[8:12], "big")):
            flags = int.from_bytes(data[at + 60 : at + 62], "big")
            start = at + (64 if flags & 0x4000 else 62)
            end = data.find(b"\0", start)
            if end < 0:
                raise Unreadable("an index that is cut off")
            found[data[start:end].decode("utf-8", "replace")] = data[at + 40 : at + 60].hex()
            at += (end - at + 8) // 8 * 8
        return found


def read_repository(folder: str, files: Mapping[str, bytes], rows: Rows) -> None:
    """`files`: what is in `.git`, by path in it. Entities `Repository` (branch checked out), `Branch` (commit),
    `Commit` (message, what it changed), `Staged` (files whose index entry is not that of the checked out commit)."""
    repository = _Repository(files)
    heads = repository.heads()
    put(rows, "Repository", folder, {"branch": repository.head()})
    waiting, seen = sorted(set(heads.values())), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or len(seen) > MAX_COMMITS:
            continue
        seen.add(name)
        parents, tree, message = repository.commit(name)
        now = repository.tree(tree)
        was = repository.tree(repository.commit(parents[0])[1]) if parents else {}
        fields = {
            "message": message, "added": sorted(now.keys() - was.keys()), "removed": sorted(was.keys() - now.keys()),
            "edited": sorted(p for p in now.keys() & was.keys() if now[p] != was[p]),
        }  # fmt: skip
        put(rows, "Commit", f"{folder}@{name}", fields)
        waiting += parents
    for branch, commit in heads.items():
        parents, _, message = repository.commit(commit)
        put(rows, "Branch", f"{folder}:{branch}", {"tip": message, "commits": _length(repository, commit)})
    tip = heads.get(repository.head())
    base = repository.tree(repository.commit(tip)[1]) if tip else {}
    staged = repository.staged()
    for path in sorted({*base, *staged}):
        if base.get(path) != staged.get(path):
            how = "added" if path not in base else "removed" if path not in staged else "edited"
            put(rows, "Staged", f"{folder}/{path}", {"how": how})


def _length(repository: _Repository, commit: str) -> int:
    """Commits on the first-parent line."""
    n, at = 0, [commit]
    while at and n < MAX_COMMITS:
        n, at = n + 1, repository.commit(at[0])[0]
    return n
