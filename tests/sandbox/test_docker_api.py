"""What the container engine may do wrong, each time one clear error and nothing left behind."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_engine import Answer, FakeEngine

from synth.errors import UsageError
from synth.sandbox import SandboxError
from synth.sandbox.docker_api import Api
from synth.sandbox.docker_container import Place, start
from synth.sandbox.docker_image import UIDS, pulled
from synth.sandbox.docker_settings import DockerSettings
from synth.sandbox.ownership import me

PLACE = Place(128, 64, 8, 512)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeEngine]:
    engine = FakeEngine(tmp_path / "e.sock")
    yield engine
    engine.close()


@pytest.fixture
def api(fake: FakeEngine) -> Iterator[Api]:
    api = Api(fake.host, timeout=0.5)
    yield api
    api.close()


def begin(api: Api) -> object:
    return start(api, "sha256:1", ["python3"], PLACE, DockerSettings(), me(), "run")


def test_no_engine_is_one_sentence_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"answers at unix://\S+ \(No such file or directory\); .*DOCKER_HOST") as told:
        Api(f"unix://{tmp_path}/nothing.sock")
    assert "\n" not in str(told.value)


def test_the_environment_names_the_engine(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", fake.host)
    api = Api()
    assert (api.host, api.version["Version"]) == (fake.host, "20.10.24")
    api.close()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, {"message": "broken"}),
        Answer(drop=True),
        Answer(404, {"message": "page not found"}),
        Answer(body={}),
    ],
    ids=["500", "dropped", "404", "nonsense"],
)
def test_an_engine_that_does_not_say_its_version_is_none(fake: FakeEngine, answer: Answer) -> None:
    fake.answers["GET /version"] = answer
    with pytest.raises(UsageError, match="no container engine answers"):
        Api(fake.host, timeout=2)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, {"message": "no space left"}),
        Answer(404, {"message": "No such image"}),
        Answer(drop=True),
        Answer(hold=True),
    ],
    ids=["500", "404", "dropped", "silent"],
)
def test_a_create_that_fails(fake: FakeEngine, api: Api, answer: Answer) -> None:
    fake.answers["POST /containers/create"] = answer
    with pytest.raises(SandboxError, match=r"cannot create a container: ."):
        begin(api)
    assert not fake.asked_for("DELETE .*")


@pytest.mark.parametrize("step", ["POST /containers/c1/attach.*", "POST /containers/c1/start"])
@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, {"message": "runc died"}),
        Answer(404, {"message": "no such container"}),
        Answer(drop=True),
        Answer(hold=True),
    ],
    ids=["500", "404", "dropped", "silent"],
)
def test_what_was_created_is_removed_where_it_does_not_start(
    fake: FakeEngine, api: Api, step: str, answer: Answer
) -> None:
    fake.answers[step] = answer
    with pytest.raises(SandboxError, match=r"cannot (attach to|start) a container"):
        begin(api)
    assert len(fake.asked_for(r"DELETE /containers/c1\?.*force=True.*")) == 1


@pytest.mark.parametrize("answer", [Answer(201, {}), Answer(500, {}), Answer(201, [])])
def test_a_create_whose_answer_makes_no_sense(fake: FakeEngine, api: Api, answer: Answer) -> None:
    fake.answers["POST /containers/create"] = answer
    with pytest.raises(SandboxError, match="cannot create a container"):
        begin(api)


def test_a_container_is_asked_for_with_every_limit(fake: FakeEngine, api: Api) -> None:
    begin(api)
    told = fake.bodies["POST /containers/create"]
    host = told["HostConfig"]
    assert (host["NetworkMode"], host["ReadonlyRootfs"], host["AutoRemove"]) == ("none", True, True)
    assert host["Memory"] == host["MemorySwap"] == 136 << 20
    assert (host["PidsLimit"], host["CapDrop"], host["LogConfig"]["Type"]) == (65, ["ALL"], "none")
    assert "no-new-privileges" in host["SecurityOpt"]
    assert any(option.startswith('seccomp={"defaultAction": "SCMP_ACT_ERRNO"') for option in host["SecurityOpt"])
    assert "size=8m" in host["Tmpfs"]["/work"] and "nr_inodes=512" in host["Tmpfs"]["/work"]
    uid, gid = told["User"].split(":")
    assert uid == gid and int(uid) in UIDS
    assert told["Labels"] == {"synth.sandbox": str(me()), "synth.run": "run"}
    assert told["StdinOnce"] and not any("PROXY" in one.upper() for one in told["Env"])
    assert not {"Binds", "Devices", "Privileged", "CapAdd", "PidMode"} & {key for key, value in host.items() if value}


def test_a_container_that_is_gone_counts_as_removed(fake: FakeEngine, api: Api) -> None:
    fake.answers["DELETE /containers/.*"] = Answer(404, {"message": "No such container: c1"})
    api.remove("c1")


def test_a_removal_under_way_is_waited_for(fake: FakeEngine, api: Api) -> None:
    there = [Answer(body={"Id": "c1"}), Answer(body={"Id": "c1"})]
    fake.answers["DELETE /containers/.*"] = Answer(409, {"message": "removal of container c1 is already in progress"})
    fake.answers["GET /containers/c1/json"] = lambda _: there.pop() if there else Answer(404, {"message": "gone"})
    api.remove("c1")
    assert not there


def test_a_container_that_cannot_be_removed_is_told(fake: FakeEngine, api: Api) -> None:
    fake.answers["DELETE /containers/.*"] = Answer(500, {"message": "device or resource busy"})
    with pytest.raises(SandboxError, match="cannot remove a container: device or resource busy"):
        api.remove("c1")


def wire_of(fake: FakeEngine, api: Api, raw: bytes) -> object:
    fake.answers["POST /containers/c1/attach.*"] = Answer(raw=raw)
    return api.attach("c1")


def test_frames_come_as_they_were_sent(fake: FakeEngine, api: Api) -> None:
    wire = wire_of(fake, api, struct.pack(">BxxxL", 2, 3) + b"err" + struct.pack(">BxxxL", 1, 2) + b"ok")
    assert [wire.frame(), wire.frame(), wire.frame()] == [(2, b"err"), (1, b"ok"), None]


@pytest.mark.parametrize("raw", [struct.pack(">BxxxL", 1, 9) + b"half", b"\1\0\0"], ids=["body", "header"])
def test_a_connection_that_ends_within_a_frame(fake: FakeEngine, api: Api, raw: bytes) -> None:
    with pytest.raises(SandboxError, match="ended within a frame"):
        wire_of(fake, api, raw).frame(time.monotonic() + 5)


def test_an_import_that_the_engine_refuses_in_its_answer(fake: FakeEngine, api: Api, tmp_path: Path) -> None:
    (tmp_path / "tar").write_bytes(b"no tar")
    fake.answers["POST /images/create.*"] = Answer(body={"error": "unexpected EOF"})
    with (tmp_path / "tar").open("rb") as tar, pytest.raises(SandboxError, match="cannot import the image"):
        api.import_image(tar, "a:b", [])


def test_an_image_by_digest_is_pulled_once_and_gets_the_server(fake: FakeEngine, api: Api) -> None:
    name = "python@sha256:" + "0" * 64
    here: set[str] = set()

    def create(body: object) -> Answer:
        here.add("base")
        return Answer(body={"status": "pulled"})

    def commit(body: object) -> Answer:
        here.add("ours")
        return Answer(201, {"Id": "sha256:ours"})

    fake.answers |= {
        "GET /images/json.*": lambda _: Answer(body=[{"Id": "sha256:ours"}] if "ours" in here else []),
        "GET /images/python.*/json": lambda _: (
            Answer(body={"Id": "sha256:base"}) if "base" in here else Answer(404, {"message": "no such image"})
        ),
        "GET /images/sha256:base/json": Answer(body={"Id": "sha256:base", "Config": {}}),
        "GET /images/synth-sandbox.*/json": Answer(404, {"message": "no such image"}),
        "GET /images/sha256:ours/json": Answer(body={"Id": "sha256:ours", "Config": {}}),
        "POST /images/create.*": create,
        "PUT /containers/c1/archive.*": Answer(200),
        "POST /commit.*": commit,
    }
    assert pulled(api, name) == "sha256:ours"
    assert len(fake.asked_for("POST /images/create.*")) == len(fake.asked_for("POST /commit.*")) == 1
    assert len(fake.asked_for("PUT /containers/c1/archive.*")) == len(fake.asked_for("DELETE /containers/c1.*")) == 1
    pulled(api, name)
    assert len(fake.asked_for("POST /images/create.*")) == len(fake.asked_for("POST /commit.*")) == 1


def test_an_image_with_volumes_is_refused(fake: FakeEngine, api: Api) -> None:
    fake.answers["GET /images/sha256:1/json"] = Answer(body={"Id": "sha256:1", "Config": {"Volumes": {"/data": {}}}})
    with pytest.raises(UsageError, match=r"declares volumes \(/data\)"):
        pulled(api, "data@sha256:" + "0" * 64)


def test_a_pull_that_fails_half_way(fake: FakeEngine, api: Api) -> None:
    fake.answers["POST /images/create.*"] = Answer(body={"error": "manifest unknown"})
    with pytest.raises(SandboxError, match=r"cannot pull .*: manifest unknown"):
        api.pull("python@sha256:" + "0" * 64)


def test_stdout_comes_without_its_frames_and_stderr_is_kept_aside(fake: FakeEngine, api: Api) -> None:
    frames = [(1, b"abc"), (2, b"oh dear"), (1, b"de")]
    wire = wire_of(fake, api, b"".join(struct.pack(">BxxxL", stream, len(data)) + data for stream, data in frames))
    assert [wire.recv(2), wire.recv(2), wire.recv(9), wire.recv(9)] == [b"ab", b"c", b"de", b""]
    assert wire.complaints == b"oh dear"
