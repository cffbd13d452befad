"""Three real servers harvested live, at the listed versions, and compared with the shipped facts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools_catalog import ServerSpec, load_catalog, load_servers
from tools_catalog.cache import read_record
from tools_catalog.harvest import harvest
from tools_catalog.harvest.environment import Workspace, for_installer
from tools_catalog.originals import original_sha256
from tools_catalog.reduce import reduce_annotations, reduce_schema

pytestmark = pytest.mark.slow


def skip_without_index(spec: ServerSpec, folder: Path) -> None:
    """Skip with a plain reason where npm is missing or the index does not answer; a failure after that is real."""
    space = Workspace(folder / "probe")
    space.make()
    if spec.registry == "npm":
        if shutil.which("npm") is None or shutil.which("node") is None:
            pytest.skip("node and npm are not installed")
        command = ["npm", "view", f"{spec.package}@{spec.version}", "version"]
    else:
        wanted = f"{spec.package}=={spec.version}"
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", str(space.tmp), wanted]
    try:
        done = subprocess.run(
            command, env=for_installer(space), capture_output=True, timeout=60, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"the {spec.registry} index does not answer within 60 s")
    if done.returncode != 0:
        pytest.skip(f"the {spec.registry} index does not give {spec.package} {spec.version}")


@pytest.mark.parametrize("server", ["ref-memory", "ref-git", "time"])
def test_a_live_server_says_what_the_catalog_says(server: str, tmp_path: Path) -> None:
    spec = load_servers()[server]
    skip_without_index(spec, tmp_path)
    before = set(os.listdir("/proc")) if Path("/proc").exists() else set()
    (outcome,) = harvest([spec], tmp_path / "cache", jobs=1)
    assert outcome.status == "ok", outcome.detail
    assert outcome.dropped_tools == ()
    catalog = load_catalog()
    assert [t["name"] for t in outcome.tools] == [t.name for t in catalog.tools_of(server)]
    for live in outcome.tools:
        facts = catalog.find(server, live["name"])
        assert facts is not None
        assert reduce_schema(live["inputSchema"]) == facts.input_schema
        output = live["outputSchema"]
        assert (None if output is None else reduce_schema(output)) == facts.output_schema
        assert reduce_annotations(live["annotations"]) == facts.annotations
        assert original_sha256(live) == facts.sha256
    record = read_record(tmp_path / "cache" / f"{server}.json")
    assert record is not None
    assert record["tools"][0]["description"]  # the server's own words, in the user's cache
    assert harvest([spec], tmp_path / "cache")[0].cached
    if before:
        left = [p for p in set(os.listdir("/proc")) - before if p.isdigit() and _is_server(p)]
        assert left == []


def _is_server(pid: str) -> bool:
    try:
        return b"synth-harvest-" in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def test_a_package_that_does_not_exist_is_one_reason(tmp_path: Path) -> None:
    known = load_servers()["time"]
    skip_without_index(known, tmp_path)
    spec = ServerSpec(
        id="none",
        registry="pypi",
        package=known.package,
        version="0.0.0.dev999",
        licence="unknown",
        category="none",
        tools=0,
    )
    (outcome,) = harvest([spec], tmp_path / "cache")
    assert (outcome.status, outcome.reason) == ("failed", "install_failed")
    assert "0.0.0.dev999" in outcome.detail
