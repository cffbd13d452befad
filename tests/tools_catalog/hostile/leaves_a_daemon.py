"""Leaves a process in a session of its own."""

import os
import subprocess
import sys
from pathlib import Path

from wire import serve, tool

daemon = subprocess.Popen(
    [sys.executable, "-c", "import time; time.sleep(120)"],
    start_new_session=True,
    stdin=subprocess.DEVNULL,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
Path(os.environ["NOTES"]).write_text(f"child {daemon.pid}\n")
serve(lambda params: {"tools": [tool("leaves")]})
