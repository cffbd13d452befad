"""Conversations behind one prompt: the same tokens and the same gradients as one by one, in fewer tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from kayaks import example, write_vocabulary

from model_core.attention import LatentAttention
from model_core.checkpoint import empty
from model_core.config import ModelConfig
from model_core.errors import ModelError
from model_core.feeding.rows import encode, row_of
from model_core.feeding.sharing import MOST, joined, parted, prompt_of, until_last_call
from model_core.feeding.stream import Mix, Source, lengths_of
from model_core.feeding.vary import Lexicon
from model_core.packed import Documents
from model_core.tokens import OwnTokenizer
from model_core.training.feed import batch_of
from model_core.training.objective import Objective


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vocabulary(tmp_path_factory.mktemp("vocabulary"))


def source(folder: Path, mix: Mix, lexicon: Lexicon | None = None) -> Source:
    rows = [example(n, f"You look after kayaks for {who}.") for n in range(12) for who in ("Ada", "Bo")]
    lengths = lengths_of(rows, OwnTokenizer.read(folder))
    return Source(rows, lengths, folder, lexicon, 2500, 400, 3, mix)


def test_joined_and_parted_are_each_others_inverse() -> None:
    rows = [example(n) for n in range(3)]
    whole, counts = joined(rows)
    prompt, *told = parted(whole, counts, [row.kind for row in rows])
    assert prompt.parts == prompt_of(rows[0]) and not any(prompt.learn)
    for row, rest in zip(rows, told, strict=True):
        assert prompt.parts + rest.parts == row.parts and prompt.learn + rest.learn == row.learn
        assert rest.parts[0] == ("<|im_user|>",)


def test_a_cut_row_ends_with_the_message_of_its_last_call() -> None:
    row = example(1)
    cut = until_last_call(row)
    assert row.parts[: len(cut.parts)] == cut.parts and cut.parts[-1] == ("<|im_end|>",)
    assert cut.parts[-2] == ("<|tool_calls_section_end|>",) and cut.learn[-2]
    chat = row_of("chat", [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}], [], "compact")
    assert until_last_call(chat) == chat


def test_every_row_comes_once_behind_its_own_prompt(vocabulary: Path) -> None:
    own = OwnTokenizer.read(vocabulary)
    made = source(vocabulary, Mix(shared=True))
    plain = source(vocabulary, Mix())
    found = []
    for number, places in enumerate(made.plan(0)):
        pairs, after = made.make(own, 0, number, places)
        for (ids, mask), of in zip(pairs, after, strict=True):
            if of >= 0:
                found.append(
                    (np.concatenate([pairs[of][0], ids]).tolist(), np.concatenate([pairs[of][1], mask]).tolist())
                )
        assert max(after.count(of) for of in set(after) - {-1}) <= MOST
    assert sorted(found) == sorted(encode(row, own) for row in made.rows)
    assert len(made.plan(0)) < len(plain.plan(0))


def test_other_words_are_the_same_behind_one_prompt(vocabulary: Path) -> None:
    own = OwnTokenizer.read(vocabulary)
    made = source(vocabulary, Mix(shared=True), Lexicon(["please"], ["lantern", "barrel", "walnut"]))
    changed = 0
    for number, places in enumerate(made.plan(0)):
        pairs, after = made.make(own, 0, number, places)
        for (ids, _), of in zip(pairs, after, strict=True):
            tool = own.decode(pairs[max(of, 0)][0].tolist()).split("(")[0].rsplit("<|im_middle|>", 1)[-1]
            if of >= 0:
                assert f".{tool}:0" in own.decode(ids.tolist())
                changed += tool != "retire_kayak"
    assert changed


def test_gradients_are_those_of_whole_rows(vocabulary: Path) -> None:
    own = OwnTokenizer.read(vocabulary)
    rows = [example(n) for n in range(3)]
    config = ModelConfig.preset("tiny").scaled(vocab_size=own.size, num_hidden_layers=2)
    whole, counts = joined(rows)
    parts = [encode(part, own) for part in parted(whole, counts, ["single"] * 3)]
    # what the assistant says alone: the prompt is predicted once here, and once per row there
    batches = [batch_of(parts, 0.0, after=[-1, 0, 0, 0]), batch_of([encode(row, own) for row in rows], 0.0)]
    assert batches[0].ids_1T.numel() < batches[1].ids_1T.numel() and batches[0].sums == batches[1].sums
    found, logits = [], []
    for batch in batches:
        model = empty(config).initialise(seed=0).double()
        attentions = [module for module in model.modules() if isinstance(module, LatentAttention)]
        for attention in attentions:
            attention.max_logits_H = torch.zeros(config.num_attention_heads, dtype=torch.float64)
        Objective(model)(batch)[0].backward()
        found.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
        logits.append(torch.stack([a.max_logits_H for a in attentions if a.max_logits_H is not None]))
    assert torch.allclose(found[0], found[1], atol=1e-10)
    assert torch.allclose(logits[0], logits[1]) and bool((logits[0] > 0).all())


def test_what_cannot_go_on_is_refused() -> None:
    assert Documents.of([4, 2, 3], after=[-1, 0, 0]).positions_1T.tolist() == [[0, 1, 2, 3, 4, 5, 4, 5, 6]]
    for after in ([0, -1, -1], [-1, 0, 1], [-1, 2, -1]):
        with pytest.raises(ModelError, match="an earlier one that stands for itself"):
            Documents.of([4, 2, 3], after=after)


def test_the_same_seed_gives_the_same_batches(vocabulary: Path) -> None:
    own = OwnTokenizer.read(vocabulary)
    mix = Mix(shared=True, noise=0.5, cut=0.5)
    lexicon = Lexicon(["please"], ["lantern", "barrel"])
    one, two = (source(vocabulary, mix, lexicon).make(own, 1, 0, range(9)) for _ in range(2))
    assert one.after == two.after and all(np.array_equal(a[0], b[0]) for a, b in zip(one.pairs, two.pairs, strict=True))
