"""What the local sandbox really enforces on this machine, for `synth doctor`."""

from __future__ import annotations

import contextlib

from synth.errors import SynthError
from synth.sandbox import Probe, open_engine


def local_state() -> tuple[bool, str]:
    """(whether code of strangers may run in local sandboxes, what is enforced or why not); tried out, in a second or
    two. The root file system they need is built on first use."""
    try:
        with contextlib.closing(open_engine("local")) as engine:
            return told(engine.probe())
    except SynthError as error:
        return False, str(error)


def told(probe: Probe) -> tuple[bool, str]:
    """A probe in one line."""
    if not probe.works:
        return False, probe.detail
    parts = ", ".join(one.part for one in probe.held if one.held)
    text = f"{probe.detail}; held: {parts or 'nothing'}"
    if probe.open_parts:
        text += f"; NOT held: {', '.join(one.part for one in probe.open_parts)}"
    return probe.contains, text
