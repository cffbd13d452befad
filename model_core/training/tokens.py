"""Conversations as token ids on disk, made once and then read in any order without decoding anything.

A folder: `ids.bin` (uint16, or uint32 for vocabularies beyond 65,536), `learn.bin` (uint8, 1 where the assistant is to
learn the token), `ends.bin` (int64, where each document ends), `about.json`, and `dropped.jsonl` with what did not fit
and why. All little-endian. The weight of the prompt is no part of it: it is chosen when training.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from model_core.declare import Declarations
from model_core.errors import ModelError

FORMAT = 1


def id_type(vocab_size: int) -> np.dtype[Any]:
    """The narrowest type that holds every id."""
    return np.dtype("<u2" if vocab_size <= 1 << 16 else "<u4")


class TokenWriter:
    """Fills a folder document by document; it appears under its name only when `close` is called.

    Documents longer than `max_length` tokens, and those with nothing to learn, are left out and named in
    `dropped.jsonl`: cutting one would teach a half conversation. Raises `ModelError` where the folder exists.
    """

    def __init__(
        self,
        folder: Path | str,
        vocab_size: int,
        max_length: int,
        declarations: Declarations = "json",
        split: str = "",
    ) -> None:
        self._folder = Path(folder)
        if self._folder.exists():
            raise ModelError(f"{self._folder} exists already; remove it or give another folder")
        self._made = self._folder.with_name(f".{self._folder.name}.{os.getpid()}")
        shutil.rmtree(self._made, ignore_errors=True)
        self._made.mkdir(parents=True)
        self._vocab_size, self._max_length = vocab_size, max_length
        self._about = {"split": split, "tool_declarations": declarations}
        self._dtype = id_type(vocab_size)
        self._open: dict[str, IO[bytes]] = {
            name: (self._made / name).open("wb") for name in ("ids.bin", "learn.bin", "ends.bin", "dropped.jsonl")
        }
        self._end = self._learnt = 0
        self.documents = 0
        self.dropped: dict[str, int] = {}

    def add(self, ids: Sequence[int], mask: Sequence[bool], name: str = "") -> bool:
        """Append one document; false if it was dropped. `name` stands in `dropped.jsonl` then."""
        learnt = sum(mask[1:])
        reason = "too_long" if len(ids) > self._max_length else "" if learnt else "nothing_to_learn"
        if reason:
            self.dropped[reason] = self.dropped.get(reason, 0) + 1
            told = {"name": name, "reason": reason, "tokens": len(ids)}
            self._open["dropped.jsonl"].write(json.dumps(told).encode() + b"\n")
            return False
        as_array = np.asarray(ids, dtype=np.int64)
        if as_array.max() >= self._vocab_size or as_array.min() < 0:
            raise ModelError(f"document {name!r} holds id {as_array.max()}; the vocabulary ends at {self._vocab_size}")
        self._open["ids.bin"].write(as_array.astype(self._dtype).tobytes())
        self._open["learn.bin"].write(np.asarray(mask, dtype=np.uint8).tobytes())
        self._end += len(ids)
        self._open["ends.bin"].write(np.int64(self._end).astype("<i8").tobytes())
        self.documents += 1
        self._learnt += learnt
        return True

    def close(self) -> None:
        """Write `about.json` and give the folder its name."""
        for file in self._open.values():
            file.flush()
            os.fsync(file.fileno())
            file.close()
        about = self._about | {
            "format": FORMAT, "vocab_size": self._vocab_size, "max_length": self._max_length,
            "documents": self.documents, "tokens": self._end, "learnt_tokens": self._learnt,
            "dropped": dict(sorted(self.dropped.items())),
        }  # fmt: skip
        (self._made / "about.json").write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")
        self._made.rename(self._folder)

    def abandon(self) -> None:
        """Remove what was written so far."""
        for file in self._open.values():
            file.close()
        shutil.rmtree(self._made)


class TokenFile:
    """A folder of documents, mapped and not read: memory holds only where each one ends.

    Raises `ModelError` for a folder that no `TokenWriter` closed, or whose files do not agree.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        about = self.folder / "about.json"
        if not about.is_file():
            raise ModelError(f"{self.folder} holds no token file; `about.json` is missing")
        self.about: dict[str, Any] = json.loads(about.read_text())
        if self.about.get("format") != FORMAT:
            raise ModelError(f"{self.folder} has format {self.about.get('format')!r}; make it anew")
        self.vocab_size = int(self.about["vocab_size"])
        if not self.about["documents"]:
            raise ModelError(f"{self.folder} holds no document; dropped: {self.about['dropped'] or 'none'}")
        self.ends = np.fromfile(self.folder / "ends.bin", dtype="<i8")
        self._ids = np.memmap(self.folder / "ids.bin", dtype=id_type(self.vocab_size), mode="r")
        self._learn = np.memmap(self.folder / "learn.bin", dtype=np.uint8, mode="r")
        if not len(self._ids) == len(self._learn) == self.ends[-1] == self.about["tokens"]:
            raise ModelError(f"{self.folder}: its files do not agree on the number of tokens; make it anew")
        self.starts = np.concatenate((np.zeros(1, dtype=np.int64), self.ends[:-1]))
        self.lengths: np.ndarray[Any, np.dtype[np.int64]] = self.ends - self.starts

    def __len__(self) -> int:
        return len(self.ends)

    def document(self, number: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Ids and learn flags of one document."""
        part = slice(int(self.starts[number]), int(self.ends[number]))
        return self._ids[part], self._learn[part]
