"""A folder of code during one episode: files are read and changed on this side, programs run in a sandbox.

The tree is kept here. Before a program runs, what changed since is put into the sandbox; afterwards the tree is taken
from there again, as no process outlives its run. So file tools cost nothing, and an episode that runs nothing opens no
sandbox at all.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import posixpath
from collections.abc import Callable, Mapping
from typing import Any

import jsonschema_rs

from synth.errors import TaskFailure
from synth.executors.patching import PatchError, apply_patch, parse
from synth.executors.protocol import Outcome
from synth.executors.workspace_jobs import MARK, RUN_TESTS, SEARCH, normalised
from synth.executors.workspace_tools import BY_NAME
from synth.records import content_hash, json_text
from synth.sandbox import Engine, Limits, Ran, Sandbox, SandboxError

NAME = "workspace"  # in `calls.executor`
ENTITY = "file"
MAX_FILES, MAX_TREE = 2_000, 8 << 20  # files, bytes of the whole tree
MAX_SHOWN = 16_000  # characters of one output, or of one file read at once
MAX_KEPT = 8_000  # characters of a file that `diff` keeps as text
MAX_MATCHES = 60
BOUNDARY = "executors.workspace"


class Wrong(Exception):
    """A call that cannot be carried out: code and sentence for the caller."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class WorkspaceExecutor:
    """One workspace. A sandbox of `engine` is opened before the first program runs. Raises TaskFailure("infra") where
    the sandbox itself breaks; whatever the caller or its programs do is an Outcome."""

    name = NAME
    latency_is_real = False

    def __init__(
        self,
        world_id: str,
        engine: Engine,
        files: Mapping[str, bytes],
        limits: Limits | None = None,
    ) -> None:
        self.world_id, self._engine, self._limits = world_id, engine, limits or Limits()
        self._start = dict(files)
        self._tree = dict(files)
        self._inside: dict[str, bytes] = {}  # what the sandbox holds
        self._sandbox: Sandbox | None = None

    def tree(self) -> dict[str, bytes]:
        """The files as they are now, by path."""
        return dict(sorted(self._tree.items()))

    async def call(self, tool: str, arguments: dict[str, Any]) -> Outcome:
        return await asyncio.to_thread(self.call_now, tool, arguments)

    def call_now(self, tool: str, arguments: dict[str, Any]) -> Outcome:
        """The same, blocking."""
        try:
            if tool not in BY_NAME:
                raise Wrong("unknown_tool", f"There is no tool named {tool[:120]}")
            _validate(tool, arguments)
            run: Callable[..., Outcome] = getattr(self, f"_{tool}")
            return run(**arguments)
        except Wrong as wrong:
            return self.error(wrong.code, 400, str(wrong))
        except SandboxError as broken:
            raise TaskFailure("infra", BOUNDARY, str(broken)[:400]) from broken

    def error(self, code: str, status: int, message: str) -> Outcome:
        value = {"error": message}
        return Outcome(False, value, code, json_text(value))

    def diff(self) -> list[dict[str, Any]]:
        return [
            _entry(self.world_id, path, self._start.get(path), self._tree.get(path))
            for path in sorted({*self._start, *self._tree})
            if self._start.get(path) != self._tree.get(path)
        ]

    def digest(self) -> str:
        """Hash over paths and contents; empty where the tree is as it was at the start."""
        if self._tree == self._start:
            return ""
        return content_hash({path: hashlib.sha256(data).hexdigest() for path, data in self._tree.items()})

    async def close(self) -> None:
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """The same, blocking; twice is fine."""
        box, self._sandbox = self._sandbox, None
        if box is not None:
            box.close()

    # --- files --------------------------------------------------------------------------------------------------------

    def _list_files(self, path: str = ".") -> Outcome:
        under = self._under(path)
        return _ok({"files": [{"path": one, "size": len(self._tree[one])} for one in under]})

    def _read_file(self, path: str, first_line: int = 1, last_line: int | None = None) -> Outcome:
        name = _relative(path)
        text = self._text(name)
        if first_line > 1 or last_line is not None:
            lines = text.splitlines(keepends=True)
            if first_line > max(len(lines), 1):
                raise Wrong("invalid_arguments", f"{name} has {len(lines)} lines")
            text = "".join(lines[first_line - 1 : last_line])
        if len(text) > MAX_SHOWN:
            text = text[:MAX_SHOWN] + f"\n... ({len(text) - MAX_SHOWN} more characters; read them by line numbers)\n"
        return _ok(text)

    def _write_file(self, path: str, content: str) -> Outcome:
        name = _relative(path)
        created = name not in self._tree
        self._change({name: content})
        return _ok({"path": name, "created": created, "lines": len(content.splitlines())})

    def _apply_patch(self, patch: str) -> Outcome:
        try:
            named = {_relative(p) for one in parse(patch) for p in (one.old, one.new) if p is not None}
            changed = apply_patch(patch, {name: self._text(name) for name in named if name in self._tree})
        except PatchError as wrong:
            raise Wrong("patch_failed", str(wrong)) from wrong
        before = dict(self._tree)
        self._change({_relative(name): text for name, text in changed.items()})
        told = [
            {"path": name, "change": "removed" if text is None else "changed" if name in before else "created"}
            for name, text in changed.items()
        ]
        return _ok({"changed": told})

    def _change(self, texts: Mapping[str, str | None]) -> None:
        tree = {**self._tree, **{name: text.encode() for name, text in texts.items() if text is not None}}
        for name, text in texts.items():
            if text is None:
                tree.pop(name, None)
            elif any(other.startswith(name + "/") for other in tree):
                raise Wrong("is_a_folder", f"{name} is a folder")
            elif any(name.startswith(other + "/") for other in tree):
                raise Wrong("not_a_folder", f"a part of {name} is a file, not a folder")
        if len(tree) > MAX_FILES or sum(map(len, tree.values())) > MAX_TREE:
            raise Wrong("too_large", f"a workspace holds at most {MAX_FILES} files and {MAX_TREE >> 20} MiB")
        self._tree = tree

    def _text(self, name: str) -> str:
        if name not in self._tree:
            folder = any(other.startswith(name + "/") for other in self._tree)
            raise Wrong(
                "is_a_folder" if folder else "not_found", f"{name} is a folder" if folder else f"No file {name}"
            )
        try:
            return self._tree[name].decode()
        except UnicodeDecodeError as wrong:
            raise Wrong("not_text", f"{name} is not a text file") from wrong

    def _under(self, path: str) -> list[str]:
        name = "" if posixpath.normpath(path) in (".", "/", "/work") else _relative(path)
        found = sorted(one for one in self._tree if not name or one == name or one.startswith(name + "/"))
        if not found and name:
            raise Wrong("not_found", f"There is nothing at {name}")
        return found

    # --- programs -----------------------------------------------------------------------------------------------------

    def _search(self, pattern: str, regex: bool = False, path: str = ".") -> Outcome:
        asked = {"pattern": pattern, "regex": regex, "paths": self._under(path), "most": MAX_MATCHES}
        ran = self._run(lambda box: box.python(SEARCH, argv=[json.dumps(asked)]))
        answer = _answer(ran)
        if answer is None:
            return self._broken(ran) or self.error("failed", 500, "The search gave no answer")
        if "wrong" in answer:
            raise Wrong("invalid_arguments", f"pattern: {answer['wrong']}")
        return _ok(answer)

    def _run_python(self, code: str) -> Outcome:
        return self._shown(self._run(lambda box: box.python(code)))

    def _run_shell(self, command: str) -> Outcome:
        return self._shown(self._run(lambda box: box.run(["/bin/sh", "-c", command])))

    def _run_tests(self, targets: list[str] | None = None) -> Outcome:
        ran = self._run(lambda box: box.python(RUN_TESTS, argv=targets or []))
        answer = _answer(ran)
        if answer is None:
            said = self._shown(ran)
            return said if not said.ok else Outcome(False, said.value, "no_result", said.content)
        failures = [{**one, "message": normalised(one["message"])} for one in answer["failures"]]
        return _ok({**answer, "failures": failures})

    def _run(self, job: Callable[[Sandbox], Ran]) -> Ran:
        """Put what changed, run, take what there is then."""
        if self._sandbox is None:
            self._sandbox = self._engine.open(self._limits)
        box = self._sandbox
        changed: dict[str, bytes | None] = {p: None for p in self._inside if p not in self._tree}
        changed |= {p: data for p, data in self._tree.items() if self._inside.get(p) != data}
        if changed:
            box.put(changed)
        ran = job(box)
        if ran.outcome == "crashed":
            raise SandboxError(ran.detail or "the sandbox crashed")
        self._inside = box.get()
        self._tree = {path: data for path, data in self._inside.items() if not _litter(path)}
        return ran

    def _shown(self, ran: Ran) -> Outcome:
        value: dict[str, Any] = {
            "exit_code": ran.exit_code,
            "stdout": _clipped(ran.stdout),
            "stderr": _clipped(ran.stderr),
        }
        broken = self._broken(ran)
        if broken is None:
            return _ok(value)
        value = {**broken.value, **value}
        return Outcome(False, value, broken.error, json_text(value))

    def _broken(self, ran: Ran) -> Outcome | None:
        """What is said where the run was ended from outside."""
        said = _ENDED.get(ran.outcome)
        return None if said is None else self.error(said[0], 500, said[1])


