"""SFT shards into what a training machine is sent: packed rows, a vocabulary, the words that stay.

The folder: `train.xz` and `held_out.xz` (rows.py), `lengths.json` (tokens of each training row), `tokenizer.json`,
`lexicon.json`, `about.json` with what was left out.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from model_core.declare import Declarations
from model_core.errors import ModelError
from model_core.feeding.rows import Row, read_rows, row_of, write_rows
from model_core.feeding.stream import lengths_of
from model_core.feeding.vary import Lexicon
from model_core.tokens import OwnTokenizer
from model_core.training.shards import rows_of

_TEXTS = 6000  # rows that the vocabulary is learnt from


def pack(
    shards: Sequence[Path],
    out: Path,
    vocabulary: int | Path,
    longest: int,
    held_out: int,
    declarations: Declarations = "compact",
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Fill the folder `out` from folders of shards; returns its `about`. `vocabulary`: how many tokens to learn, or the
    folder of a vocabulary to keep. Rows longer than `longest` tokens are left out and counted by kind;
    rows of the same tools stand together, since that packs better. `held_out`: rows of the validation split kept."""
    if out.exists():
        raise ModelError(f"{out} exists already; remove it or give another folder")
    rows = sorted(_rendered(shards, "train", declarations), key=lambda row: str(row.parts[3]))
    tell(f"{len(rows):,} rows rendered")
    tokenizer = _vocabulary(rows, vocabulary)
    out.mkdir(parents=True)
    tokenizer.write(out)
    tell("vocabulary made")
    lengths = lengths_of(rows, tokenizer)
    kept = [row for row, length in zip(rows, lengths, strict=True) if length <= longest]
    lexicon = Lexicon.of(kept)
    (out / "lexicon.json").write_text(json.dumps({"common": sorted(lexicon.common), "rare": lexicon.rare}) + "\n")
    write_rows(out / "train.xz", kept)
    (out / "lengths.json").write_text(json.dumps([length for length in lengths if length <= longest]) + "\n")
    tell("training rows written")
    held = list(_rendered(shards, "validation", declarations))
    random.Random("held out").shuffle(held)  # of all folders and kinds
    held_lengths = lengths_of(held, tokenizer)
    held = [row for row, length in zip(held, held_lengths, strict=True) if length <= longest][:held_out]
    write_rows(out / "held_out.xz", held)
    about = {
        "declarations": declarations,
        "vocabulary": tokenizer.size,
        "longest": longest,
        "rows": dict(sorted(Counter(row.kind for row in kept).items())),
        "too_long": dict(sorted(Counter(
            row.kind for row, length in zip(rows, lengths, strict=True) if length > longest).items())),
        "tokens": sum(length for length in lengths if length <= longest),
        "held_out_rows": len(held),
    }  # fmt: skip
    (out / "about.json").write_text(json.dumps(about, indent=1) + "\n")
    return about


def _vocabulary(rows: Sequence[Row], given: int | Path) -> OwnTokenizer:
    if isinstance(given, Path):
        return OwnTokenizer.read(given)
    step = max(1, len(rows) // _TEXTS)
    return OwnTokenizer.train((_text(row) for row in rows[::step]), given)


def _rendered(shards: Sequence[Path], split: str, declarations: Declarations) -> Iterator[Row]:
    for where, row in (found for folder in shards for found in rows_of(folder, split)):
        messages = [{k: v for k, v in message.items() if v is not None} for message in row["messages"]]
        try:
            yield row_of(row.get("kind") or "", messages, json.loads(row["tools"]), declarations)
        except ModelError as error:
            raise ModelError(f"{where}: {error}") from error


def _text(row: Row) -> str:
    return "".join(part for part in row.parts if isinstance(part, str))


def read_lexicon(folder: Path) -> Lexicon:
    """What `pack` wrote."""
    read = json.loads((folder / "lexicon.json").read_text())
    return Lexicon(read["common"], read["rare"])


def read_packed(folder: Path) -> tuple[list[Row], list[Row]]:
    """Training and held-out rows."""
    return list(read_rows(folder / "train.xz")), list(read_rows(folder / "held_out.xz"))
