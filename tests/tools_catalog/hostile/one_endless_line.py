"""Megabytes on stdout without a line end."""

import sys

while True:
    sys.stdout.write("x" * 65536)
