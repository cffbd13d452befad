"""Rows packed as text are what `render` makes; other words come throughout; batches follow the seed alone."""

from __future__ import annotations

import lzma
import random
from pathlib import Path

import numpy as np
import pytest
from kayaks import TOOLS, example, write_vocabulary

from model_core.chat import render
from model_core.errors import ModelError
from model_core.feeding.rows import encode, read_rows, row_of, write_rows
from model_core.feeding.stream import Examiner, Source, lengths_of
from model_core.feeding.vary import Lexicon, own_words, roots_of, varied
from model_core.tokens import OwnTokenizer


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vocabulary(tmp_path_factory.mktemp("vocabulary"))


def test_a_row_encodes_to_what_render_gives(vocabulary: Path, tmp_path: Path) -> None:
    own = OwnTokenizer.read(vocabulary)
    messages = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi, a kayak"}]
    row = row_of("chat", messages, TOOLS, "compact")
    assert encode(row, own) == render(messages, TOOLS, own, declarations="compact")
    assert write_rows(tmp_path / "rows.xz", [row, example(1)]) == 2
    assert list(read_rows(tmp_path / "rows.xz")) == [row, example(1)]


def test_another_file_is_refused(tmp_path: Path) -> None:
    with lzma.open(tmp_path / "rows.xz", "wt") as file:
        file.write('{"format": 99}\n')
    with pytest.raises(ModelError, match="no packed rows of format 1"):
        list(read_rows(tmp_path / "rows.xz"))


def test_a_word_is_replaced_everywhere_in_each_case_and_with_its_ending() -> None:
    rows = [example(n) for n in range(30)]
    lexicon = Lexicon(common=["please", "you", "look", "after", "done", "retir", "fals", "tru"], rare=["lantern"])
    seen = set()
    for seed in range(40):
        row = varied(rows[3], lexicon, random.Random(seed))
        text = "".join(p for p in row.parts if isinstance(p, str))
        if "kayak" in text.lower():
            assert text.lower().count("kayak") == str(rows[3].parts).lower().count("kayak")
            continue
        word = text.split("retire_")[1].split("(")[0]
        seen.add(word)
        assert f'{{"{word}_id": "{word.capitalize()}-3"}}' in text
        assert f"{word.capitalize()}s." in text and f"{word.upper()} {word.capitalize()}-3" in text
        assert row.learn == rows[3].learn and [p for p in row.parts if not isinstance(p, str)]
    assert len(seen) > 5


def test_ids_stay_as_they_are() -> None:
    said = "Retire KYK-CP5QU6 and kayak kyk_xvDBkVdH3jC3, 9ee9443cee."
    row = row_of("chat", [{"role": "user", "content": said}, {"role": "assistant", "content": "ok"}], [], "json")
    texts = {str(varied(row, Lexicon(["retir", "and"], ["lantern"]), random.Random(seed)).parts) for seed in range(30)}
    assert all(end in text for text in texts for end in ("-CP5QU6 and", "_xvDBkVdH3jC3,", " 9ee9443cee."))
    assert sum("kayak" in text for text in texts) < len(texts) / 2


def test_what_only_the_assistant_says_stays() -> None:
    row = example(1)
    assert "gladl" in own_words(row)[0] and "kayak" not in own_words(row)[0]
    for seed in range(30):
        new = varied(row, Lexicon([], ["lantern"]), random.Random(seed))
        assert "gladl" in roots_of(new)


def test_common_is_what_many_examples_share() -> None:
    rows = [example(n) for n in range(50)]
    odd = row_of(
        "chat", [{"role": "user", "content": "zebra zebras"}, {"role": "assistant", "content": "ok"}], [], "json"
    )
    lexicon = Lexicon.of([*rows, odd, odd], anywhere=0.5, user=0.5)
    assert "kayak" in lexicon.common and "zebra" in lexicon.rare


def source(folder: Path, **changes: object) -> Source:
    rows = [example(n) for n in range(40)]
    lexicon = Lexicon(["please"], ["lantern", "barrel"])
    given = {"rows": rows, "lengths": lengths_of(rows, OwnTokenizer.read(folder)), "folder": folder,
             "lexicon": lexicon, "tokens": 700, "longest": 400, "seed": 3}  # fmt: skip
    return Source(**{**given, **changes})  # type: ignore[arg-type]


def test_same_batches_for_any_number_of_processes_and_from_any_position(vocabulary: Path) -> None:
    made = []
    for processes, first in ((0, 0), (2, 0), (2, 9)):
        examiner = Examiner(source(vocabulary), processes)
        examiner.go_to(first)
        made.append([examiner.next() for _ in range(30 - first)])
        assert examiner.position == 30
        examiner.close()
    for a, b in ((made[0], made[1]), (made[0][9:], made[2])):
        for one, other in zip(a, b, strict=True):
            for (ids, mask), (ids2, mask2) in zip(one.pairs, other.pairs, strict=True):
                assert np.array_equal(ids, ids2) and np.array_equal(mask, mask2)


def test_each_row_once_an_epoch_and_too_long_ones_never(vocabulary: Path) -> None:
    whole = source(vocabulary)
    cut = source(vocabulary, longest=min(whole.lengths))
    assert sorted(p for batch in whole.plan(1) for p in batch) == list(range(40))
    assert whole.plan(0) != whole.plan(1)
    assert {whole.lengths[p] for batch in cut.plan(0) for p in batch} == {min(whole.lengths)}
    assert all(sum(whole.lengths[p] for p in batch) <= 700 for batch in whole.plan(0))
    assert all(len(ids) <= 400 for ids, _ in whole.make(OwnTokenizer.read(vocabulary), 0, 0, range(40)).pairs)
