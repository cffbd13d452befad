"""The public names of `model_core` are exactly those it hands on."""

from __future__ import annotations

from pathlib import Path

import model_core


def test_every_public_name_is_there_and_no_other() -> None:
    assert set(model_core.__all__) == set(model_core._FROM)
    for name in model_core.__all__:
        assert getattr(model_core, name).__name__ == name
    # A module must not hide what is handed on under its name.
    modules = {file.stem for file in Path(model_core.__file__).parent.glob("*.py")}
    assert not modules & set(model_core.__all__)
