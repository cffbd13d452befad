"""Initializes, then never reads stdin again."""

import json
import sys

from wire import hang, hello

hello(json.loads(sys.stdin.readline()))
hang()
