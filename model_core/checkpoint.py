"""Checkpoints in the public format: config.json, sharded safetensors, an index; plain or FP8 block-scaled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from model_core import fp8
from model_core.config import ModelConfig
from model_core.errors import ModelError
from model_core.model import Model
from model_core.names import (
    FP8_BLOCK,
    SCALE_SUFFIX,
    is_ignored,
    is_quantised,
    public_shapes,
    public_tensors,
    scale_shape,
)

INDEX = "model.safetensors.index.json"
NAMED_AT_MOST = 5  # tensors named per kind of fault in an error
_DTYPE_NAMES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}


def empty(config: ModelConfig, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Model:
    """A model whose weights are allocated once, in their dtype and place, and hold nothing yet."""
    with torch.device("meta"):
        model = Model(config)
    return model.to(dtype).to_empty(device=device)


def load(path: Path | str, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Model:
    """Read a checkpoint folder. One tensor at a time goes to its place, so the peak is the weights plus one tensor
    (a CPU also counts the pages of the one file that is open).

    Raises `ModelError` naming every missing, extra or misshapen tensor before anything is allocated.
    """
    folder = Path(path)
    config = ModelConfig.read(folder)
    files = _files(folder)
    _check(config, files)
    model = empty(config, device, dtype)
    place = public_tensors(model)
    for file in sorted({files[name] for name in place}):
        # One file is open at a time: pages of a mapped file count as memory until it is closed.
        with safe_open(file, framework="pt") as shard:
            for name in (name for name in place if files[name] == file):
                tensor = shard.get_tensor(name)
                if name + SCALE_SUFFIX in files:
                    tensor = fp8.dequantise(tensor.to(device), _tensor(files, name + SCALE_SUFFIX).to(device))
                place[name].copy_(tensor)
    return model.eval()


def save(model: Model, path: Path | str, shard_bytes: int = 5 * 10**9, quantised: bool = False) -> None:
    """Write a checkpoint folder, shard by shard; `quantised` stores projections in FP8. Raises `ModelError` if one
    is there already."""
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.glob("*.safetensors")):
        raise ModelError(f"{folder} holds a checkpoint already; give an empty folder")
    shapes = {name: _stored_bytes(name, tensor, quantised) for name, tensor in public_tensors(model).items()}
    groups = list(_groups(shapes, shard_bytes))
    place = public_tensors(model)
    weight_map: dict[str, str] = {}
    for number, names in enumerate(groups, 1):
        file = f"model-{number:05d}-of-{len(groups):05d}.safetensors"
        stored = {key: value for name in names for key, value in _stored(name, place[name], quantised).items()}
        save_file(stored, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(stored, file)
    public = model.config.to_public() | {"torch_dtype": _DTYPE_NAMES.get(model.norm.weight.dtype, "float32")}
    if quantised:
        public["quantization_config"] = {
            "quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic",
            "weight_block_size": [FP8_BLOCK, FP8_BLOCK],
        }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(public, indent=2, sort_keys=True) + "\n")
    index = {"metadata": {"total_size": sum(shapes.values())}, "weight_map": dict(sorted(weight_map.items()))}
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n")


def _tensor(files: Mapping[str, Path], name: str) -> Tensor:
    with safe_open(files[name], framework="pt") as shard:
        return shard.get_tensor(name)


def _files(folder: Path) -> dict[str, Path]:
    """Which file holds each tensor, by the index or, without one, by the files themselves."""
    index = folder / INDEX
    if index.is_file():
        weight_map: Mapping[str, str] = json.loads(index.read_text())["weight_map"]
        absent = sorted({file for file in weight_map.values() if not (folder / file).is_file()})
        if absent:
            raise ModelError(f"{folder}: the index names {_some(absent)}, not there; fetch the shards again")
        return {name: folder / file for name, file in weight_map.items()}
    files: dict[str, Path] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as shard:
            files |= dict.fromkeys(shard.keys(), file)
    if not files:
        raise ModelError(f"{folder} holds no safetensors files")
    return files


def _check(config: ModelConfig, files: Mapping[str, Path]) -> None:
    """Compare names and shapes with the configuration; the headers are enough."""
    wanted = public_shapes(config)
    scaled = {n + SCALE_SUFFIX: scale_shape(s) for n, s in wanted.items() if is_quantised(n)}
    found = _shapes(files)
    missing = sorted(wanted.keys() - found.keys())
    extra = sorted(n for n in found.keys() - wanted.keys() - scaled.keys() if not is_ignored(n, config))
    misshapen = [
        f"{name} {list(found[name])} (expected {list(shape)})"
        for name, shape in sorted((wanted | scaled).items())
        if name in found and found[name] != shape
    ]
    faults = {"missing": missing, "extra": extra, "misshapen": misshapen}
    told = [f"{len(names)} {kind}: {_some(names)}" for kind, names in faults.items() if names]
    if told:
        raise ModelError(f"the checkpoint does not fit its config.json; {'; '.join(told)}")


def _shapes(files: Mapping[str, Path]) -> dict[str, tuple[int, ...]]:
    by_file: dict[Path, list[str]] = {}
    for name, file in files.items():
        by_file.setdefault(file, []).append(name)
    shapes: dict[str, tuple[int, ...]] = {}
    for file, names in by_file.items():
        with safe_open(file, framework="pt") as shard:
            held = set(shard.keys())
            shapes |= {name: tuple(shard.get_slice(name).get_shape()) for name in names if name in held}
    return shapes


def _some(names: list[str]) -> str:
    rest = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {rest} more" if rest > 0 else "")


def _stored(name: str, tensor: Tensor, quantised: bool) -> dict[str, Tensor]:
    tensor = tensor.cpu()
    if quantised and is_quantised(name):
        weight, scales = fp8.quantise(tensor)
        return {name: weight, name + SCALE_SUFFIX: scales}
    return {name: tensor.contiguous()}


def _stored_bytes(name: str, tensor: Tensor, quantised: bool) -> int:
    if quantised and is_quantised(name):
        rows, columns = scale_shape(tuple(tensor.shape))
        return tensor.numel() + 4 * rows * columns
    return tensor.numel() * tensor.element_size()


def _groups(sizes: Mapping[str, int], at_most: int) -> Iterator[list[str]]:
    """Names in order, cut so that no shard is larger than asked unless one tensor is."""
    group: list[str] = []
    held = 0
    for name, size in sizes.items():
        if group and held + size > at_most:
            yield group
            group, held = [], 0
        group.append(name)
        held += size
    yield group
