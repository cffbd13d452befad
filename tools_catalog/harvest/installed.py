"""A server installed once per version, kept in the user's cache, so that an audit can start it many times."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from filelock import AsyncFileLock

from tools_catalog.cache import cache_dir
from tools_catalog.harvest.environment import Workspace
from tools_catalog.harvest.install import install
from tools_catalog.servers import ServerSpec

_DONE = "installed.json"


@dataclass(frozen=True, slots=True)
class Installed:
    """Where a server's scripts are, and which one starts it."""

    root: Path
    bin_dir: Path
    script: str

    def command(self, arguments: tuple[str, ...]) -> list[str]:
        return [str(self.bin_dir / self.script), *arguments]


def install_folder() -> Path:
    """`~/.cache/synth/installed`, or beside the catalog under `$XDG_CACHE_HOME`."""
    return cache_dir().parent / "installed"


async def installed(spec: ServerSpec, folder: Path | None = None) -> Installed:
    """`spec` at its listed version, installed now or before. A half-made installation is made anew. Of several runs
    that ask at once one installs; the others wait for it.

    Raises HarvestFailure with its reason where the package cannot be had.
    """
    root = (folder or install_folder()) / f"{spec.id}-{spec.version}"
    if (found := _found(root)) is not None:
        return found
    root.parent.mkdir(parents=True, exist_ok=True)
    async with AsyncFileLock(root.with_name(f".{root.name}.lock")):
        return _found(root) or await _made(spec, root)


def _found(root: Path) -> Installed | None:
    mark = root / _DONE
    if not mark.is_file():
        return None
    record = json.loads(mark.read_text(encoding="utf-8"))
    return Installed(root, Path(record["bin_dir"]), record["script"])


async def _made(spec: ServerSpec, root: Path) -> Installed:
    shutil.rmtree(root, ignore_errors=True)
    space = Workspace(root)
    space.make()
    command, bin_dir = await install(spec, space)
    script = Path(command[0]).name
    mark = root / f"{_DONE}.part"
    mark.write_text(json.dumps({"bin_dir": str(bin_dir), "script": script}), encoding="utf-8")
    mark.replace(root / _DONE)  # whole or not at all: it is read without the lock
    return Installed(root, bin_dir, script)
