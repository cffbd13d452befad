"""Stays when stdin closes and ignores SIGTERM."""

import signal

from wire import hang, serve, tool

signal.signal(signal.SIGTERM, signal.SIG_IGN)
serve(lambda params: {"tools": [tool("stays")]})
hang()
