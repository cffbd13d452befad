"""The container engine's API as far as it is needed, through the docker SDK; what goes wrong there is a SandboxError.

`DOCKER_HOST`, `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` say where the engine is, as for every other client of it.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any

from synth.errors import UsageError
from synth.sandbox.engine import SandboxError

ANSWER_S = 60.0  # an engine that is silent for so long is broken
CONNECTIONS = 64
HOW_TO_GET = "start Docker (or Podman's service), let your user reach its socket, or name an engine with DOCKER_HOST"
CONFLICT = 409
GOING_S = 20.0  # that a removal under way may take
STDOUT = 1
NOT_STARTED = (126, 127)  # exit codes of an exec whose program cannot be run, or is not there
COMPLAINTS = 4096  # bytes


class Api:
    """One engine. Its methods may be called from several threads. Raises SandboxError for whatever the engine refuses,
    breaks or leaves unanswered; `UsageError` where no engine answers at first."""

    def __init__(self, host: str | None = None, timeout: float = ANSWER_S) -> None:
        try:
            import docker
            import docker.utils
        except ImportError:
            raise UsageError(
                "the docker engine needs the package `docker`: pip install 'synth-tooluse[docker]'"
            ) from None
        named = docker.utils.kwargs_from_env()
        if host:
            named["base_url"] = host
        self.host = named.get("base_url") or "unix:///var/run/docker.sock"
        try:
            self._client = docker.APIClient(version="auto", timeout=timeout, max_pool_size=CONNECTIONS, **named)
            self.version = self._client.version()
        except (docker.errors.DockerException, OSError) as error:
            raise UsageError(f"no container engine answers at {self.host} ({_line(error)}); {HOW_TO_GET}") from None

    def close(self) -> None:
        self._client.close()

    def info(self) -> dict[str, Any]:
        """What the engine says of itself."""
        with _boundary("info"):
            return dict(self._client.info())

    def image_id(self, name: str) -> str | None:
        """The id of an image that the engine has, else None."""
        with _boundary(f"look up image {name}"):
            found = self._client.images(name=name)
            return str(found[0]["Id"]) if found else self._by_digest(name)

    def _by_digest(self, name: str) -> str | None:
        import docker.errors

        try:
            return str(self._client.inspect_image(name)["Id"])
        except docker.errors.NotFound:
            return None

    def volumes(self, image: str) -> list[str]:
        """The volumes that an image declares."""
        with _boundary("inspect an image"):
            return sorted(self._client.inspect_image(image)["Config"].get("Volumes") or {})

    def add_files(self, container: str, tar: bytes) -> None:
        """Unpack a tar at the root of a container that is not running."""
        with _boundary("write files into a container"):
            self._client.put_archive(container, "/", tar)

    def commit(self, container: str, name: str) -> None:
        """Make an image of a container, without an entry point."""
        repository, _, tag = name.partition(":")
        with _boundary("make an image of a container"):
            self._client.commit(container, repository, tag, changes="ENTRYPOINT []")

    def pull(self, name: str) -> None:
        """Fetch an image from its registry."""
        with _boundary(f"pull image {name}"):
            repository, _, digest = name.partition("@")
            for line in self._client.pull(repository, tag=digest or None, stream=True, decode=True):
                if "error" in line:
                    raise SandboxError(f"the container engine cannot pull {name}: {line['error']}")

    def import_image(self, tar: IO[bytes], name: str, changes: list[str]) -> None:
        """Make an image of a root file system given as a tar stream."""
        repository, _, tag = name.partition(":")
        with _boundary(f"import image {name}"):
            said = self._client.import_image_from_data(tar, repository=repository, tag=tag, changes=changes)
        if '"error"' in said:
            raise SandboxError(f"the container engine cannot import the image: {said.strip()[:300]}")

    def create(self, image: str, command: list[str], host: Mapping[str, Any], **rest: Any) -> str:
        """Create a container (`host`: the host's side of it) whose input closes with its first client; its id."""
        named = dict(host)
        masked = named.pop("masked_paths")  # the SDK does not know it
        with _boundary("create a container"):
            made = self._client.create_container(
                image, command, stdin_open=True, use_config_proxy=False,
                host_config={**self._client.create_host_config(**named), "MaskedPaths": masked}, **rest,
            )  # fmt: skip
            return str(made["Id"])

    def attach(self, container: str) -> Wire:
        """The input and outputs of its first process."""
        with _boundary("attach to a container"):
            client = self._client  # its own attach_socket waits for ever for an engine that does not answer
            answer = client._post(
                client._url("/containers/{0}/attach", container), stream=True,
                params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1},
                headers={"Connection": "Upgrade", "Upgrade": "tcp"},
            )  # fmt: skip
            return Wire(client._get_raw_response_socket(answer))

    def start(self, container: str) -> None:
        with _boundary("start a container"):
            self._client.start(container)

    def execute(self, container: str, argv: list[str], user: str, env: Mapping[str, str]) -> tuple[str, Wire]:
        """Start another program in a container: the id of the exec, and its input and outputs."""
        with _boundary("run a program in a container"):
            made = self._client.exec_create(
                container, argv, stdin=True, user=user, environment=dict(env), workdir="/work"
            )
            wire = Wire(self._client.exec_start(made["Id"], socket=True))
        if not self._started(made["Id"]):
            said = (wire.recv(COMPLAINTS) or wire.complaints).decode("utf-8", "replace").strip()
            wire.close()
            raise SandboxError(f"the program {argv[0]!r} did not start in the container: {said[:300]}")
        return str(made["Id"]), wire

    def executed(self, exec_id: str) -> int | None:
        """Exit code of an exec; None while it runs."""
        told = self._exec(exec_id)
        return None if told["Running"] else int(told["ExitCode"] or 0)

    def _started(self, exec_id: str) -> bool:
        """Whether an exec came to run; waits until that is known."""
        until = time.monotonic() + GOING_S
        while time.monotonic() < until:
            told = self._exec(exec_id)
            if told["Running"] and told["Pid"]:
                return True
            if not told["Running"] and told["ExitCode"] is not None:
                return told["ExitCode"] not in NOT_STARTED or bool(told["Pid"])
            time.sleep(0.005)
        return False

    def _exec(self, exec_id: str) -> dict[str, Any]:
        with _boundary("ask for a program in a container"):
            return dict(self._client.exec_inspect(exec_id))

    def remove(self, container: str) -> None:
        """Kill a container and remove it; returns when it is gone, as it may be already."""
        import docker.errors

        with _boundary("remove a container"), suppress(docker.errors.NotFound):
            try:
                self._client.remove_container(container, force=True, v=True)
                return
            except docker.errors.APIError as error:
                if error.status_code != CONFLICT:  # another removal is on its way
                    raise
            until = time.monotonic() + GOING_S
            while time.monotonic() < until:
                self._client.inspect_container(container)
                time.sleep(0.02)
            raise SandboxError(f"the container engine has not removed a container within {GOING_S:g} s")

    def bound(self, container: str, memory_mb: int, processes: int) -> None:
        """Other limits for a running container."""
        memory = memory_mb << 20
        with _boundary("change the limits of a container"):
            client = self._client
            data = {"Memory": memory, "MemorySwap": memory, "PidsLimit": processes}
            client._result(client._post_json(client._url("/containers/{0}/update", container), data=data))

    def killed_for_memory(self, container: str, since: float) -> bool:
        """Whether the kernel has killed something in a container for memory since then (`time.time()`); also where the
        container is gone."""
        filters = {"container": container, "event": "oom"}
        with _boundary("list events"):
            told = self._client.events(since=int(since), until=int(time.time()) + 1, filters=filters)
            return any(told)

    def labelled(self, label: str) -> list[tuple[str, dict[str, str]]]:
        """Every container with a label, running or not: its id and its labels."""
        with _boundary("list containers"):
            found = self._client.containers(all=True, filters={"label": label})
        return [(str(one["Id"]), dict(one["Labels"])) for one in found]


