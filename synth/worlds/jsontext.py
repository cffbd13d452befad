"""JSON text without the set-up that `json.dumps` repeats on every call."""

from __future__ import annotations

import json
from collections.abc import Callable
from json import encoder
from typing import Any


def json_writer(item: str = ", ", colon: str = ": ", sort_keys: bool = False) -> Callable[[Any], str]:
    """The function `json.dumps(value, ensure_ascii=False, separators=(item, colon), sort_keys=sort_keys)`. Circles
    are the caller's to avoid: rows and arguments are trees."""
    plain = json.JSONEncoder(ensure_ascii=False, separators=(item, colon), sort_keys=sort_keys)
    make: Any = getattr(encoder, "c_make_encoder", None)
    if make is None:  # an interpreter without the C part
        return plain.encode
    write = make(None, plain.default, encoder.encode_basestring, None, colon, item, sort_keys, False, True)
    return lambda value: "".join(write(value, 0))
