"""Frames between PID 1 and its owner: `>II` (bytes of JSON, bytes of blob), JSON, blob."""

import array
import json
import os
import socket
import stat
import struct
from typing import Any

HEAD = struct.Struct(">II")


class Stream:
    """Frames over a socket or a pair of pipes."""

    def __init__(self, reader: int, writer: int) -> None:
        self.reader, self.writer = reader, writer
        self.socket = socket.socket(fileno=os.dup(reader)) if stat.S_ISSOCK(os.fstat(reader).st_mode) else None
        self.descriptors: list[int] = []

    def _bytes(self, count: int) -> bytes:
        parts = []
        while count:
            if self.socket is None:
                part = os.read(self.reader, min(count, 1 << 20))
            else:
                room = socket.CMSG_SPACE(4 * array.array("i").itemsize)
                part, extra, _, _ = self.socket.recvmsg(min(count, 1 << 20), room, socket.MSG_CMSG_CLOEXEC)
                for _, _, data in extra:
                    self.descriptors.extend(array.array("i", data[: len(data) - len(data) % 4]))
            if not part:
                os._exit(0)  # the owner went away: all in here goes with PID 1
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def read(self) -> tuple[dict[str, Any], bytes]:
        """The next request and its blob."""
        length, blob = HEAD.unpack(self._bytes(HEAD.size))
        return json.loads(self._bytes(length)), self._bytes(blob)

    def write(self, answer: dict[str, Any], blob: bytes = b"") -> None:
        """Send one frame."""
        text = json.dumps(answer).encode()
        self.raw(HEAD.pack(len(text), len(blob)) + text)
        self.raw(blob)

    def raw(self, data: bytes) -> None:
        """All of `data`, however often the kernel takes only a part."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.writer, view) :]
