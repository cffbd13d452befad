"""Against a server that nobody here wrote: `transformers serve` with a tiny model of random weights, built on disk."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from synth.models.openai import OpenAIClient
from synth.models.protocol import Reply, Sampling
from synth.models.roles import Judged, Role

NEEDED = ("torch", "transformers", "accelerate", "fastapi", "openai", "uvicorn")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in NEEDED),
        reason="transformers serve needs torch, transformers, accelerate, fastapi and openai: make setup",
    ),
]


def tiny_model(folder: Path) -> None:
    """A Llama of two narrow layers over single bytes, and a plain chat template."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bytes_ = Tokenizer(models.BPE())
    bytes_.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<s>", "</s>"], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())  # fmt: skip
    bytes_.train_from_iterator(["hello"], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytes_, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    tokenizer.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: "
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=8192, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )).save_pretrained(folder)  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("tiny") / "model"
    tiny_model(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = shutil.which("transformers", path=str(Path(sys.executable).parent))
    assert program is not None
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    words = [program, "serve", str(folder), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    log = (folder.parent / "log").open("w")
    process = subprocess.Popen(words, env=env, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            if process.poll() is not None:
                pytest.fail(f"transformers serve ended: {(folder.parent / 'log').read_text()[-800:]}")
            try:
                if httpx.get(f"{url}/health", timeout=2).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.5)
        yield f"{url}/v1", str(folder)
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.close()


def test_replies_tools_and_usage_come_from_a_foreign_server(served: tuple[str, str]) -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}

    async def go() -> list[Reply]:
        client = OpenAIClient(served[0], served[1], max_concurrency=2, timeout_s=120)
        sampling = Sampling(temperature=1.0, max_tokens=12, seed=3)
        try:
            asks = (client.complete([{"role": "user", "content": f"Hello {i}"}], [tool], sampling) for i in range(3))
            return list(await asyncio.gather(*asks))
        finally:
            await client.close()

    replies = asyncio.run(go())
    assert all(r.message["role"] == "assistant" and isinstance(r.message["content"], str) for r in replies)
    assert all(r.usage.prompt_tokens > 5 and 0 < r.usage.completion_tokens <= 12 for r in replies)
    assert {r.finish_reason for r in replies} <= {"stop", "length"}


def test_a_role_asks_it_twice_and_then_has_no_answer(served: tuple[str, str]) -> None:
    schema = {"type": "object", "properties": {"say": {"type": "string"}}, "required": ["say"]}

    async def go() -> tuple[object, Role]:
        client = OpenAIClient(served[0], served[1], timeout_s=120)
        role = Role("user", client, "endpoint:tiny", Sampling(max_tokens=12, seed=1))
        try:
            return await role.ask("Say something.", schema, lambda raw: Judged(raw["say"])), role
        finally:
            await client.close()

    answer, role = asyncio.run(go())
    assert answer.value is None and answer.reason == "not_json" and answer.replies == 2  # type: ignore[attr-defined]
    assert role.usage.requests == 2 and role.usage.completion_tokens > 0
