"""Files below /work, by descriptors and never through a link: a job may have put links anywhere."""

import os
import stat
from collections.abc import Iterator

DEEPEST = 64  # folders below /work


def write(path: str, data: bytes | None) -> None:
    """One file below /work. OSError: a folder is in the way, or the disk is full."""
    *folders, name = path.split("/")
    at = os.open("/work", os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            try:
                below = os.open(folder, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            except (FileNotFoundError, NotADirectoryError):
                if data is None:
                    return
                _unlink(folder, at)
                os.mkdir(folder, 0o755, dir_fd=at)
                below = os.open(folder, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = below
        _unlink(name, at)
        if data is None:
            return
        mode = 0o755 if data.startswith(b"#!") else 0o644
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=at)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
        finally:
            os.close(fd)
    finally:
        os.close(at)


def _unlink(name: str, at: int) -> None:
    try:
        os.unlink(name, dir_fd=at)
    except FileNotFoundError:
        pass


def regular(under: str) -> Iterator[tuple[str, int, int]]:
    """(path, open descriptor, size) of regular files at or below `under`, sorted; links are passed over."""
    at = os.open("/work", os.O_DIRECTORY | os.O_CLOEXEC)
    for part in [part for part in under.split("/") if part]:
        try:
            below = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
        except OSError:
            os.close(at)
            return  # nothing there, or a link
        os.close(at)
        at = below
    yield from _walk(at, under.strip("/"), 0)


def _walk(at: int, path: str, depth: int) -> Iterator[tuple[str, int, int]]:
    info = os.fstat(at)
    if stat.S_ISREG(info.st_mode):
        yield path, at, info.st_size
        return
    if not stat.S_ISDIR(info.st_mode):
        os.close(at)
        return
    if depth > DEEPEST:
        raise OSError(36, "folders nested too deeply", path)
    try:
        for name in sorted(os.listdir(at)):
            try:
                below = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
            except OSError:
                continue  # a link, a socket, or not readable even by its owner
            yield from _walk(below, f"{path}/{name}" if path else name, depth + 1)
    finally:
        os.close(at)
