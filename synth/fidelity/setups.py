"""How each server is set up for an audit: `data/setups.yaml`, in our own words. No semantics, only where things are.

A setup says how to start the server in a fresh folder, which values its arguments may take (small pools, so that
calls hit existing rows about half of the time), how to read ids off its answers, and what stands there at the start.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from synth.errors import SpecError

LIST = Path(__file__).parent / "data" / "setups.yaml"


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pool(_Data):
    """Values that several parameters share. `params` are names of parameters, `tool.param` for one tool only; the
    first part of a nested one's path may be left out."""

    params: list[str]
    values: list[Any] = []  # given from the start
    absent: list[Any] = []  # never a row's
    find: str | None = None  # regular expression that reads new ids off successful answers of `makers`
    makers: list[str] = []  # tools whose answers name new rows, in the order in which the world inserts them
    entity: str | None = None  # only inserts of this entity are aligned with what was found


class Plant(_Data):
    """A call made before each sequence. Where its tool is not lifted, `rows` puts into the worlds what it made."""

    tool: str
    arguments: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []  # {entity: NAME, FIELD: VALUE ...}; tables that a world does not have are skipped


class Setup(_Data):
    """One server's set-up."""

    group: Literal["development", "aside"]
    args: list[str] | None = None  # in place of the listed ones; {work} is the fresh folder
    env: dict[str, str] = {}
    files: dict[str, str] = {}
    prepare: list[str] | None = None
    service: list[str] = []  # a local program beside it; {port} is a free one
    pools: dict[str, Pool] = {}
    values: dict[str, list[Any]] = {}  # parameter (or tool.param) -> what to draw from, where a schema says too little
    likely: list[str] = []  # optional parameters that a caller of these tools mostly gives
    fixed: dict[str, Any] = {}  # parameter -> always this
    rows: list[dict[str, Any]] = []  # what `files` mean in the worlds, as in a plant
    skip: dict[str, str] = {}  # tool -> why it cannot be called offline
    plant: list[Plant] = []
    failed: list[str] = []  # patterns of texts that report a failure without the protocol's flag
    fine: list[str] = []  # patterns of texts that look like a failure and are none


@lru_cache(maxsize=1)
def load_setups() -> dict[str, Setup]:
    """All set-ups by server id. Raises SpecError naming the place of a mistake."""
    out = {}
    for name, record in yaml.safe_load(LIST.read_text(encoding="utf-8")).items():
        try:
            out[name] = Setup.model_validate(record)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise SpecError(".".join([name, *map(str, first["loc"])]), first["msg"]) from None
    return out
