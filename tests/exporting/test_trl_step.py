"""The real trainer takes a step on an exported file, with loss on the assistant's part only."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from synth.exporting import export

pytestmark = pytest.mark.slow


def test_sft_trainer_takes_a_step(run_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    import torch
    from datasets import load_dataset
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from trl import SFTConfig, SFTTrainer

    export(run_dir, "trl", tmp_path / "out")
    rows = load_dataset("parquet", data_dir=str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))["train"]
    letters = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    made = Tokenizer(models.BPE(vocab=letters, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|pad|>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    tokenizer.chat_template = (files("synth.exporting") / "templates" / "chatml.jinja").read_text("utf-8")
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=4096,
    ))  # fmt: skip
    seen: list[dict[str, Any]] = []

    class Watched(SFTTrainer):  # type: ignore[misc]
        def compute_loss(self, model: Any, inputs: Any, **kwargs: Any) -> Any:
            seen.append({k: v.clone() for k, v in inputs.items() if hasattr(v, "clone")})
            return super().compute_loss(model, inputs, **kwargs)

    config = SFTConfig(
        output_dir=str(tmp_path / "t"), max_steps=1, per_device_train_batch_size=3, report_to=[], max_length=None,
        assistant_only_loss=True, use_cpu=True, bf16=False, save_strategy="no",
    )  # fmt: skip
    before = model.lm_head.weight.detach().clone()
    Watched(model=model, args=config, train_dataset=rows, processing_class=tokenizer).train()
    assert not torch.equal(before, model.lm_head.weight)
    learned = ["".join(tokenizer.decode([t for t in row if t >= 0])) for row in seen[0]["labels"].tolist()]
    assert any("Room r1 is free." in text and '"city": "Łódź"' in text for text in learned)
    assert not any("You book rooms" in text or "A room in" in text or "price" in text for text in learned)
