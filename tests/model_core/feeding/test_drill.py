"""The drill asks for what its lists hold, in the form the model reads; the mix gives each kind its share."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from model_core.checkpoint import empty
from model_core.config import ModelConfig
from model_core.errors import ModelError
from model_core.feeding.drill import drill
from model_core.feeding.lookups import looked_up
from model_core.feeding.rows import Row, encode, row_of, system_of
from model_core.feeding.stream import Examiner, Mix, Source, drilled_rows, lengths_of
from model_core.feeding.vary import Lexicon
from model_core.tokens import OwnTokenizer

RARE = ["lantern", "barrel", "orchard", "copper", "velvet"]


def made(seed: int, level: float = 0.5) -> Row:
    return drill(random.Random(seed), RARE, ["Mind the system."], "compact_id_last", level)


def parts_after(row: Row, token: str) -> list[str]:
    """The text that follows each such token."""
    return [str(row.parts[i + 1]) for i, part in enumerate(row.parts[:-1]) if part == (token,)]


def leaves(value: Any) -> list[Any]:
    return [leaf for part in value.values() for leaf in leaves(part)] if isinstance(value, dict) else [value]


def records_of(row: Row) -> list[dict[str, Any]]:
    """All records of all lists that tools returned."""
    found = []
    for text in (part for part in row.parts if isinstance(part, str) and part.startswith("## Return of")):
        read = json.loads(text.split("\n", 1)[1])
        lists = [read] if isinstance(read, list) else [v for v in read.values() if isinstance(v, list)]
        found += [record for one in lists for record in one]
    return found


def test_ids_of_learnt_calls_stand_in_a_list_or_were_said() -> None:
    looked = 0
    for seed in range(150):
        row = made(seed)
        values = {str(value) for record in records_of(row) for value in record.values()}
        said = " ".join(text for text in row.parts if isinstance(text, str) and not text.startswith("## Return"))
        for place, part in enumerate(row.parts[:-1]):
            if part == ("<|tool_call_argument_begin|>",) and row.learn[place]:
                for value in leaves(json.loads(str(row.parts[place + 1]))):
                    looked += str(value) in values
                    assert str(value) in values or str(value) in said
    assert looked > 300


def test_the_name_asked_for_leads_to_the_id_called_with() -> None:
    """The record whose id is used first is one whose name was asked for."""
    seen = 0
    for seed in range(200):
        row = made(seed, 0.2)
        records = records_of(row)
        for place, part in enumerate(row.parts[:-1]):
            if part != ("<|tool_call_argument_begin|>",) or not row.learn[place] or row.parts[place + 1] == "{}":
                continue
            used = str(leaves(json.loads(str(row.parts[place + 1])))[0])
            holders = [r for r in records if used in {str(v) for v in r.values()}]
            told = [i for i in range(place) if row.parts[i : i + 2] == [("<|im_user|>",), "user"]]
            request = str(row.parts[told[-1] + 3]) if told else ""
            for record in holders[:1]:
                seen += 1
                assert any(str(value) in request for value in record.values()), (request, record)
    assert seen > 100


def test_what_is_missing_is_asked_for_and_only_that() -> None:
    asked = 0
    question = re.compile(r"What (?:should|would you like) the ([\w ]+?) (?:to )?be\?")
    for seed in range(300):
        row = made(seed)
        for found in (question.fullmatch(part) for part in row.parts if isinstance(part, str)):
            if found is not None:
                asked += 1
                name = re.compile(rf"\b{'[_ ]?'.join(found.group(1).split())}\b(?!\?)", re.IGNORECASE)
                assert name.search(str(row.parts[3])), (found.group(0), row.parts[3])
    assert asked > 10


def test_a_mistake_is_not_learnt_and_what_mends_it_is() -> None:
    mistakes = 0
    for seed in range(200):
        row = made(seed)
        errors = [
            i for i, p in enumerate(row.parts) if isinstance(p, str) and re.search(r"not.found|does not exist", p)
        ]
        calls = [i for i, p in enumerate(row.parts) if p == ("<|tool_call_begin|>",)]
        for error in errors:
            mistakes += 1
            assert not row.learn[max(i for i in calls if i < error)]
            assert row.learn[min(i for i in calls if i > error)]
    assert mistakes > 10


def test_same_seed_same_drill_and_levels_grow() -> None:
    assert made(4) == made(4) != made(5)
    sizes = [sum(len(str(made(seed, level).parts)) for seed in range(40)) for level in (0.0, 0.5, 1.0)]
    assert sizes[0] < sizes[1] < sizes[2]


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vocabulary")
    OwnTokenizer.train([str(made(n).parts) for n in range(20)], 500).write(folder)
    return folder


def rows() -> list[Row]:
    kinds = ["single"] * 30 + ["chain"] * 10 + ["chat"] * 10
    messages = [{"role": "system", "content": "You look after kayaks."}, {"role": "user", "content": "Hello there"},
                {"role": "assistant", "content": "Good day."}]  # fmt: skip
    return [row_of(kind, messages, [], "compact") for kind in kinds]


def source(folder: Path, mix: Mix) -> Source:
    own = OwnTokenizer.read(folder)
    return Source(rows(), lengths_of(rows(), own), folder, Lexicon([], RARE), 20_000, 4000, 3, mix, "compact_id_last")


def test_kinds_come_as_often_as_they_weigh(vocabulary: Path) -> None:
    made_ = source(vocabulary, Mix({"chain": 2.5, "chat": 0}))
    kinds = [made_.rows[place].kind for batch in made_.plan(0) for place in batch]
    assert kinds.count("single") == 30 and kinds.count("chat") == 0 and 20 < kinds.count("chain") < 30
    assert system_of(made_.rows[0]) == "You look after kayaks."


def test_the_drill_has_its_share_of_each_epoch(vocabulary: Path) -> None:
    examiner = Examiner(source(vocabulary, Mix(drill=(0.5, 0.25))), 0)
    own = OwnTokenizer.read(vocabulary)
    real = {tuple(encode(row, own)[0]) for row in rows()}
    for epoch, share in ((0, 0.5), (1, 0.25)):
        for _ in examiner.source.plan(epoch):
            batch = examiner.next()
            drilled = [ids for ids, _ in batch.pairs if len(ids) > max(map(len, real)) * 1.5]
            assert 20_000 * share - 4000 < sum(map(len, drilled)) < 20_000 * share + 4000


def test_shares_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ModelError, match=r"mix\.drill"):
        Mix(drill=(1.0,))
    with pytest.raises(ModelError, match=r"mix\.weights\.chain is negative"):
        Mix({"chain": -1.0})


def test_lookups_are_counted_by_kind(vocabulary: Path) -> None:
    own = OwnTokenizer.read(vocabulary)
    config = ModelConfig.preset("tiny").scaled(vocab_size=own.size, num_hidden_layers=2)
    model = empty(config).initialise(0)
    some = drilled_rows(12, rows(), Lexicon([], RARE), 1, "compact_id_last")
    right, all_ = looked_up(model, some, own)["drill"]
    assert right == 0 and all_ > 10

    class Knows(torch.nn.Module):
        """Says what comes next, since it was told the row."""

        def packed(self, ids_1T: torch.Tensor, documents: object) -> tuple[torch.Tensor]:
            return (torch.nn.functional.one_hot(ids_1T[0].roll(-1), own.size).float(),)

        def head(self, hidden: torch.Tensor) -> torch.Tensor:
            return hidden

        def parameters(self, recurse: bool = True) -> Any:
            return model.parameters(recurse)

    assert looked_up(Knows(), some, own)["drill"] == (all_, all_)  # type: ignore[arg-type]
    assert looked_up(model, rows(), own) == {}


def test_a_parameter_may_have_any_name() -> None:
    """One was called `said` once, as an argument of the code is."""
    names = ["said", "words", "self", "name", "text", "parameters", "kind"]
    for seed in range(300):
        drill(random.Random(seed), names, [], "compact_id_last", random.Random(seed).random())
