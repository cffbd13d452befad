"""The tables of one server, grown from its readings: keys, fields, references, lifecycles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.fields import base_words, fits, norm, spec_of, styled
from synth.worlds.lift.habits import draw, filterable, id_style, label_of, natural_gen
from synth.worlds.lift.library import LABELS, is_special, usual_fields
from synth.worlds.lift.lifecycles import add_lifecycle
from synth.worlds.lift.naming import Words
from synth.worlds.lift.opening import open_output
from synth.worlds.lift.read import Bound, Reading, ToolLike
from synth.worlds.lift.table import Table
from synth.worlds.lift.words import entity_name, singular

ID_TAILS = lx.KEY_TAILS - {"slug", "handle", "ref"}
THIN = 5  # an entity with fewer telling fields is filled from the library


class Tables:
    """All tables of one server."""

    def __init__(self, server: str, style: str, readings: Sequence[Reading], tools: dict[str, ToolLike]) -> None:
        self.server, self.style, self.tools = server, style, tools
        self.by_noun: dict[Words, Table] = {}
        self.readings = _settle(_apart([r for r in readings if r.kind != "none"]))
        self.links: dict[tuple[Words, Words], Table] = {}
        for r in self.readings:
            if r.kind not in ("relate", "unrelate"):
                self.table(r.entity).readings.append(r)
        for r in self.readings:
            self._link(r)
        self._keys()
        for r in self.readings:
            self._parents(r)
        for passing in ("write", "read"):
            for r in self.readings:
                self._fields(r, passing)
        for t in list(self.by_noun.values()):
            self._outputs(t)
            add_lifecycle(t, self.style)
            self._fill(t)

    # --- tables and keys ----------------------------------------------------------------------------------------------

    def table(self, noun: Words) -> Table:
        found = self.by_noun.get(noun)
        if found is None:
            name = entity_name(noun) or "Thing"
            taken = {t.name for t in self.by_noun.values()}
            while name in taken:
                name += "X"
            found = self.by_noun[noun] = Table(noun, name)
        return found

    def _link(self, r: Reading) -> None:
        if r.kind not in ("relate", "unrelate"):
            return
        pair = (r.entity, r.second)
        found = self.links.get(pair) or self.links.get((pair[1], pair[0]))
        if found is None:
            noun = (*r.entity, *r.second, "link")
            found = self.links[pair] = self.table(noun)
            found.link = ("_".join(r.entity), "_".join(r.second))
            found.name = entity_name((*r.entity, *r.second))
            while found.name in {t.name for t in self.by_noun.values() if t is not found}:
                found.name += "Link"
        found.readings.append(r)

    def link_of(self, r: Reading) -> Table:
        return self.links.get((r.entity, r.second)) or self.links[(r.second, r.entity)]

    def _keys(self) -> None:
        votes: dict[Words, Counter[tuple[str, str, str]]] = {}
        given: dict[Words, list[bool]] = {}
        for r in self.readings:
            for b in r.roles:
                if (
                    b.tail
                    and b.noun
                    and b.role in ("key", "owner", "parent", "left", "right", "natural", "field", "filter")
                    and b.compare == "eq"
                ):
                    noun = r.entity if b.role in ("key", "natural") else b.noun
                    if noun in self.by_noun or b.arg.required:
                        weight = 3 if b.role == "key" else 2 if b.role == "natural" else 1
                        kind = b.arg.type if b.arg.type in ("integer", "number") else "string"
                        fmt = "uuid" if b.arg.schema.get("format") == "uuid" or b.tail in ("uuid", "guid") else ""
                        votes.setdefault(noun, Counter())[(b.tail, kind, fmt)] += weight
            if r.kind in ("create", "copy") and r.entity in self.by_noun:
                given.setdefault(r.entity, []).append(any(b.role == "natural" for b in r.roles))
        for noun, table in self.by_noun.items():
            self._key(table, votes.get(noun, Counter()), given.get(noun, []))

    def _key(self, table: Table, votes: Counter[tuple[str, str, str]], created: list[bool]) -> None:
        singles = [r for r in table.readings if r.single]
        if singles and len(singles) == len(table.readings):
            table.singleton = True
        # set_value(key, value): rows that only upserts make stand under keys that the caller chooses
        chosen = {"key"} if not created and any(r.kind == "upsert" for r in table.readings) else set()
        ids = {v: n for v, n in votes.items() if v[0] in ID_TAILS - chosen}
        names = {v: n for v, n in votes.items() if v not in ids}
        if names and all(created) and sum(names.values()) > 2 * sum(ids.values()):
            (tail, _, _), _count = min(names.items(), key=lambda kv: (-kv[1], kv[0]))
            table.natural = True
            table.key = styled((tail,), self.style)
            table.fields[tail] = (table.key, {"type": "text", **natural_gen(tail, table.noun)})
            return
        style = ("token", "code", "hex", "uuid", "int", "token")[draw(self.server, "id", 6)]
        if ids:
            (tail, _, _), _count = min(ids.items(), key=lambda kv: (-kv[1], kv[0]))
            table.key = styled(
                (tail if tail not in ("number", "identifier", "urn", "pk", "identity") else "id",), self.style
            )
            whole = sum(n for v, n in ids.items() if v[1] in ("integer", "number"))
            if whole * 2 > sum(ids.values()):
                style = "int"
            elif any(v[2] == "uuid" for v in ids):
                style = "uuid"
            elif tail in ("iid", "number"):
                style = "int"
            elif tail == "key" or style == "int":  # the server's own keys are texts
                style = "code"
        table.id = id_style(style, table.noun, self.server)

    # --- fields -------------------------------------------------------------------------------------------------------

    def _parents(self, r: Reading) -> None:
        """Reference fields to the rows that required keys name."""
        if r.kind in ("relate", "unrelate"):
            link = self.link_of(r)
            for b in r.roles:
                if b.role in ("left", "right"):
                    self.ref(link, b.noun, self.ref_words(b), hard=True)
            return
        own = self.table(r.entity)
        if own.singleton:
            return
        for b in r.roles:
            if b.role == "owner":
                self.owner(own, b)
            if b.role == "parent" and (b.arg.required or b.noun in self.by_noun) and b.noun != r.entity and b.noun:
                self.ref(own, b.noun, self.ref_words(b), hard=b.arg.required)

    def ref_words(self, b: Bound) -> Words:
        if not b.field or b.field == ("<key>",) or (len(b.arg.words) == 1 and b.arg.words[0] in ID_TAILS):
            return (*b.noun, self.table(b.noun).key.lower())
        return b.arg.words

    def ref(self, own: Table, noun: Words, words: Words, hard: bool) -> str | None:
        """The reference field of `own` to `noun`; found by words, or by target where there is exactly one."""
        target = self.table(noun)
        if target.singleton or target.link:
            return None
        same = [n for n, s in own.fields.values() if s["type"] == "ref" and s["to"] == target.name]
        existing = own.column(words)
        if existing in same:
            return existing
        if len(same) == 1 and (hard or words[:-1] == noun):
            return same[0]
        if existing is not None:
            return None
        spec: dict[str, Any] = {"type": "ref", "to": target.name, "on_delete": "cascade" if hard else "clear"}
        if not hard or target is own or self._hangs_on(target, own):  # a cascade never runs in a circle
            spec |= {"null": 0.25, "on_delete": "clear"}
        target.children += 1
        return own.add(words, spec, self.style)

    def owner(self, own: Table, b: Bound) -> str | None:
        """The reference by which a row is named through the one row it belongs to."""
        target = self.table(b.noun)
        if own.singleton or target is own or (b.tail not in ID_TAILS and not target.natural):
            return None
        name = self.ref(own, b.noun, self.ref_words(b), hard=True)
        spec = own.spec(name) if name else None
        if spec is None or spec.get("null"):
            return None
        spec["unique"] = True
        return name

    def _hangs_on(self, child: Table, root: Table) -> bool:
        """Whether rows of `child` go when rows of `root` go."""
        names = {t.name: t for t in self.by_noun.values()}
        todo, seen = [child.name], set()
        while todo:
            name = todo.pop()
            if name == root.name:
                return True
            if name not in seen:
                seen.add(name)
                todo += [
                    s["to"]
                    for _, s in names[name].fields.values()
                    if s["type"] == "ref" and s["on_delete"] == "cascade"
                ]
        return False

    def _fields(self, r: Reading, passing: str) -> None:
        if r.kind in ("relate", "unrelate"):
            return
        own = self.table(r.entity)
        writes = r.kind in ("create", "update", "upsert", "copy", "send", "setting", "job")
        if writes != (passing == "write"):
            return
        for b in r.roles:
            if b.role in ("field", "filter", "natural") and b.field != ("<key>",):
                self.bind_field(own, r, b, writes)
            elif (
                b.role in ("key", "natural", "filter")
                and b.tail
                and b.tail not in ID_TAILS
                and not own.natural
                and not own.singleton
            ):
                self._unique(own, b.tail)

    def _unique(self, own: Table, tail: str) -> str:
        """The unique field by which a row may be named besides its key."""
        name = own.add((tail,), {"type": "text", **natural_gen(tail, own.noun)}, self.style)
        spec = own.spec(name)
        if spec is not None and spec["type"] == "text":
            spec["unique"] = True
            spec.pop("null", None)
        return name

    def bind_field(self, own: Table, r: Reading, b: Bound, writes: bool) -> str | None:
        """The field of `own` that an argument fills or filters by; made where it is plausible, else None."""
        if (
            b.noun
            and b.noun in self.by_noun
            and (b.tail in ID_TAILS or self.by_noun[b.noun].natural or b.compare == "in")
            and not self.by_noun[b.noun].singleton
            and not self.by_noun[b.noun].link
        ):
            return self._bind_ref(own, b)
        words = base_words(b.field or b.arg.words, r.entity, r.facet)
        existing = own.column(words)
        if existing is not None:
            spec = own.spec(existing)
            assert spec is not None
            if existing == own.key and own.natural:
                return existing
            if not fits(spec, b.arg) and not (b.compare == "in" and b.arg.type == "array"):
                return None
            made = spec_of(b.arg, words)
            if made is not None and made["type"] == "enum" and spec["type"] in ("enum", "text"):
                own.add(words, made, self.style)
            return existing
        if not writes and not filterable(b.arg, words):
            return None
        arg = b.arg
        if b.compare == "in" and arg.type == "array":
            items = dict(arg.schema.get("items") or {})
            if items.get("type") not in ("string", "integer"):
                return None
            words = (*words[:-1], singular(words[-1]))
            if own.column(words) is not None:
                return own.column(words)
            arg = replace(arg, type=str(items["type"]), schema=items)
        made = spec_of(arg, words)
        if made is None or (words[-1] == own.key and len(words) == 1):
            return None
        if (
            not arg.required
            and r.kind in ("create", "update", "upsert", "send", "job")
            and made["type"] not in ("bool", "list", "map", "record")
            and not set(words) & set(LABELS[:6])
        ):
            made["null"] = 0.25
        if norm(words) in ("created", "created_at", "updated", "updated_at"):
            made["set_by"] = "system"
        return own.add(words, made, self.style)

    def _bind_ref(self, own: Table, b: Bound) -> str | None:
        target = self.by_noun[b.noun]
        many = b.arg.type == "array" or b.compare == "in"
        if many:
            if b.role == "filter":
                return self.ref(own, b.noun, (*b.noun, target.key.lower()), hard=False)
            existing = own.column(b.field)
            if existing is not None:
                found = own.spec(existing)
                return existing if found is not None and found.get("of") == f"ref {target.name}" else None
            if target is own:
                return None
            return own.add(b.field, {"type": "list", "of": f"ref {target.name}"}, self.style)
        if target is own:
            words = b.field if b.field != ("<key>",) else ("parent", own.key.lower())
            if words == (*own.noun, own.key.lower()):
                words = ("parent", own.key.lower())
            return self.ref(own, b.noun, words, hard=False)
        return self.ref(own, b.noun, b.field, hard=b.arg.required)

    def _outputs(self, t: Table) -> None:
        """Fields that the real results show."""
        for r in t.readings:
            if r.kind in ("get", "list", "create") and len(t.fields) < 12:
                for a in open_output(self.tools[r.tool].output_schema):
                    words = base_words(a.words, t.noun)
                    made = spec_of(a, words)
                    if (
                        made is None
                        or norm(words) in t.fields
                        or words[-1] in ID_TAILS
                        or words[0]
                        in (
                            "success",
                            "error",
                            "message",
                            "total",
                            "count",
                            "result",
                            "ok",
                            "has",
                            "next",
                            "prev",
                            "page",
                        )
                    ):
                        continue
                    if len(t.fields) < 12 and made["type"] != "map":
                        if made["type"] == "time":
                            made["set_by"] = "system"
                        t.add(words, {**made, "null": 0.0}, self.style)

    def _fill(self, t: Table) -> None:
        """The naming field, and usual properties while the row is thin."""
        if any(t is link for link in self.links.values()):
            return
        usual = usual_fields(t.noun)
        t.label = label_of(t)
        telling = sum(1 for _, s in t.fields.values() if s["type"] != "ref" and s.get("type") not in ("map", "record"))
        for i, (name, spec) in enumerate(usual.items()):
            words = tuple(name.split("_"))
            if norm(words) in t.fields:
                continue
            if norm(words) in ("status",) and (t.lifecycle or "state" in t.fields):
                continue
            if (i == 0 and t.label is None) or telling < THIN:
                t.add(words, dict(spec), self.style)
                telling += 1
                t.label = t.label or label_of(t)
        if t.label is None and not t.singleton:
            t.label = t.add(("name",), {"type": "text", "gen": "label"}, self.style)
        if not t.singleton and not t.natural and t.label is not None:
            spec = t.spec(t.label)
            assert spec is not None
            spec.pop("null", None)
            if not is_special(t.noun) and "gen" not in spec and spec["type"] == "text" and t.label == "name":
                spec["gen"] = "label"


def _apart(readings: list[Reading]) -> list[Reading]:
    """One-row readings of a noun that also has rows with keys get a table of their own: the current one."""
    keyed = {r.entity for r in readings if not r.single}
    return [replace(r, entity=("current", *r.entity)) if r.single and r.entity in keyed else r for r in readings]


def _settle(readings: list[Reading]) -> list[Reading]:
    """A key that is the noun itself (`bucket`, `dispute`) is a name where some tool makes rows under it, else an id."""
    made = {
        r.entity for r in readings if r.kind == "create" for b in r.roles if b.role == "natural" and b.tail == "self"
    }
    out = []
    for r in readings:
        if any(b.tail == "self" for b in r.roles):
            roles = tuple(
                replace(
                    b, tail="name" if made and (r.entity if b.role in ("key", "natural") else b.noun) in made else "id"
                )
                if b.tail == "self"
                else b
                for b in r.roles
            )
            r = replace(r, roles=roles)
        out.append(r)
    return out
