"""An episode that looked something up goes on with other records of the list; any other stays as it is."""

from __future__ import annotations

import json
import random

from model_core.feeding.more import extended
from model_core.feeding.rows import Row, row_of

RECORDS = [
    {"kayak_id": f"KYK-{n}", "title": f"Kayak of {who}", "places": n} for n, who in enumerate(("Ada", "Bo", "Cy", "Di"))
]


def episode(said: str = 'Retire "Kayak of Bo".', result: str = '{"kayak_id": "KYK-1", "retired": true}') -> Row:
    def call(number: str, name: str, arguments: object) -> dict[str, object]:
        return {"id": number, "function": {"name": name, "arguments": json.dumps(arguments)}}

    messages = [
        {"role": "user", "content": said},
        {"role": "assistant", "content": "", "tool_calls": [call("a", "list_kayaks", {})]},
        {"role": "tool", "tool_call_id": "a", "name": "list_kayaks", "content": json.dumps({"items": RECORDS})},
        {"role": "assistant", "content": "", "tool_calls": [call("b", "retire", {"id": "KYK-1", "why": "old"})]},
        {"role": "tool", "tool_call_id": "b", "name": "retire", "content": result},
        {"role": "assistant", "content": "It is retired."},
    ]
    return row_of("chain", messages, [], "compact_id_last")  # type: ignore[arg-type]


def test_others_of_the_list_are_asked_for_and_called_with() -> None:
    row = episode()
    used = set()
    for seed in range(40):
        new = extended(row, random.Random(seed))
        assert new.parts[: len(row.parts)] == row.parts and len(new.parts) == len(new.learn) > len(row.parts)
        added = list(zip(new.parts, new.learn, strict=True))[len(row.parts) :]
        asked = "".join(str(p) for i, (p, _) in enumerate(added) if i >= 2 and added[i - 2][0] == "user")
        calls = [
            (added[i - 2][0], part)
            for i, (part, learn) in enumerate(added)
            if added[i - 1][0] == ("<|tool_call_argument_begin|>",)
        ]
        for _, arguments in calls:
            given = json.loads(str(arguments))
            record = next(r for r in RECORDS if r["kayak_id"] == given["id"])
            assert f'"{record["title"]}"' in asked and given["why"] == "old" and given["id"] != "KYK-1"
            used.add(given["id"])
        numbers = [
            part.rsplit(":", 1)[1]
            for part in (added[i][0] for i in range(len(added)))
            if isinstance(part, str) and part.startswith("functions.")
        ]
        assert numbers == [str(2 + n) for n in range(len(numbers))]
        assert all(learn for part, learn in added if part == ("<|tool_call_begin|>",))
    assert used == {"KYK-0", "KYK-2", "KYK-3"}


def test_what_looked_nothing_up_stays() -> None:
    for row in (
        episode('Retire "Kayak of Bo", that is KYK-1.'),
        episode("Retire the oldest."),
        episode(result='{"error": "no such kayak"}'),
    ):
        assert extended(row, random.Random(0)) == row
