"""`synth serve` as a person starts and stops it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import httpx
import pytest
from typer.testing import CliRunner

from synth.cli import app


@pytest.mark.slow
def test_the_command_serves_random_weights_and_stops_when_told() -> None:
    program = [sys.executable, "-m", "synth.cli", "serve", "random", "--port", "0", "--json"]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["model"] == "random" and told["random_weights"] is True
        asked = {"model": "random", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
        answer = httpx.post(f"{told['url']}/chat/completions", json=asked, timeout=120).json()
        assert answer["usage"]["completion_tokens"] <= 5
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert process.returncode in (0, -signal.SIGTERM) and "Traceback" not in errors, errors
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], "nowhere is no folder; give a checkpoint folder, or `random`"),
        (["random", "--host", "0.0.0.0"], "can be reached by others; give a key with --api-key-env"),
        (["random", "--api-key-env", "NO_SUCH_KEY"], "NO_SUCH_KEY has no API key"),
        (["random", "--dtype", "int3"], "dtype 'int3' is unknown"),
    ],
)
def test_what_cannot_be_served_is_told(words: list[str], told: str) -> None:
    outcome = CliRunner().invoke(app, ["serve", *words])
    assert outcome.exit_code == 2
    assert told in outcome.output
    assert outcome.output.count("\n") == 1
