"""`python -m model_core.feeding pack|train|ship`: the steps between shards and a small model that is shipped.

`train` needs torch, numpy and tokenizers alone, so that it runs on a lent machine. Under `torchrun --nproc-per-node N
-m model_core.feeding train ...` it runs on N processes, a batch each in a step.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from model_core.declare import Declarations
from model_core.errors import ModelError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step; one sentence and exit code 2 where it cannot be."""
    parser = argparse.ArgumentParser(prog="python -m model_core.feeding", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    pack = steps.add_parser("pack", help="SFT shards into rows, vocabulary and lexicon")
    pack.add_argument("shards", type=Path, nargs="+", help="folders of SFT shards")
    pack.add_argument("--vocabulary", type=int, default=5120)
    pack.add_argument("--tokenizer", type=Path, help="a folder whose vocabulary is kept; none is learnt then")
    pack.add_argument("--declarations", choices=get_args(Declarations), default="compact")
    pack.add_argument("--longest", type=int, default=3072)
    pack.add_argument("--held-out", type=int, default=400)
    train = steps.add_parser("train", help="train on a packed folder; a run found in --out goes on")
    train.add_argument("packed", type=Path)
    train.add_argument("recipe", type=Path, help='JSON: {"settings": {...}, "sizes": {...}, "mix": {...}}')
    train.add_argument("--init", default="", metavar="FOLDER", help="the checkpoint to start from, in place of sizes")
    train.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one setting, in JSON")
    train.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) - 2))
    ship = steps.add_parser("ship", help="a trained checkpoint in FP8, in small files, beside its vocabulary")
    ship.add_argument("checkpoint", type=Path)
    ship.add_argument("packed", type=Path)
    for step in (pack, train, ship):
        step.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the processes are many already
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")  # batches differ in length
    try:
        {"pack": _pack, "train": _train, "ship": _ship}[options.step](options)
    except (ModelError, json.JSONDecodeError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _pack(options: argparse.Namespace) -> None:
    from model_core.feeding.packing import pack

    vocabulary = options.tokenizer or options.vocabulary
    about = pack(
        options.shards, options.out, vocabulary, options.longest, options.held_out, options.declarations, _tell
    )
    print(json.dumps(about, indent=1))


def _train(options: argparse.Namespace) -> None:
    from model_core.feeding.training import Recipe, train
    from model_core.training.ranks import launched

    given = json.loads(options.recipe.read_text())
    changes = dict(change.split("=", 1) for change in options.set)
    settings = given.get("settings", {}) | {name: json.loads(value) for name, value in changes.items()}
    recipe = Recipe.from_json(given | {"settings": settings, "init": options.init})
    with launched(recipe.settings.device) as first:
        folder = train(options.packed, recipe, options.out, options.processes, _tell)
    if first:
        print(folder)


def _ship(options: argparse.Namespace) -> None:
    from model_core.feeding.shipping import ship

    print(json.dumps(ship(options.checkpoint, options.packed, options.out)))


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
