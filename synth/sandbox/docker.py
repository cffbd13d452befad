"""The docker engine: every sandbox is a hardened container of its own, taken from a warm pool and never used twice."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from synth.errors import UsageError
from synth.sandbox import ownership
from synth.sandbox.channel import BOOT
from synth.sandbox.docker_api import Api
from synth.sandbox.docker_box import DockerSandbox, Inside
from synth.sandbox.docker_container import LABEL, Place, start
from synth.sandbox.docker_image import made_of, pulled
from synth.sandbox.docker_pool import Pool
from synth.sandbox.docker_settings import DockerSettings
from synth.sandbox.engine import Limits, Probe, SandboxError
from synth.sandbox.local import default_state
from synth.sandbox.probing import probe_engine
from synth.sandbox.rootfs import rootfs


class DockerEngine:
    """Containers of one engine for one process. `settings` are those of DockerSettings. Raises UsageError where no
    engine answers, or it cannot set the limits."""

    name = "docker"

    def __init__(self, **settings: Any) -> None:
        try:
            self.settings = DockerSettings(**settings)
        except ValidationError as error:
            first = error.errors()[0]
            raise UsageError(f"executors.docker.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        self._api = Api(self.settings.host)
        self._owner = ownership.me()
        self._run = uuid.uuid4().hex[:12]
        self._lock, self._probing = threading.Lock(), threading.Lock()
        self._open: set[DockerSandbox] = set()
        self._probe: Probe | None = None
        self._image: str | None = None
        one = self.settings
        self._pool: Pool[Inside] = Pool(self._start, one.warm, one.at_most, one.starting)
        self._cleaned = False
        _check(self._api.info(), one)

    def probe(self) -> Probe:
        with self._probing:
            if self._probe is None:
                version = self._api.version
                found = f"{version.get('Version')} at {self._api.host}, kernel {version.get('KernelVersion')}"
                self._probe = probe_engine(self.name, self.open, found)
            return self._probe

    def open(self, limits: Limits, *, mounts: Mapping[str, Path] | None = None, system: bool = False) -> DockerSandbox:
        if mounts or system:
            raise SandboxError("programs of this machine do not go into containers; use the local engine for them")
        self._clean_once()
        place = Place.of(limits)
        box = DockerSandbox(limits, self._pool.take(place), self._gone)
        with self._lock:
            self._open.add(box)
        return box

    def clean(self) -> int:
        left = left_overs(self._api)
        for container in left:
            self._api.remove(container)
        return len(left)

    def __enter__(self) -> DockerEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def image(self) -> str:
        """The id of the image of its containers, made or fetched at first."""
        with self._lock:
            if self._image is None:
                named = self.settings.image
                self._image = pulled(self._api, named) if named else self._made()
            return self._image

    def _made(self) -> str:
        root = rootfs(default_state())
        try:
            return made_of(self._api, root.path)
        finally:
            root.close()

    def _clean_once(self) -> None:
        with self._lock:
            first, self._cleaned = not self._cleaned, True
        if first:
            self.clean()

    def close(self) -> None:
        with self._lock:
            boxes = list(self._open)
        for box in boxes:
            box.close()
        self._pool.close()
        self._api.close()

    def _gone(self, box: DockerSandbox, inside: Inside | None) -> None:
        with self._lock:
            self._open.discard(box)
        self._pool.give_back(inside)

    def _start(self, place: Place) -> Inside:
        command = ["python3", "-s", "-B", "-c", BOOT]
        container = start(self._api, self.image(), command, place, self.settings, self._owner, self._run)
        return Inside.of(self._api, container)


def left_overs(api: Api) -> list[str]:
    """Containers whose owner is dead. Those of other machines and namespaces are none of ours to judge: they end by
    themselves when their owner's connection does."""
    owners = [(container, ownership.parse(labels.get(LABEL, ""))) for container, labels in api.labelled(LABEL)]
    return [container for container, owner in owners if owner is not None and owner.state == "dead"]


def _check(info: dict[str, Any], settings: DockerSettings) -> None:
    """Whether that engine can set the limits. Raises UsageError."""
    options = info.get("SecurityOptions") or []
    if not any("seccomp" in option for option in options):
        raise UsageError("that container engine filters no system calls (no seccomp), so it cannot hold untrusted code")
    lacking = [name for name in ("MemoryLimit", "PidsLimit", "CpuCfsQuota") if info.get(name) is False]
    if lacking:
        raise UsageError(
            f"that container engine cannot set {', '.join(lacking)}; give it the right to control groups (rootless"
            " needs cgroup v2)"
        )
    if settings.runtime and settings.runtime not in (runtimes := info.get("Runtimes") or {}):
        named = ", ".join(sorted(runtimes))
        raise UsageError(f"executors.docker.runtime: the engine has no runtime {settings.runtime!r}; it has {named}")
