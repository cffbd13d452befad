"""The vocabulary that random models have."""

from __future__ import annotations

import subprocess
import sys

from model_core.small_vocabulary import small_tokenizer


def test_a_word_is_the_same_token_in_prose_in_a_name_and_in_json() -> None:
    tokenizer = small_tokenizer()
    (issue,) = tokenizer.encode("issue")
    for text in ("create issue now", "create_issue", '{"issue": 1}'):
        ids = tokenizer.encode(text)
        assert issue in ids and tokenizer.decode(ids) == text


def test_it_is_the_same_in_any_process() -> None:
    code = "from model_core.small_vocabulary import *; print(small_tokenizer().encode('delete the invoice of Mars 7'))"
    told = [
        subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
                       capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert told[0] == told[1] != ""
