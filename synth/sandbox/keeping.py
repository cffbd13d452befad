"""The owner's side of the keeper (`synth.sandbox.keeper`): starts it, asks it, starts it anew where it died."""

from __future__ import annotations

import array
import json
import os
import select
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

from synth.sandbox import slots
from synth.sandbox.engine import SandboxError

SCRIPT: Final = Path(__file__).with_name("keeper.py")
PATIENCE_S: Final = 60.0  # an answer takes milliseconds; a machine may be very busy


class Keeping:
    """A running keeper. Safe to use from several threads."""

    def __init__(self, *, root: bool) -> None:
        base = ""
        if root:
            place = slots.folder() / "mounts"
            place.mkdir(exist_ok=True)
            base = str(place)
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SCRIPT), str(theirs.fileno()), str(os.getpid()), base],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        said = self._first()
        if "error" in said:
            self.close()
            raise SandboxError(f"the sandboxes' keeper cannot start: {said['error']}")
        self._paths: dict[str, str] = {}
        self._lock = threading.Lock()
        self.root = root

    def _first(self) -> dict[str, Any]:
        self.socket.settimeout(PATIENCE_S)
        try:
            said = self.socket.recv(4096)
        except (TimeoutError, ConnectionError) as error:
            raise SandboxError(f"the sandboxes' keeper does not start: {error}") from error
        finally:
            self.socket.settimeout(None)
        return dict(json.loads(said)) if said else {"error": f"it ended with {self.process.wait()}"}

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def ask(self, op: str, descriptors: tuple[int, ...] = (), **request: Any) -> dict[str, Any]:
        """One request. Raises SandboxError where it fails or the keeper is gone."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            try:
                passed = array.array("i", [writer, *descriptors])
                data = json.dumps({"op": op, **request}).encode()
                self.socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])
            except OSError as error:
                raise SandboxError(f"the sandboxes' keeper is gone: {error.strerror}") from error
            finally:
                os.close(writer)
            said = self._read(reader)
        finally:
            os.close(reader)
        if not said:
            raise SandboxError("the sandboxes' keeper ended without an answer")
        answer = dict(json.loads(said))
        if "error" in answer:
            raise SandboxError(f"the sandbox could not be set up ({op}): {answer['error'] or 'no reason given'}")
        return answer

    def _read(self, reader: int) -> bytes:
        parts: list[bytes] = []
        while select.select([reader], [], [], PATIENCE_S)[0]:
            part = os.read(reader, 65536)
            if not part:
                return b"".join(parts)
            parts.append(part)
        raise SandboxError(f"the sandboxes' keeper has not answered for {PATIENCE_S:g} s")

    def reachable(self, source: Path) -> str:
        """A path at which sandboxes can bind `source`. Raises SandboxError where it is not there."""
        if not source.exists():
            raise SandboxError(f"{source} is not there to be mounted into a sandbox")
        if not self.root:
            return str(source.resolve())
        with self._lock:
            key = str(source.resolve())
            if key not in self._paths:
                self._paths[key] = str(self.ask("bind", source=key)["path"])
            return self._paths[key]

    def close(self) -> None:
        """Ends it, with everything that it keeps."""
        self.socket.close()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
