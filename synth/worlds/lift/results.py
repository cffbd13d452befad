"""What a lifted tool shows: which fields, in which envelope, sums and measures. Habits of a server by hash."""

from __future__ import annotations

from typing import Any

from synth.worlds.infer import infer_gen
from synth.worlds.lift.habits import draw
from synth.worlds.lift.read import Reading
from synth.worlds.lift.table import Table
from synth.worlds.lift.words import join, plural

Param = dict[str, Any]
MAX_SHOWN = 6
START = ("offset", "page", "cursor")


class Results:
    """Part of the tool builder: it has `server` and `style`."""

    server: str
    style: str

    def listing(self, tool: dict[str, Any], own: Table, params: dict[str, Param]) -> None:
        kind = next((p["role"] for p in params.values() if p["role"] in START), None)
        limit = next((p for p in params.values() if p["role"] == "limit"), None)
        schema = (limit or {}).get("schema", {})
        default, top = schema.get("default"), schema.get("maximum")
        paging: dict[str, Any] = {"kind": kind or ("none" if limit is None else "offset")}
        if isinstance(default, int) and 1 <= default <= 1000:
            paging["default"] = default
        if isinstance(top, int) and 1 <= top <= 10_000:
            paging["max"] = top
        tool["paging"] = paging
        texts = [
            n
            for k, (n, s) in own.fields.items()
            if s["type"] in ("text", "code") and n != own.key and not k.endswith("_id")
        ]
        if any(p["role"] == "query" for p in params.values()):
            first = [n for n in texts if n == own.label] + [
                n for n in texts if n != own.label and (own.spec(n) or {}).get("search")
            ]
            tool["in"] = (first or texts)[:3]
            if not tool["in"]:
                tool.pop("in")
        shown = [own.key]
        ranked = sorted(
            own.fields.values(),
            key=lambda ns: (ns[0] != own.label, ns[1]["type"] in ("list", "map", "record"), bool(ns[1].get("search"))),
        )
        if draw(self.server, "wide", 3):
            for n, s in ranked:
                if (
                    n not in shown
                    and len(shown) < MAX_SHOWN
                    and s["type"] not in ("map", "record")
                    and not (s["type"] == "text" and infer_gen(n) == "paragraph")
                ):
                    shown.append(n)
            tool["shows"] = shown

    def envelope(self, own: Table) -> dict[str, Any]:
        """How this server wraps results."""
        habit = draw(self.server, "envelope", 6)
        noun = own.noun[:-1] if own.link else own.noun
        out: dict[str, Any] = {}
        many = join((*noun[:-1], plural(noun[-1])), self.style) if noun else "items"
        if habit in (0, 1):
            out["items"] = many
        elif habit == 2:
            out["items"] = "data"
        elif habit == 3:
            out["items"] = "results"
        elif habit == 4:
            out["items"] = None
        total = draw(self.server, "total", 4)
        if total < 2:
            out["total"] = ("count", "total_count" if self.style == "snake" else "totalCount")[total]
        elif total == 3:
            out["total"] = None
        if draw(self.server, "next", 3):
            out["next"] = ("next", "next_cursor" if self.style == "snake" else "nextCursor", "next_page")[
                draw(self.server, "nextname", 3)
            ]
        if habit == 1:
            out["item"] = join(noun, self.style)
        return out

    @staticmethod
    def sums(tool: dict[str, Any], own: Table) -> None:
        """A summary tells a sum where rows hold an amount, else how many of each state there are."""
        numbers = [n for n, s in own.fields.values() if s["type"] in ("money", "number", "int") and n != own.key]
        states = [n for n, s in own.fields.values() if s["type"] == "enum"]
        if numbers:
            tool["measure"] = f"sum of {numbers[0]}"
        elif states:
            tool["group"] = states[0]

    def measured(self, tool: dict[str, Any], r: Reading, own: Table) -> None:
        """Measures of a row are numbers that the system keeps."""
        total = own.add((*r.facet, "total"), {"type": "int", "set_by": "system"}, self.style)
        mean = own.add((*r.facet, "average"), {"type": "number", "set_by": "system"}, self.style)
        tool["shows"] = [own.key, total, mean]

    def editing(self, tool: dict[str, Any], r: Reading, own: Table, params: dict[str, Param]) -> None:
        """The text that an edit changes, and how: what a tool calls old has to stand there just once."""
        names = [own.column((w,)) for w in ("content", "body", "text", "source")]
        texts = [n for n in names if n and n != own.key and (own.spec(n) or {}).get("type") == "text"]
        field = texts[0] if texts else own.add(("content",), {"type": "text"}, self.style)
        (own.spec(field) or {}).update(gen="paragraph")
        exact = any(p["role"] == "find" and "old" in n.lower() for n, p in params.items())
        tool["field"] = field
        tool["how"] = "replace_one" if exact else r.facet[0]
