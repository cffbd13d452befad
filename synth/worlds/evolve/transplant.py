"""Transplant: the graph of entities, references and operations stays, the words come from another domain.

Slots must agree: people stand in for people or organisations, things for things, happenings for happenings. An entity
with a lifecycle takes a noun that has one. Entities without a match become notes, attachments and the like of their
parent, or go.
"""

from __future__ import annotations

import random

from synth.worlds.evolve.draft import CHANGED, MADE, DEntity, Draft, DTool
from synth.worlds.infer import infer_gen
from synth.worlds.spec import FieldSpec, IdStyle
from tools_catalog.taxonomy import Domain, FieldWord, Noun, Taxonomy

MAX_ENTITIES = 5
MAX_TOOLS = 14
LABELS = ("full_name", "name", "title", "subject", "reference", "file_name", "text")
_FAMILY = {
    "person": "people", "org": "people", "place": "things", "asset": "things", "item": "things", "group": "things",
    "document": "texts", "message": "texts", "record": "texts", "event": "happenings", "money": "happenings",
    "job": "happenings",
}  # fmt: skip
_NEAR = {("texts", "happenings"), ("things", "texts"), ("things", "happenings")}
_ROWS = {"person": 40, "org": 12, "place": 10, "group": 10, "item": 30, "record": 80, "message": 60}
_CLASS = {"text": "text", "code": "text", "int": "number", "number": "number", "money": "number"}


def transplant(draft: Draft, domain: Domain, taxonomy: Taxonomy, rng: random.Random) -> bool:
    """Move `draft` into `domain`, in place. False where nothing usable is left."""
    reduce(draft, rng)
    if not draft.entities:
        return False
    nouns = _assign(draft, domain, taxonomy, rng)
    renames: dict[str, str] = {old: key_of(noun) for old, noun in nouns.items()}
    fields: dict[str, dict[str, str]] = {}
    entities: dict[str, DEntity] = {}
    for old, noun in nouns.items():
        entities[renames[old]], fields[old] = _entity(draft.entities[old], noun, renames, rng)
    for tool in draft.tools:
        _retool(tool, draft.entities[tool.of], entities[renames[tool.of]], fields[tool.of], rng)
        tool.of = renames[tool.of]
    draft.entities = entities
    draft.category, draft.domain = domain.category, domain.name
    return True


def key_of(noun: Noun) -> str:
    return "_".join(noun.name.replace("-", " ").split())


