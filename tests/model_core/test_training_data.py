"""Shards to token files to packed batches: nothing lost, nothing cut, nothing crossing."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from peer import CONFIGS
from torch.nn.functional import cross_entropy
from training_data import counting_tokens, row, small_vocabulary, write_shards

from model_core import ModelError, empty, render
from model_core.attention import max_logits
from model_core.optim import MuonClip
from model_core.packed import Documents, attend, attend_each
from model_core.training import Feed, TokenFile, TokenWriter, batch_of, tokenise
from model_core.training.feed import pack
from model_core.training.objective import Objective
from synth.store.sft import SFT_SCHEMA


def test_a_token_file_holds_what_render_says(tmp_path: Path) -> None:
    vocabulary = small_vocabulary()
    shards = write_shards(tmp_path / "sft", [row(number) for number in range(7)])
    tokens = tokenise(shards, "train", vocabulary, tmp_path / "tokens", max_length=2048)
    assert len(tokens) == 7
    for number in range(7):
        example = row(number)
        ids, mask = render(example["messages"], json.loads(example["tools"]), vocabulary)
        kept, learn = tokens.document(number)
        assert kept.tolist() == ids
        assert learn.tolist() == mask
        assert 0 < sum(mask) < len(mask)


def test_a_message_that_is_not_to_be_learnt_carries_no_loss() -> None:
    vocabulary, example = small_vocabulary(), row(0)
    ids, mask = render(example["messages"], [], vocabulary)
    example["messages"][2]["train"] = False
    same, fewer = render(example["messages"], [], vocabulary)
    assert same == ids
    assert sum(fewer) == len(vocabulary.encode("Noted.")) + 1 < sum(mask)


def test_long_rows_are_dropped_by_name_and_never_cut(tmp_path: Path) -> None:
    vocabulary = small_vocabulary()
    rows = [row(0), row(1, words=200), row(2)]
    for message in rows[2]["messages"]:
        message["train"] = False
    shards = write_shards(tmp_path / "sft", rows)
    tokens = tokenise(shards, "train", vocabulary, tmp_path / "tokens", max_length=400)
    assert len(tokens) == 1
    assert tokens.about["dropped"] == {"nothing_to_learn": 1, "too_long": 1}
    told = [json.loads(line) for line in (tmp_path / "tokens" / "dropped.jsonl").read_text().splitlines()]
    assert [(t["name"], t["reason"]) for t in told] == [
        ("trajectory_00001", "too_long"),
        ("trajectory_00002", "nothing_to_learn"),
    ]
    with pytest.raises(ModelError, match=r"no row of train can be trained on.*too_long.*max_length is 20"):
        tokenise(shards, "train", vocabulary, tmp_path / "none", max_length=20)
    assert not list(tmp_path.glob("*none*"))


def test_bad_shards_get_one_sentence_with_file_and_row(tmp_path: Path) -> None:
    vocabulary = small_vocabulary()

    def refused(name: str, said: str) -> None:
        with pytest.raises(ModelError, match=said) as caught:
            tokenise(tmp_path / name, "train", vocabulary, tmp_path / "tokens", max_length=2048)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "tokens").exists()

    refused("absent", r"absent holds no train-\*\.parquet")
    rows = [row(number) for number in range(5)]
    write_shards(tmp_path / "other", rows, schema=SFT_SCHEMA.with_metadata({"schema_version": "7"}))
    refused("other", "has schema version '7'")
    write_shards(tmp_path / "none", rows, schema=SFT_SCHEMA.remove_metadata())
    refused("none", "names no schema version")
    narrow = SFT_SCHEMA.remove(SFT_SCHEMA.get_field_index("tools"))
    write_shards(tmp_path / "narrow", rows, schema=narrow)
    refused("narrow", "has no column 'tools'")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "train-00000.parquet").write_bytes(b"PAR1 no")
    refused("broken", "is no Parquet file")
    file = write_shards(tmp_path / "torn", rows) / "train-00000.parquet"
    data = bytearray(file.read_bytes())
    data[4:400] = bytes(396)
    file.write_bytes(data)
    refused("torn", "row group 0 is damaged")
    write_shards(tmp_path / "text", [*rows[:4], rows[4] | {"tools": "[{"}])
    refused("text", r"train-00000\.parquet, row 5: its tools are not valid JSON")
    rows[3]["messages"][3]["tool_call_id"] = "nobody"
    write_shards(tmp_path / "orphan", rows)
    refused("orphan", r"row 4: message 3 is the result of call 'nobody'")


def test_a_token_file_that_does_not_agree_with_itself_is_refused(tmp_path: Path) -> None:
    counting_tokens(tmp_path / "tokens")
    (tmp_path / "tokens" / "learn.bin").write_bytes(b"\0" * 10)
    with pytest.raises(ModelError, match="do not agree"):
        TokenFile(tmp_path / "tokens")
    with pytest.raises(ModelError, match="holds no token file"):
        TokenFile(tmp_path)
    writer = TokenWriter(tmp_path / "wrong", 10, 100)
    with pytest.raises(ModelError, match="the vocabulary ends at 10"):
        writer.add([1, 12], [False, True])


def test_ids_beyond_16_bits_are_kept(tmp_path: Path) -> None:
    writer = TokenWriter(tmp_path / "tokens", 163840, 100)
    writer.add([163839, 5, 70000], [False, True, True])
    writer.close()
    assert TokenFile(tmp_path / "tokens").document(0)[0].tolist() == [163839, 5, 70000]


def test_packing_loses_and_repeats_nothing_and_is_nearly_full() -> None:
    random = np.random.default_rng(1)
    lengths = random.integers(5, 700, size=3000)
    batches = pack(lengths, random.permutation(3000), 2048)
    assert sorted(number for batch in batches for number in batch) == list(range(3000))
    filled = [int(lengths[batch].sum()) for batch in batches]
    assert max(filled) <= 2048
    assert sum(filled) / (2048 * len(filled)) > 0.97
    with pytest.raises(ModelError, match="raise batch_tokens or lower max_length"):
        pack(lengths, np.arange(3000), 600)


def test_every_epoch_sees_every_document_once_in_another_order(tmp_path: Path) -> None:
    tokens = counting_tokens(tmp_path / "tokens", documents=50)
    feed = Feed(tokens, 256, 0.0, seed=3)
    batches = len(feed._plan)
    first = [tuple(feed._next()) for _ in range(batches)]
    second = [tuple(feed._next()) for _ in range(len(feed._planned(1)))]
    assert feed.seen == 2 * int(tokens.lengths.sum())
    for epoch in (first, second):
        assert Counter(n for batch in epoch for n in batch) == Counter(range(50))
    assert first != second
    again = Feed(tokens, 256, 0.0, seed=3)
    again.go_to({"epoch": 1, "position": 2, "seen": 0})
    assert tuple(again._next()) == second[2]


def test_ranks_share_what_one_would_see_accumulating(tmp_path: Path) -> None:
    tokens = counting_tokens(tmp_path / "tokens")
    one, two = Feed(tokens, 256, 0.0, 3), [Feed(tokens, 256, 0.0, 3) for _ in range(2)]
    for _ in range(5):
        alone = one.step(4)
        shared = [two[rank].step(2, rank, 2) for rank in (0, 1)]
        assert [b.ids_1T.tolist() for b in alone[0::2]] == [b.ids_1T.tolist() for b in shared[0]]
        assert [b.ids_1T.tolist() for b in alone[1::2]] == [b.ids_1T.tolist() for b in shared[1]]
        assert one.seen == two[0].seen == two[1].seen


@pytest.mark.parametrize("name", ["plain", "yarn", "wide_values", "raw_weights"])
def test_packed_documents_do_not_see_each_other(name: str) -> None:
    model = empty(CONFIGS[name], dtype=torch.float64).initialise(seed=3)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.mul_(6)
    generator = torch.Generator().manual_seed(0)
    texts = [torch.randint(0, 97, (n,), generator=generator) for n in (7, 1, 20, 3)]
    packed = model.head(model.packed(torch.cat(texts).unsqueeze(0), Documents.of([len(t) for t in texts])))[0]
    alone = torch.cat([model(text.unsqueeze(0))[0] for text in texts])
    assert torch.allclose(packed, alone, atol=1e-10)


def test_the_loss_and_gradients_of_a_batch_are_those_of_its_documents() -> None:
    model = empty(CONFIGS["plain"], dtype=torch.float64).initialise(seed=3)
    random = np.random.default_rng(0)
    texts = [(random.integers(0, 97, n), random.random(n) < 0.5) for n in (9, 30, 4)]
    batch = batch_of(texts, prompt_weight=0.25)
    weighted, learnt = Objective(model)(batch)
    wanted_weighted, wanted_learnt = 0.0, 0.0
    for ids, learn in texts:
        text = torch.as_tensor(ids).unsqueeze(0)
        losses = cross_entropy(model(text)[0, :-1], text[0, 1:], reduction="none")
        weights = torch.tensor([1.0 if flag else 0.25 for flag in learn[1:]], dtype=torch.float64)
        wanted_weighted = wanted_weighted + (losses * weights).sum()
        wanted_learnt += float(losses.detach()[torch.as_tensor(learn[1:])].sum())
    assert weighted.item() == pytest.approx(wanted_weighted.item(), rel=1e-9)
    assert learnt.item() == pytest.approx(wanted_learnt, rel=1e-9)
    assert batch.sums[1] == sum(int(learn[1:].sum()) for _, learn in texts)
    ours = torch.autograd.grad(weighted, list(model.parameters()))
    theirs = torch.autograd.grad(wanted_weighted, list(model.parameters()))
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, atol=1e-10)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_one_kernel_for_all_documents_equals_each() -> None:
    documents = Documents.of([5, 300, 1, 64], "cuda")
    q, k, v = (torch.randn(1, 370, 4, 64, device="cuda", dtype=torch.bfloat16) for _ in range(3))
    fast, ceiling_H = attend(q, k, v, documents, 0.1)
    torch.testing.assert_close(fast, attend_each(q, k, v, documents, 0.1), atol=0.02, rtol=0.02)
    rows = zip(*(x.transpose(1, 2).split(documents.lengths, dim=2) for x in (q, k)), strict=True)
    largest_H = torch.stack([max_logits(a, b, None) for a, b in rows]).amax(0) * 0.1
    assert ceiling_H is not None
    assert bool((ceiling_H >= largest_H - 0.02).all())
    assert bool((ceiling_H <= largest_H + 0.02 + math.log(300)).all())


def test_the_largest_logit_of_packed_documents_is_that_of_each_alone() -> None:
    model = empty(CONFIGS["plain"], dtype=torch.float64).initialise(seed=3)
    optimizer = MuonClip.from_model(model, lr=1e-9, tau=1e9)
    generator = torch.Generator().manual_seed(0)
    texts = [torch.randint(0, 97, (n,), generator=generator) for n in (7, 1, 20)]

    def seen(passes: Callable[[], list[torch.Tensor]]) -> torch.Tensor:
        sum(x.square().mean() for x in passes()).backward()
        optimizer.step()
        assert optimizer.max_logits_LH is not None
        return optimizer.max_logits_LH

    ids = torch.cat(texts).unsqueeze(0)
    packed = seen(lambda: [model.head(model.packed(ids, Documents.of([len(t) for t in texts])))])
    alone = seen(lambda: [model(text.unsqueeze(0)) for text in texts])
    across = seen(lambda: [model(ids)])
    assert torch.allclose(packed, alone, atol=1e-6)
    assert not torch.allclose(packed, across, atol=1e-3)
