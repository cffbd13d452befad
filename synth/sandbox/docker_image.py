"""The image of the containers: made of this machine's own python without any registry, or pulled by its digest."""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import IO

from synth.errors import UsageError
from synth.sandbox.docker_api import Api

REPOSITORY = "synth-sandbox"
SPOOL = 8 << 20  # bytes of the tar that stay in memory
OPEN_TO_ALL = ("work", "tmp")  # folders that every user may write; covered by file systems in memory at run time
UIDS = range(30_000, 31_024)  # of the jobs, one for each container (some kernel limits are counted per user)
NAMES = {"etc/passwd": "agent:x:{0}:{0}:agent:/work:/bin/sh\n", "etc/group": "agent:x:{0}:\n"}  # all named alike


def made_of(api: Api, root: Path) -> str:
    """The id of the image whose root file system is that folder; imported where the engine does not have it yet. Its
    tag tells the contents, so a changed folder makes a new image."""
    name = f"{REPOSITORY}:{_digest(root)}"
    found = api.image_id(name)
    if found is None:
        with tempfile.SpooledTemporaryFile(SPOOL) as spool:
            _tar(root, spool)
            spool.seek(0)
            api.import_image(spool, name, [])
        found = api.image_id(name)
    return found or name


def pulled(api: Api, name: str) -> str:
    """The id of an image by its digest, with the server that is PID 1 put in; fetched where the engine does not have it
    yet. Raises UsageError for one that declares volumes: they are on disk and have no limits."""
    base = api.image_id(name)
    if base is None:
        api.pull(name)
        base = api.image_id(name) or name
    if volumes := api.volumes(base):
        raise UsageError(f"executors.docker.image: {name} declares volumes ({', '.join(volumes)}); choose one without")
    return with_server(api, base)


def with_server(api: Api, base: str) -> str:
    """The id of an image that is another one and the server (`synth.sandbox.inside`) under /opt."""
    tar = _server()
    name = f"{REPOSITORY}:on-{hashlib.sha256(base.encode() + tar).hexdigest()[:20]}"
    found = api.image_id(name)
    if found is None:
        made = api.create(base, ["true"], {"network_mode": "none", "masked_paths": []})
        try:
            api.add_files(made, tar)
            api.commit(made, name)
        finally:
            api.remove(made)
        found = api.image_id(name)
    return found or name


def _server() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for source in sorted(files("synth.sandbox.inside").iterdir(), key=lambda one: one.name):
            if source.name.endswith(".py"):
                entry = tarfile.TarInfo(f"opt/inside/{source.name}")
                text = source.read_bytes()
                entry.size, entry.mode = len(text), 0o644
                tar.addfile(entry, io.BytesIO(text))
    return out.getvalue()


def _entries(root: Path) -> Iterator[Path]:
    return iter(sorted(root.rglob("*")))


def _digest(root: Path) -> str:
    """Over names, kinds, sizes and times of change: what a build of the folder sets anew."""
    told = hashlib.sha256(repr((UIDS, NAMES)).encode())
    for path in _entries(root):
        stat = path.lstat()
        told.update(f"{path.relative_to(root)}\0{stat.st_mode}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return told.hexdigest()[:20]


def _tar(root: Path, out: IO[bytes]) -> None:
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in _entries(root):
            name = str(path.relative_to(root))
            if name in NAMES:
                _add_names(tar, path, name)
            else:
                tar.add(path, arcname=name, recursive=False, filter=_plain)


def _add_names(tar: tarfile.TarFile, path: Path, name: str) -> None:
    """The folder's list of users, and every job's own."""
    text = path.read_bytes() + "".join(NAMES[name].format(uid) for uid in UIDS).encode()
    entry = _plain(tar.gettarinfo(path, name))
    entry.size = len(text)
    tar.addfile(entry, io.BytesIO(text))


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Owned by root whoever built the folder."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    if entry.name in OPEN_TO_ALL:
        entry.mode = 0o1777
    return entry
