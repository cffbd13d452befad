"""Checkpoints go to transformers and come back; FP8 blocks are exact to their format; what does not fit is named."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peer import CONFIGS, ours_with, peer_of, some_ids
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import DeepseekV3ForCausalLM

from model_core import Model, ModelConfig, ModelError, empty, load, save
from model_core.checkpoint import INDEX
from model_core.fp8 import dequantise, quantise
from model_core.names import is_quantised, public_tensors

EVERY = pytest.mark.parametrize("name", CONFIGS)


def small(config: ModelConfig = CONFIGS["plain"], seed: int = 4) -> Model:
    return empty(config).initialise(seed).eval()


@EVERY
@torch.no_grad()
def test_ours_loads_in_the_peer(name: str, tmp_path: Path) -> None:
    config = CONFIGS[name]
    ours, ids = ours_with(config, peer_of(config)), some_ids(config)
    save(ours, tmp_path, shard_bytes=200_000)
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    theirs, report = DeepseekV3ForCausalLM.from_pretrained(
        tmp_path, attn_implementation="eager", output_loading_info=True
    )
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert (ours(ids) - theirs.eval()(ids).logits).abs().max() < 1e-5


@EVERY
@torch.no_grad()
def test_the_peers_loads_in_ours(name: str, tmp_path: Path) -> None:
    config = CONFIGS[name]
    peer, ids = peer_of(config), some_ids(config)
    peer.save_pretrained(tmp_path, max_shard_size="200KB")
    ours = load(tmp_path)
    assert ours.config == config
    assert (ours(ids) - peer(ids).logits).abs().max() < 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_saved_comes_back_bit_for_bit(dtype: torch.dtype, tmp_path: Path) -> None:
    model = small(CONFIGS["raw_weights"]).to(dtype)
    model.layers[1].mlp.gate.e_score_correction_bias.normal_()
    save(model, tmp_path)
    back = load(tmp_path, dtype=dtype).state_dict()
    assert back.keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert back[name].dtype == tensor.dtype and torch.equal(back[name], tensor), name


def test_fp8_blocks_have_their_own_scale() -> None:
    weight = torch.randn(200, 300, generator=torch.Generator().manual_seed(0))
    weight[:128, :128] *= 1000
    weight[128:, 256:] = 0
    stored, scales = quantise(weight)
    assert stored.dtype == torch.float8_e4m3fn and scales.shape == (2, 3)
    for r in range(2):
        for c in range(3):
            block = weight[128 * r : 128 * r + 128, 128 * c : 128 * c + 128]
            assert scales[r, c] == (block.abs().max() / 448 if block.any() else 1.0)
    back = dequantise(stored, scales)
    # e4m3 keeps three bits after the leading one: half a step is 1/16 of the value, or of the smallest normal.
    largest = torch.empty_like(weight)
    for r in range(2):
        for c in range(3):
            largest[128 * r : 128 * r + 128, 128 * c : 128 * c + 128] = scales[r, c]
    assert ((back - weight).abs() <= torch.maximum(weight.abs() / 16, largest * 2**-10) * 1.0001).all()
    assert (back[128:, 256:] == 0).all()
    assert (back - weight).abs().max() > 0


def test_an_fp8_checkpoint_loads_as_its_rounded_weights(tmp_path: Path) -> None:
    config = replace(CONFIGS["plain"], hidden_size=192)  # blocks that are cut
    model = small(config).to(torch.bfloat16)
    save(model, tmp_path, quantised=True)
    names = json.loads((tmp_path / INDEX).read_text())["weight_map"]
    with safe_open(tmp_path / names["model.layers.1.mlp.experts.0.up_proj.weight"], framework="pt") as shard:
        assert shard.get_tensor("model.layers.1.mlp.experts.0.up_proj.weight").dtype == torch.float8_e4m3fn
    loaded, originals = public_tensors(load(tmp_path, dtype=torch.bfloat16)), public_tensors(model)
    rounded = 0
    for name, tensor in originals.items():
        if is_quantised(name):
            assert name + "_scale_inv" in names
            assert torch.equal(loaded[name], dequantise(*quantise(tensor)).to(torch.bfloat16)), name
            rounded += int(not torch.equal(loaded[name], tensor))
        else:
            assert name + "_scale_inv" not in names
            assert torch.equal(loaded[name], tensor), name
    assert rounded > 100


def test_the_released_fp8_form_has_the_released_names(tmp_path: Path) -> None:
    from model_core.names import released_names

    config = CONFIGS["plain"]
    save(small(config), tmp_path, quantised=True)
    names = set(json.loads((tmp_path / INDEX).read_text())["weight_map"])
    assert names == {name for name in released_names(config) if not name.endswith("inv_freq")}


def _rewrite(folder: Path, change: dict[str, torch.Tensor | None]) -> None:
    (file,) = folder.glob("*.safetensors")
    tensors = load_file(file)
    for name, tensor in change.items():
        if tensor is None:
            del tensors[name]
        else:
            tensors[name] = tensor
    save_file(tensors, file)
    index = {"metadata": {}, "weight_map": dict.fromkeys(tensors, file.name)}
    (folder / INDEX).write_text(json.dumps(index))


def test_one_error_names_what_is_missing_extra_and_misshapen(tmp_path: Path) -> None:
    save(small(), tmp_path)
    _rewrite(
        tmp_path,
        {
            "model.layers.1.mlp.experts.3.up_proj.weight": None,
            "model.norm.weight": None,
            "model.layers.0.surprise": torch.zeros(2),
            "lm_head.weight": torch.zeros(97, 65),
        },
    )
    with pytest.raises(ModelError) as told:
        load(tmp_path)
    assert str(told.value) == (
        "the checkpoint does not fit its config.json; "
        "2 missing: model.layers.1.mlp.experts.3.up_proj.weight, model.norm.weight; "
        "1 extra: model.layers.0.surprise; 1 misshapen: lm_head.weight [97, 65] (expected [97, 64])"
    )


def test_stray_buffers_and_drafting_layers_are_ignored(tmp_path: Path) -> None:
    model, ids = small(), some_ids(CONFIGS["plain"])
    save(model, tmp_path)
    strays = {
        "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4),
        "model.layers.3.eh_proj.weight": torch.ones(4, 4),
    }
    _rewrite(tmp_path, strays)
    assert torch.equal(load(tmp_path)(ids), model(ids))


def test_files_without_an_index_load(tmp_path: Path) -> None:
    model, ids = small(), some_ids(CONFIGS["plain"])
    save(model, tmp_path)
    (tmp_path / INDEX).unlink()
    assert torch.equal(load(tmp_path)(ids), model(ids))


def test_a_folder_that_is_no_checkpoint_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json is missing"):
        load(tmp_path)
    save(small(), tmp_path)
    with pytest.raises(ModelError, match="holds a checkpoint already"):
        save(small(), tmp_path)
    (file,) = tmp_path.glob("*.safetensors")
    file.unlink()
    with pytest.raises(ModelError, match="the index names model-00001-of-00001"):
        load(tmp_path)
    (tmp_path / INDEX).unlink()
    with pytest.raises(ModelError, match="no safetensors"):
        load(tmp_path)


_PEAK = """
import re, sys, torch
import model_core
def kb(key): return int(re.search(key + r":\\s+(\\d+)", open("/proc/self/status").read())[1])
model_core.load(sys.argv[2], dtype=torch.bfloat16)  # what importing costs is not what loading costs
before = kb("VmRSS")
model = model_core.load(sys.argv[1], dtype=torch.bfloat16)
weights = sum(weight.numel() * weight.element_size() for weight in model.parameters())
print((kb("VmHWM") - before) * 1024 / weights)
"""


@pytest.mark.slow
def test_loading_peaks_at_little_more_than_the_weights(tmp_path: Path) -> None:
    config = ModelConfig.preset("tiny").scaled(hidden_size=1024, moe_intermediate_size=768, n_routed_experts=24)
    save(empty(config, dtype=torch.bfloat16).initialise(), tmp_path / "large", shard_bytes=20 * 10**6)
    save(small(), tmp_path / "small")
    folders = [tmp_path / "large", tmp_path / "small"]
    told = subprocess.run([sys.executable, "-c", _PEAK, *folders], capture_output=True, text=True, check=True)
    assert float(told.stdout) < 1.1