_ENDED = {
    "timeout": ("timeout", "The program was stopped: it took too long"),
    "oom": ("out_of_memory", "The program was stopped: it used too much memory"),
    "output_cut": ("output_cut", "The program was stopped: it printed too much"),
    "refused": ("refused", "The program could not be started"),
}


@functools.cache
def _validators() -> dict[str, Any]:
    return {name: jsonschema_rs.validator_for(tool["input_schema"]) for name, tool in BY_NAME.items()}


def _validate(tool: str, arguments: dict[str, Any]) -> None:
    wrong = next(iter(_validators()[tool].iter_errors(arguments)), None)
    if wrong is not None:
        at = ".".join(str(p) for p in wrong.instance_path) or "arguments"
        raise Wrong("invalid_arguments", f"{at}: {wrong.message}"[:400])


def _ok(value: Any) -> Outcome:
    return Outcome(True, value, None, value if isinstance(value, str) else json_text(value))


def _answer(ran: Ran) -> dict[str, Any] | None:
    """What a job of ours answered behind its mark; None where it came to no answer."""
    _, mark, text = ran.stdout.decode(errors="replace").rpartition(MARK)
    if ran.outcome != "ok" or not mark:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _clipped(data: bytes) -> str:
    text = normalised(data.decode(errors="replace"))
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + f"\n... ({len(text) - MAX_SHOWN} more characters)"


def _litter(path: str) -> bool:
    """What running leaves behind and no one wrote."""
    return path.endswith(".pyc") or "__pycache__" in path.split("/")


def _relative(path: str) -> str:
    name = posixpath.normpath(path.removeprefix("/work/"))
    if name.startswith(("/", "../")) or name in (".", "..") or "\0" in name:
        raise Wrong("outside_workspace", f"{path[:120]} is not a path inside the workspace")
    return name


def _entry(world_id: str, path: str, before: bytes | None, after: bytes | None) -> dict[str, Any]:
    kind = "insert" if before is None else "delete" if after is None else "update"
    return {"world_id": world_id, "entity": ENTITY, "kind": kind, "key": path, "before": _state(before),
            "after": _state(after), "changed": ["text"] if kind == "update" else [], "stamped": []}  # fmt: skip


def _state(data: bytes | None) -> dict[str, Any] | None:
    if data is None:
        return None
    try:
        text: str | None = data.decode()
    except UnicodeDecodeError:
        text = None
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(),
            "text": text if text is not None and len(text) <= MAX_KEPT else None}  # fmt: skip
