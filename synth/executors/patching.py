"""Unified diffs, applied to texts as people and models write them: line numbers are hints, the context decides."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_HUNK = re.compile(r"^@@(?: -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@)?")
_SKIPPED = ("diff ", "index ", "new file", "deleted file", "old mode", "new mode", "similarity", "rename ")
_NO_NEWLINE = "\\ No newline"


class PatchError(ValueError):
    """The patch cannot be read or does not fit; the text says which file and hunk."""


@dataclass
class Hunk:
    """Lines without their newline; `at`: 0-based line where the old block is said to begin, None where unsaid."""

    at: int | None
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


@dataclass
class FilePatch:
    """`old` None: the file is made; `new` None: the file is removed."""

    old: str | None
    new: str | None
    hunks: list[Hunk] = field(default_factory=list)


def parse(text: str) -> list[FilePatch]:
    """The file patches of a unified diff. Raises PatchError where it is none."""
    patches: list[FilePatch] = []
    hunk: Hunk | None = None
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line.startswith("--- ") and following.startswith("+++ "):
            patches.append(FilePatch(_path(line[4:]), _path(following[4:])))
            hunk = None
        elif line.startswith("+++ ") and number and lines[number - 1].startswith("--- "):
            continue
        elif found := _HUNK.match(line):
            if not patches:
                raise PatchError("a hunk stands before any '--- a/FILE' and '+++ b/FILE' lines")
            hunk = Hunk(max(int(found.group(1)) - 1, 0) if found.group(1) else None)
            patches[-1].hunks.append(hunk)
        elif hunk is None:
            if line.strip() and not line.startswith(_SKIPPED):
                raise PatchError(f"line {number + 1} is neither a file header nor part of a hunk: {line[:80]!r}")
        elif line.startswith(_SKIPPED) and not line.startswith((" ", "+", "-")):
            hunk = None
        else:
            _take(hunk, line, number)
    if not patches:
        raise PatchError("no '--- a/FILE' and '+++ b/FILE' lines; send a unified diff")
    for patch in patches:
        if not patch.hunks and patch.new is not None:
            raise PatchError(f"{patch.new}: there is no hunk (a line beginning with @@)")
    return patches


def _take(hunk: Hunk, line: str, number: int) -> None:
    if line.startswith(_NO_NEWLINE):
        return
    sign, rest = (line[0], line[1:]) if line else (" ", "")
    if sign not in " +-":
        raise PatchError(f"line {number + 1} begins with none of ' ', '+', '-': {line[:80]!r}")
    if sign != "+":
        hunk.old.append(rest)
    if sign != "-":
        hunk.new.append(rest)


def _path(said: str) -> str | None:
    name = said.split("\t")[0].strip()
    if name == "/dev/null":
        return None
    return name[2:] if name.startswith(("a/", "b/")) else name


def apply_hunks(text: str, hunks: list[Hunk], name: str) -> str:
    """`text` with the hunks applied in order. Raises PatchError naming the hunk that does not fit."""
    lines = text.split("\n")
    shift, floor = 0, 0  # how far earlier hunks moved what follows; where the next one may begin
    for ordinal, hunk in enumerate(hunks, 1):
        at = _locate(lines, hunk, shift, floor, f"{name}: hunk {ordinal}")
        lines[at : at + len(hunk.old)] = hunk.new
        shift += len(hunk.new) - len(hunk.old)
        floor = at + len(hunk.new)
    return "\n".join(lines)


def _locate(lines: list[str], hunk: Hunk, shift: int, floor: int, where: str) -> int:
    size = len(hunk.old)
    if not size:
        return min(max(0 if hunk.at is None else hunk.at + 1 + shift, floor), len(lines))
    fits = [at for at in range(floor, len(lines) - size + 1) if lines[at : at + size] == hunk.old]
    if not fits:
        raise PatchError(f"{where} does not fit: its context {hunk.old[0][:80]!r} ... is not there as given")
    if hunk.at is None:
        if len(fits) > 1:
            raise PatchError(f"{where} fits in {len(fits)} places; give line numbers or more context")
        return fits[0]
    said = hunk.at + shift
    return min(fits, key=lambda at: (abs(at - said), at))


def apply_patch(text: str, files: Mapping[str, str]) -> dict[str, str | None]:
    """What becomes of the files that a unified diff names: path -> new text, None where it is removed. All or nothing.

    Raises PatchError; `files` is left as it was.
    """
    changed: dict[str, str | None] = {}
    for patch in parse(text):
        if patch.old is None and patch.new is not None:
            if patch.new in files:
                raise PatchError(f"{patch.new} is there already; patch it, do not make it")
            made = [line for hunk in patch.hunks for line in hunk.new]
            changed[patch.new] = "\n".join(made) + "\n"
            continue
        if patch.old is None or patch.old not in {**files, **changed}:
            raise PatchError(f"there is no file {patch.old or patch.new}")
        if patch.new is None:
            changed[patch.old] = None
            continue
        before = changed.get(patch.old, files.get(patch.old))
        if before is None:
            raise PatchError(f"{patch.old} was removed by the same patch")
        after = apply_hunks(before, patch.hunks, patch.old)
        if patch.new != patch.old:
            changed[patch.old] = None
        changed[patch.new] = after
    return changed


def unified(path: str, before: str | None, after: str | None, context: int = 3) -> str:
    """The unified diff from one text to another; None stands for no file. Empty where they are equal."""
    old = [] if before is None else before.splitlines()
    new = [] if after is None else after.splitlines()
    names = ("/dev/null" if before is None else f"a/{path}", "/dev/null" if after is None else f"b/{path}")
    return "".join(f"{line}\n" for line in difflib.unified_diff(old, new, *names, lineterm="", n=context))
