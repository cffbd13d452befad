"""Exact environments. Nothing of the user's environment reaches a server; the installers get what they need to find
the configured package index, and nothing else."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

# certificates and proxies: without them an index behind a company proxy cannot be reached
_TRANSPORT = (
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip
_PIP_KEYS = frozenset(
    ("index-url", "extra-index-url", "find-links", "trusted-host", "cert", "client-cert", "proxy", "timeout",
     "default-timeout", "no-index")
)  # fmt: skip
_NPM_KEYS = ("registry", "cafile", "proxy", "https-proxy", "noproxy", "strict-ssl")


@dataclass(frozen=True, slots=True)
class Workspace:
    """The throw-away folders of one server."""

    root: Path

    @property
    def install(self) -> Path:
        """Where the package is installed: `{dir}`."""
        return self.root / "env"

    @property
    def work(self) -> Path:
        """The server's working folder: `{work}`."""
        return self.root / "work"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    def make(self) -> None:
        """Create the folders."""
        for folder in (self.install, self.work, self.home, self.tmp):
            folder.mkdir(parents=True, exist_ok=True)

    def fill(self, text: str, *, quoted: bool = False) -> str:
        """`{work}` and `{dir}` replaced (`quoted`: for a shell), nothing else interpreted."""
        for mark, path in (("{work}", self.work), ("{dir}", self.install)):
            text = text.replace(mark, shlex.quote(str(path)) if quoted else str(path))
        return text


def bare(space: Workspace, first_on_path: Path | None = None) -> dict[str, str]:
    """PATH, a throw-away HOME and TMPDIR, and a fixed locale."""
    path = os.environ.get("PATH", os.defpath)
    if first_on_path is not None:
        path = f"{first_on_path}{os.pathsep}{path}"
    return {"PATH": path, "HOME": str(space.home), "TMPDIR": str(space.tmp), "LANG": "C.UTF-8"}


def for_server(space: Workspace, bin_dir: Path, placeholders: Mapping[str, str]) -> dict[str, str]:
    """What a server sees: `bare` and its placeholder credentials."""
    return {**bare(space, bin_dir), **{key: space.fill(value) for key, value in placeholders.items()}}


def for_installer(space: Workspace) -> dict[str, str]:
    """What pip and npm see: `bare`, proxies and certificates, and where the index is (from their own configuration,
    whose files are not handed on: they may hold tokens for other things)."""
    found = {key: os.environ[key] for key in _TRANSPORT if key in os.environ}
    return {**bare(space), **found, **dict(_pip_settings()), **dict(_npm_settings())}


def _ask(command: list[str]) -> str:
    """Standard output of a configuration query, empty where it cannot be asked."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


@lru_cache(maxsize=1)
def _pip_settings() -> tuple[tuple[str, str], ...]:
    """`PIP_*` variables for the index, from `pip config list` (files and environment, the latter winning)."""
    out: dict[str, str] = {}
    for line in _ask([sys.executable, "-m", "pip", "config", "list"]).splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.strip().rpartition(".")
        if name in _PIP_KEYS and section in ("global", "install", ":env:"):
            text = value.strip()
            if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
                text = text[1:-1]
            out["PIP_" + name.upper().replace("-", "_")] = text.replace("\\n", " ").strip()
    return tuple(out.items())


@lru_cache(maxsize=1)
def _npm_settings() -> tuple[tuple[str, str], ...]:
    """`npm_config_*` variables for the registry, from `npm config ls`."""
    try:
        settings = json.loads(_ask(["npm", "config", "ls", "--json"]) or "{}")
    except ValueError:
        return ()
    return tuple(
        (
            f"npm_config_{key.replace('-', '_')}",
            str(settings[key]).lower() if settings[key] is True else str(settings[key]),
        )
        for key in _NPM_KEYS
        if settings.get(key) not in (None, "", False)
    )
