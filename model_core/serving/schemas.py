"""Whether what a request calls a JSON schema is one."""

from __future__ import annotations

from typing import Any

import jsonschema_rs

_DRAFTS = {
    "draft-04": "http://json-schema.org/draft-04/schema#",
    "draft-06": "http://json-schema.org/draft-06/schema#",
    "draft-07": "http://json-schema.org/draft-07/schema#",
    "2019-09": "https://json-schema.org/draft/2019-09/schema",
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
}


def schema_fault(schema: dict[str, Any]) -> str | None:
    """What is wrong with it as a schema, in a few words with the place; None where nothing is. It is read by the rules
    of the draft that its `$schema` names, of 2020-12 where that is none known."""
    said = schema.get("$schema")
    draft = next((draft for draft in _DRAFTS if isinstance(said, str) and draft in said), "2020-12")
    try:
        # The library would fetch a draft that it does not know, from wherever a request says.
        jsonschema_rs.meta.validate({**schema, "$schema": _DRAFTS[draft]})
    except jsonschema_rs.ValidationError as wrong:
        place = "/".join(str(step) for step in wrong.instance_path)
        return f"{wrong.message[:200]} (at {place[:80] or 'its root'})"
    return None
