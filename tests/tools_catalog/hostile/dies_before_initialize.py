"""Exits 1 before it answers anything."""

import sys

sys.stderr.write("no \x1b[31mcredentials\x1b[0m found\n")
sys.exit(1)
