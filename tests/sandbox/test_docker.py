"""What only the docker engine has: owners, left-overs, the pool, replacement, its image."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from synth.cli import app
from synth.errors import UsageError
from synth.sandbox import Limits, SandboxError
from synth.sandbox.docker import DockerEngine, left_overs
from synth.sandbox.docker_api import Api
from synth.sandbox.docker_box import DockerSandbox
from synth.sandbox.docker_container import LABEL, Place, start
from synth.sandbox.docker_image import made_of, with_server
from synth.sandbox.docker_settings import DockerSettings
from synth.sandbox.local import default_state
from synth.sandbox.ownership import me
from synth.sandbox.rootfs import rootfs

pytestmark = pytest.mark.slow
LIMITS = Limits(seconds=20, memory_mb=96, processes=24, disk_mb=8, inodes=512)


@pytest.fixture
def engine(docker_host: str) -> Iterator[DockerEngine]:
    one = DockerEngine(host=docker_host, warm=0)
    yield one
    one.close()


@pytest.fixture
def api(docker_host: str) -> Iterator[Api]:
    one = Api(docker_host)
    yield one
    one.close()


def ours(api: Api) -> set[str]:
    return {container for container, labels in api.labelled(LABEL) if labels[LABEL] == str(me())}


def test_a_container_has_one_tenant_and_is_gone_after_it(docker_host: str, api: Api) -> None:
    engine = DockerEngine(host=docker_host, warm=2)
    seen = set()
    for _ in range(4):
        box = engine.open(LIMITS)
        seen.add(box.container)
        box.close()
        assert box.container not in ours(api)
    assert len(seen) == 4
    engine.close()
    assert not ours(api)


def test_a_container_that_dies_is_told_and_never_taken_for_an_empty_one(engine: DockerEngine, api: Api) -> None:
    box = engine.open(LIMITS.model_copy(update={"seconds": 100}))
    box.put({"file": b"x"})
    died = box.container
    killer = threading.Timer(0.5, lambda: api.remove(died))
    killer.start()
    ran = box.run(["sleep", "100"])
    assert (ran.outcome, ran.exit_code) == ("crashed", None)
    assert "files are lost" in ran.detail and ran.seconds < 60
    with pytest.raises(SandboxError, match="open another"):
        box.get()
    assert box.python("print(1)").outcome == "crashed"
    with engine.open(LIMITS) as other:
        assert other.python("print(1)").outcome == "ok"
    box.close()
    assert not ours(api)


def test_files_that_cannot_be_had_because_the_container_died_are_an_error(engine: DockerEngine, api: Api) -> None:
    box = engine.open(LIMITS)
    api.remove(box.container)
    for _ in range(2):
        with pytest.raises(SandboxError, match="lost"):
            box.get()


@pytest.mark.parametrize("started", [False, True])
def test_left_overs_of_a_dead_owner_are_removed(engine: DockerEngine, api: Api, started: bool) -> None:
    living = engine.open(LIMITS)
    dead = me()._replace(started="1")
    image = engine.image()
    if started:
        left = start(api, image, ["sleep", "1000"], Place.of(LIMITS), DockerSettings(), dead, "old").id
    else:
        host = {"network_mode": "none", "masked_paths": []}
        left = api.create(image, ["sleep", "1000"], host, labels={LABEL: str(dead)})
    assert left in {container for container, _ in api.labelled(LABEL)}
    assert engine.clean() == 1
    assert left not in {container for container, _ in api.labelled(LABEL)}
    assert living.python("print(1)").outcome == "ok"


def test_doctor_counts_left_overs_and_removes_them(
    docker_host: str, api: Api, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    host = {"network_mode": "none", "masked_paths": []}
    labels = {LABEL: str(me()._replace(started="1"))}
    for _ in range(2):
        api.create(engine.image(), ["sleep", "1000"], host, labels=labels)
    lines = CliRunner().invoke(app, ["doctor", "--json"]).stdout.splitlines()
    (docker,) = [line for line in map(json.loads, lines) if line["name"] == "docker"]
    assert docker["present"] and "2 left-overs" in docker["detail"]
    lines = CliRunner().invoke(app, ["doctor", "--clean", "--json"]).stdout.splitlines()
    assert {line["engine"]: line["removed"] for line in map(json.loads, lines)}["docker"] == 2
    assert left_overs(api) == []


def test_who_lives_elsewhere_is_left_alone(engine: DockerEngine, api: Api) -> None:
    other = me()._replace(namespace="pid:[1]", started="1")
    left = start(api, engine.image(), ["sleep", "1000"], Place.of(LIMITS), DockerSettings(), other, "old").id
    assert engine.clean() == 0
    assert left in {container for container, _ in api.labelled(LABEL)}
    api.remove(left)


def test_a_container_ends_when_its_client_does_also_during_a_job(engine: DockerEngine, api: Api) -> None:
    box = engine.open(LIMITS.model_copy(update={"seconds": 100}))
    threading.Thread(target=box.run, args=(["sleep", "100"],), daemon=True).start()
    time.sleep(0.5)
    assert box._inside is not None
    box._inside.container.wire.close()
    until = time.monotonic() + 60
    while box.container in ours(api):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_image_is_imported_once(engine: DockerEngine, docker_host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = engine.image()

    def never(*_: object) -> None:
        raise AssertionError("imported again")

    monkeypatch.setattr(Api, "import_image", never)
    second = DockerEngine(host=docker_host)
    assert second.image() == first
    second.close()


def test_an_image_of_others_gets_the_server_put_in(engine: DockerEngine, api: Api, tmp_path: Path) -> None:
    root = rootfs(default_state()).path
    shutil.copytree(root, tmp_path / "root", symlinks=True, ignore=shutil.ignore_patterns("inside"))
    image = with_server(api, made_of(api, tmp_path / "root"))
    assert with_server(api, made_of(api, tmp_path / "root")) == image
    engine._image = image
    with engine.open(LIMITS) as box:
        assert box.python("print(6 * 7)").stdout == b"42\n"


def test_the_probe_finds_everything_contained(engine: DockerEngine, api: Api) -> None:
    probe = engine.probe()
    assert probe.contains, probe
    assert not ours(api)


def test_programs_of_this_machine_are_for_the_local_engine(engine: DockerEngine) -> None:
    with pytest.raises(SandboxError, match="local engine"):
        engine.open(LIMITS, mounts={"/opt/x": Path("/usr")})


def test_another_runtime_has_to_be_there(docker_host: str) -> None:
    with pytest.raises(UsageError, match=r"no runtime 'nothing'; it has .*runc"):
        DockerEngine(host=docker_host, runtime="nothing")


def test_stderr_that_nobody_reads_does_not_stop_a_server(engine: DockerEngine) -> None:
    box = engine.open(LIMITS)
    source = "import sys\nsys.stderr.write('x' * 1000000)\nprint('up', flush=True)\nsys.stdin.read()"
    process = box.popen(["python3", "-c", source])
    assert process.stdout.readline() == b"up\n"
    process.kill()


def test_sixty_four_episodes_at_once(docker_host: str, api: Api) -> None:
    engine = DockerEngine(host=docker_host, warm=4)
    wrong: list[object] = []

    def episode(number: int) -> None:
        try:
            box: DockerSandbox = engine.open(LIMITS)
            try:
                box.put({"number": str(number).encode()})
                for _ in range(3):
                    ran = box.python("print(open('number').read())")
                    if ran.stdout != b"%d\n" % number:
                        wrong.append(ran)
                ran = box.run(["cat", "number"])
                if ran.stdout != str(number).encode():
                    wrong.append(ran)
            finally:
                box.close()
        except SandboxError as error:
            wrong.append(error)

    threads = [threading.Thread(target=episode, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.close()
    assert not wrong
    assert not ours(api)