class Wire:
    """Both directions of an attached process: plain bytes in, framed outputs back (8 bytes of header: stream, length).
    Sending and receiving may happen in two threads. After a TimeoutError nothing more can be received. Deadlines are
    in `time.monotonic()`."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._socket: socket.socket = getattr(raw, "_sock", raw)
        # what came in one packet with the head of the answer is in the response's buffer, and nowhere else
        response = getattr(raw, "_response", None)
        self._read: Callable[[int], bytes] = response.raw._fp.fp.read1 if response is not None else self._socket.recv
        self._socket.settimeout(None)
        self._stdout = b""  # received, not yet taken
        self.complaints = b""  # the end of what it wrote to stderr

    def send(self, data: bytes) -> None:
        """Raises SandboxError where the other side is gone."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise SandboxError(f"the container took no input: {_line(error)}") from None

    def end_input(self) -> None:
        """The process reads an end of file."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def recv(self, most: int, deadline: float | None = None) -> bytes:
        """At most so many bytes of stdout; empty at its end. What comes on stderr is kept in `complaints`."""
        while not self._stdout:
            got = self.frame(deadline)
            if got is None:
                return b""
            if got[0] == STDOUT:
                self._stdout = got[1]
            else:
                self.complaints = (self.complaints + got[1])[-COMPLAINTS:]
        taken, self._stdout = self._stdout[:most], self._stdout[most:]
        return taken

    def frame(self, deadline: float | None = None) -> tuple[int, bytes] | None:
        """The next piece of output, (1 stdout or 2 stderr, bytes); None at its end. Raises TimeoutError, or
        SandboxError where the connection broke."""
        header = self._exactly(8, deadline, may_end=True)
        if header is None:
            return None
        stream, length = struct.unpack(">BxxxL", header)
        return stream, self._exactly(length, deadline) or b""

    def _exactly(self, count: int, deadline: float | None, *, may_end: bool = False) -> bytes | None:
        pieces: list[bytes] = []
        missing = count
        while missing:
            self._until(deadline)
            try:
                piece = self._read(min(missing, 1 << 16))
            except TimeoutError:
                raise
            except OSError as error:
                raise SandboxError(f"the connection to the container broke: {_line(error)}") from None
            if not piece:
                if may_end and missing == count:
                    return None
                raise SandboxError("the connection to the container ended within a frame")
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def _until(self, deadline: float | None) -> None:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._raw.close()


@contextmanager
def _boundary(doing: str) -> Iterator[None]:
    """The one place that turns the SDK's errors into ours."""
    import docker.errors
    import requests.exceptions
    import urllib3.exceptions

    try:
        yield
    except (
        docker.errors.DockerException, requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError,
        KeyError, TypeError,  # an answer without what it has to hold, within the SDK too
    ) as error:  # fmt: skip
        raise SandboxError(f"the container engine cannot {doing}: {_line(error)}") from None


def _line(error: BaseException) -> str:
    inner = _system(error)
    text = getattr(error, "explanation", None) or (inner and inner.strerror) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:300]


def _system(error: object) -> OSError | None:
    """The system's own error within a client library's: it says in a few words what theirs wrap in many."""
    if isinstance(error, OSError) and error.strerror:
        return error
    within = [*getattr(error, "args", ()), getattr(error, "reason", None), getattr(error, "__cause__", None)]
    return next((found for one in within if isinstance(one, BaseException) and (found := _system(one))), None)
