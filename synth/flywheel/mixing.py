"""What a round trains on: the rows its runs kept, and rows of the expert's run beside them."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from synth.errors import UsageError
from synth.records import rng_for
from synth.store.files import read_json, write_json
from synth.store.parts import write_parquet

ABOUT = "about.json"


def mix(rounds: list[Path], expert: Path, replay: float, seed: int, out: Path) -> dict[str, Any]:
    """Fill the folder `out` with shards: all training rows of `rounds` (sft folders) and `replay` times as many of
    `expert`, drawn without putting back; its validation rows for the held-out loss. Returns what is in it. A folder
    that is there already stays. Raises UsageError where the rounds kept no row."""
    if out.is_dir():
        return read_json(out / ABOUT) or {}
    own = pa.concat_tables([_rows(folder, "train") for folder in rounds])
    if not len(own):
        raise UsageError(f"{rounds[-1]} keeps no row to train on; ask for more, or let the expert play beside the core")
    told = _rows(expert, "train")
    count = min(len(told), round(replay * len(own)))
    drawn = sorted(rng_for(seed, "replay").sample(range(len(told)), count))
    made = out.with_name(f".{out.name}")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    table = pa.concat_tables([own, told.take(pa.array(drawn, pa.int64()))]).combine_chunks()
    write_parquet(table, made / "train-00000.parquet", row_group_rows=500)
    if len(held := _rows(expert, "validation")):
        write_parquet(held.combine_chunks(), made / "validation-00000.parquet", row_group_rows=500)
    about = {"rows": len(table), "replayed": count, "own": _counted(own), "held_out": len(held)}
    write_json(made / ABOUT, about)
    made.rename(out)
    return about


def _rows(folder: Path, split: str) -> pa.Table:
    from synth.store.sft import SFT_SCHEMA

    files = sorted(folder.glob(f"{split}-*.parquet"))
    return pa.concat_tables([pq.read_table(file) for file in files]) if files else SFT_SCHEMA.empty_table()


def _counted(table: pa.Table) -> dict[str, dict[str, int]]:
    """Rows per policy and kind."""
    found = Counter(zip(table.column("policy").to_pylist(), table.column("kind").to_pylist(), strict=True))
    out: dict[str, dict[str, int]] = {}
    for (policy, kind), count in sorted(found.items()):
        out.setdefault(policy, {})[kind] = count
    return out
