"""Answers, then stays when stdin closes, with a child in its group; notes every SIGTERM in a file."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from wire import hang, serve, tool

notes = Path(os.environ["NOTES"])


def on_term(number, frame):
    with notes.open("a") as out:
        out.write("TERM\n")
    sys.exit(0)


signal.signal(signal.SIGTERM, on_term)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
notes.write_text(f"child {child.pid}\n")
serve(lambda params: {"tools": [tool("stays")]})
hang()
