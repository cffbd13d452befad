"""Megabytes of lines on stdout, none of them a message."""

import sys

while True:
    sys.stdout.write(("x" * 200 + "\n") * 100)