def reduce(draft: Draft, rng: random.Random) -> None:
    """At most five connected entities and fourteen tools, around one of the richer entities."""
    by_tools = sorted(draft.entities, key=lambda e: (-len(draft.of(e)), e))
    rich = [e for e in by_tools if len(draft.of(e)) >= 2] or by_tools[:1]
    if not rich:
        draft.entities = {}
        return
    kept = [rng.choice(rich[: max(1, len(rich) // 2 + 1)])]
    near = _neighbours(draft)
    while len(kept) < MAX_ENTITIES:
        open_ = [e for k in kept for e in near[k] if e not in kept and draft.of(e)]
        if not open_:
            break
        kept.append(max(dict.fromkeys(open_), key=lambda e: (len(draft.of(e)), e)))
    draft.entities = {e: draft.entities[e] for e in draft.entities if e in kept}
    for entity in draft.entities.values():
        entity.fields = {f: s for f, s in entity.fields.items() if s.type != "ref" or s.to in draft.entities}
        if entity.link and not all(f in entity.fields for f in entity.link):
            entity.link = None
    draft.tools = [t for t in draft.tools if t.of in draft.entities]
    if len(draft.tools) > MAX_TOOLS:
        chosen = set(rng.sample(range(len(draft.tools)), MAX_TOOLS))
        draft.tools = [t for i, t in enumerate(draft.tools) if i in chosen]


def _neighbours(draft: Draft) -> dict[str, list[str]]:
    near: dict[str, list[str]] = {e: [] for e in draft.entities}
    for name, entity in draft.entities.items():
        for target in entity.refs().values():
            if target in near and target != name:
                near[name].append(target)
                near[target].append(name)
    return near


def _assign(draft: Draft, domain: Domain, taxonomy: Taxonomy, rng: random.Random) -> dict[str, Noun]:
    free = list(domain.nouns)
    rng.shuffle(free)
    out: dict[str, Noun] = {}
    for name in sorted(draft.entities, key=lambda e: (-len(draft.of(e)), e)):
        entity = draft.entities[name]
        best = max(free, key=lambda n: _match(entity, n), default=None)
        if best is None or _match(entity, best) < 0:
            spare = [c for c in taxonomy.children if key_of(c) not in {key_of(n) for n in out.values()}]
            if not out or not spare or not entity.refs():
                continue
            best = rng.choice(spare)
        else:
            free.remove(best)
        out[name] = best
    gone = draft.entities.keys() - out.keys()
    for name in gone:
        del draft.entities[name]
    draft.tools = [t for t in draft.tools if t.of in draft.entities]
    return out


def _match(entity: DEntity, noun: Noun) -> int:
    a, b = _FAMILY[entity.slot], _FAMILY[noun.slot]
    if entity.slot == noun.slot:
        score = 6
    elif a == b:
        score = 4
    elif "people" in (a, b):
        return -1
    else:
        score = 1 if (a, b) in _NEAR or (b, a) in _NEAR else -1
    return score + (2 if bool(entity.moves) == (noun.lifecycle is not None) else 0)


def _entity(old: DEntity, noun: Noun, renames: dict[str, str], rng: random.Random) -> tuple[DEntity, dict[str, str]]:
    """The new entity and {old field: new field}."""
    new = fresh_entity(noun, rng, wanted=0)
    new.rows = max(12, min(old.rows or 24, _ROWS.get(noun.slot, 36)))
    mapping: dict[str, str] = {}
    pool = [w for w in noun.fields if w.name not in new.fields]
    for fname, spec in old.fields.items():
        if spec.type == "ref":
            target = renames.get(str(spec.to))
            if target is None:
                continue
            name = _free_name(target if target != renames_self(renames, old, new) else f"parent_{target}", new.fields)
            new.fields[name] = spec.model_copy(update={"to": target})
            mapping[fname] = name
        elif fname in (MADE, CHANGED):
            new.fields[fname] = spec
            mapping[fname] = fname
        elif fname == old.state and new.state:
            mapping[fname] = new.state
        elif fname == old.label and new.label:
            mapping[fname] = new.label
        else:
            word = next((w for w in pool if w.name not in new.fields and _same_class(w, spec)), None)
            if word is not None and len(new.fields) < 10:
                pool.remove(word)
                new.fields[word.name] = field_of(word)
                mapping[fname] = word.name
    for word in pool:
        if len([f for f, s in new.fields.items() if s.type != "ref"]) >= 5:
            break
        new.fields.setdefault(word.name, field_of(word))  # a reference may bear the name of a noun's own field
    new.spare = {f: s for f, s in new.spare.items() if f not in new.fields}
    if old.link and all(f in mapping for f in old.link):
        new.link = (mapping[old.link[0]], mapping[old.link[1]])
    if old.moves and new.moves and rng.random() < 0.35:
        _thin(new, len(old.moves))
    return new, mapping


def renames_self(renames: dict[str, str], old: DEntity, new: DEntity) -> str:
    return "_".join(new.noun.replace("-", " ").split())


def _thin(entity: DEntity, states: int) -> None:
    """Keep the first states of a lifecycle that is much longer than the parent's, as far as all stay connected."""
    keep = list(entity.moves)[: max(3, states)]
    moves = {s: [t for t in entity.moves[s] if t in keep] for s in keep}
    reached = {t for ts in moves.values() for t in ts} | {keep[0]}
    ends = any(not ts for ts in moves.values()) or all(ts for ts in entity.moves.values())
    if ends and all(s in reached for s in keep) and entity.state:
        entity.moves = moves
        entity.verbs = {t: v for t, v in entity.verbs.items() if t in keep}
        entity.fields[entity.state] = FieldSpec(type="enum", of=keep)


def _free_name(name: str, taken: dict[str, FieldSpec]) -> str:
    for prefix in ("", "related_", "other_", "previous_", "backup_"):
        if prefix + name not in taken:
            return prefix + name
    return f"{name}_{len(taken)}"


def _same_class(word: FieldWord, spec: FieldSpec) -> bool:
    kind = field_of(word).type
    return _CLASS.get(kind, kind) == _CLASS.get(spec.type, spec.type)


def field_of(word: FieldWord) -> FieldSpec:
    """A field of the language for a word of the taxonomy."""
    if word.kind == "enum":
        return FieldSpec(type="enum", of=list(word.members))
    if word.kind == "list":
        return FieldSpec(type="list", of="text", gen=word.gen or "tag")
    if word.kind == "text":
        gen = word.gen or infer_gen(word.name)
        return FieldSpec(type="text", gen="topic" if gen == "label" and word.gen is None else gen)
    return FieldSpec(type=word.kind, gen=word.gen)


def fresh_entity(noun: Noun, rng: random.Random, wanted: int = 4) -> DEntity:
    """An entity for `noun` with its label, its lifecycle and up to `wanted` further fields."""
    out = DEntity(noun.name, noun.plural, noun.slot, rows=_ROWS.get(noun.slot, 36))
    label = next((w for w in noun.fields if w.name in LABELS), None)
    if label is not None:
        out.label = label.name
        out.fields[label.name] = field_of(label)
    if noun.lifecycle is not None:
        name = rng.choice(("status", "status", "state", "stage"))
        out.state = name
        out.fields[name] = FieldSpec(type="enum", of=list(noun.lifecycle.states))
        out.moves = {s: [t for a, t, _ in noun.lifecycle.moves if a == s] for s in noun.lifecycle.states}
        out.verbs = {t: noun.lifecycle.verb_to(t) for t in noun.lifecycle.targets}
    own = [w for w in noun.fields if w.name not in out.fields]
    for word in own[:wanted]:
        out.fields[word.name] = field_of(word)
    spare = own[wanted:]
    rng.shuffle(spare)
    out.spare = {w.name: field_of(w) for w in spare}
    head = "".join(c for c in noun.name.upper() if c.isalpha() and c not in "AEIOU")[:3] or noun.name[:3].upper()
    kind = rng.choice(("code", "code", "int", "token", "hex", "uuid"))
    out.id = IdStyle(kind=kind, prefix=head if kind == "code" else head.lower() if kind == "token" else "",
                     size={"code": 6, "int": 6, "token": 12, "hex": 10, "uuid": 6}[kind])  # fmt: skip
    return out


def _retool(tool: DTool, old: DEntity, new: DEntity, fields: dict[str, str], rng: random.Random) -> None:
    def mapped(names: list[str]) -> list[str]:
        return list(dict.fromkeys(fields[n] for n in names if n in fields))

    tool.needs, tool.may = mapped(tool.needs), mapped(tool.may)
    tool.filters = [(fields[f], c, r) for f, c, r in tool.filters if f in fields]
    tool.texts = mapped(tool.texts)
    tool.shows = mapped(tool.shows) or None if tool.shows else None
    tool.sort = None if tool.sort is None or tool.sort.strip("-") not in fields else (
        ("-" if tool.sort.startswith("-") else "") + fields[tool.sort.strip("-")]
    )  # fmt: skip
    tool.group = fields.get(tool.group) if tool.group else None
    tool.rules = []
    if tool.op == "send" and new.slot not in ("message", "document", "event"):
        tool.op = "create"
    if tool.op == "move":
        states = [t for t in new.verbs if any(t in ts for ts in new.moves.values())]
        old_states = list(old.moves)
        at = old_states.index(tool.to) if tool.to in old_states else rng.randrange(8)
        tool.to = states[at % len(states)] if states else None
        tool.needs = [n for n in tool.needs if n != new.state]
