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
STDOUT = 1


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
        with _boundary("create a container"):
            made = self._client.create_container(
                image, command, stdin_open=True, use_config_proxy=False,
                host_config=self._client.create_host_config(**host), **rest,
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
            return str(made["Id"]), Wire(self._client.exec_start(made["Id"], socket=True))

    def executed(self, exec_id: str) -> int | None:
        """Exit code of an exec; None while it runs."""
        with _boundary("ask for a program in a container"):
            told = self._client.exec_inspect(exec_id)
        return None if told["Running"] else int(told["ExitCode"] or 0)

    def remove(self, container: str) -> None:
        """Kill a container and remove it; it may be gone already, or about to go."""
        import docker.errors

        with _boundary("remove a container"), suppress(docker.errors.NotFound):
            try:
                self._client.remove_container(container, force=True, v=True)
            except docker.errors.APIError as error:
                if error.status_code != 409:  # conflict: another removal is on its way
                    raise

    def inspect(self, container: str) -> dict[str, Any] | None:
        """What the engine knows of a container; None where there is none."""
        import docker.errors

        with _boundary("inspect a container"):
            try:
                return dict(self._client.inspect_container(container))
            except docker.errors.NotFound:
                return None

    def labelled(self, label: str) -> list[tuple[str, dict[str, str]]]:
        """Every container with a label, running or not: its id and its labels."""
        with _boundary("list containers"):
            found = self._client.containers(all=True, filters={"label": label})
        return [(str(one["Id"]), dict(one["Labels"])) for one in found]


class Wire:
    """Both directions of an attached process: plain bytes in, framed outputs back (8 bytes of header: stream, length).
    Reading and writing may happen in two threads. After a TimeoutError nothing more can be read."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._socket: socket.socket = getattr(raw, "_sock", raw)
        # what came in one packet with the head of the answer is in the response's buffer, and nowhere else
        response = getattr(raw, "_response", None)
        self._read: Callable[[int], bytes] = response.raw._fp.fp.read1 if response is not None else self._socket.recv
        self._socket.settimeout(None)

    def write(self, data: bytes, deadline: float | None = None) -> None:
        """Raises SandboxError where the other side is gone, or reads too slowly."""
        self._until(deadline)
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise SandboxError(f"the container took no input: {_line(error)}") from None

    def end_input(self) -> None:
        """The process reads an end of file."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def frame(self, deadline: float | None = None) -> tuple[int, bytes] | None:
        """The next piece of output, (1 stdout or 2 stderr, bytes); None at its end. `deadline` in time.monotonic().
        Raises TimeoutError, or SandboxError where the connection broke."""
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
        if deadline is None:
            self._socket.settimeout(None)
            return
        left = deadline - time.monotonic()
        if left <= 0:
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
    ) as error:  # fmt: skip
        raise SandboxError(f"the container engine cannot {doing}: {_line(error)}") from None


def _line(error: BaseException) -> str:
    text = getattr(error, "explanation", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:300]
