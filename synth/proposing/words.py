"""The operator `rewrite_descriptions`: the model words what tools and parameters are for. A text that says what is not
so, names what is not there or repeats a sibling is refused, and the old one stays."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from synth.models.prompts import fill
from synth.models.roles import Answer, Judged, Role
from synth.proposing import facts, texts
from synth.proposing.loading import with_params
from synth.proposing.schemas import descriptions
from synth.worlds.simulate import CompiledTool, CompiledWorld, compile_world
from synth.worlds.spec import World

OPERATOR = "rewrite_descriptions"
MAX_TOKENS = 8_000
_IDENTIFIER = re.compile(r"`([^`]+)`|\b([A-Za-z0-9]+(?:[_.][A-Za-z0-9]+)+|[a-z0-9]+[A-Z][A-Za-z0-9]*)\b")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?![\w])")
_WRITES = re.compile(
    r"\A(?:\w+ly )?(?:creates?|adds?|deletes?|removes?|updates?|modif(?:y|ies)|changes?|sets?|edits?|cancels?)\b",
    re.IGNORECASE,
)
_READS = re.compile(
    r"\bread[- ]only\b|\b(?:does|do) not (?:change|modify|alter)\b|\bwithout (?:chang|modify)ing\b", re.IGNORECASE
)
_OPTIONAL, _REQUIRED = (
    re.compile(r"\boptional(?:ly)?\b", re.IGNORECASE),
    re.compile(r"\b(?:required|mandatory)\b", re.IGNORECASE),
)


@dataclass
class Rewritten:
    """The world in new words. `tools`: tools with a new description; `taken`: texts taken, parameters included;
    `lost`: {"tool" or "tool.parameter": (reason, detail)} of texts that were refused."""

    world: World
    tools: list[str] = field(default_factory=list)
    taken: int = 0
    lost: dict[str, tuple[str, str]] = field(default_factory=dict)


async def rewrite_descriptions(role: Role, world: World) -> Answer[Rewritten]:
    compiled = compile_world(world)
    told = [
        {"name": n, "description": t.description or "", "effect": "changes records" if t.writes else "reads only",
         "arguments": facts.arguments_of(compiled, n)}
        for n, t in world.tools.items()
    ]  # fmt: skip
    prompt = fill("rewrite_descriptions.j2", title=world.title, domain=world.domain, tools=told,
                  tool_length=texts.TOOL, argument_length=texts.ARGUMENT)  # fmt: skip
    return await role.ask(prompt, descriptions(), lambda raw: judge(world, raw))


def judge(world: World, raw: dict[str, Any]) -> Judged[Rewritten]:
    """Text by text; nothing is sent back, a refused text leaves the old one."""
    out, compiled = Rewritten(world), compile_world(world)
    tools = dict(world.tools)
    said = {_plain(t.description or "") for t in tools.values()}
    for name, given in raw["tools"].items():
        if name not in tools:
            out.lost[name[:80]] = ("unknown_tool", "there is no such tool")
            continue
        check = _Check(compiled, name)
        text = " ".join(given["description"].split())
        wrong = check.tool(text) or (
            ("same_as_sibling", "another tool is described so") if _plain(text) in said else None
        )
        if wrong is not None:
            out.lost[name] = wrong
        else:
            said.add(_plain(text))
            tools[name] = tools[name].model_copy(update={"description": text})
            out.tools.append(name)
            out.taken += 1
        params = dict(tools[name].params or {})
        for param, words in given.get("arguments", {}).items():
            text = " ".join(words.split())
            wrong = (
                check.argument(param, text) if param in params else ("unknown_parameter", "there is no such parameter")
            )
            if wrong is not None:
                out.lost[f"{name}.{param}"[:160]] = wrong
                continue
            params[param] = params[param].model_copy(update={"description": text})
            out.taken += 1
        if tools[name].params is not None:
            tools[name] = with_params(tools[name], params)
    out.world = world.model_copy(update={"tools": tools})
    return Judged(out, out.taken)


class _Check:
    """What is known of one tool, and whether a text agrees with it."""

    def __init__(self, compiled: CompiledWorld, name: str) -> None:
        world = compiled.world
        self.tool_: CompiledTool = compiled.tool(name)
        self.others = {n for n in world.tools if n != name and _IDENTIFIER.fullmatch(n)}
        owned = [n for e in world.entities.values() for n in (*e.keys, *e.fields)]
        members = [
            m for e in world.entities.values() for f in e.fields.values() if isinstance(f.of, list) for m in f.of
        ]
        schema = json.dumps(self.tool_.input_schema)
        self.known = {name, *self.tool_.params, *owned, *members, *self.tool_.errors, *re.findall(r'"([^"]+)"', schema)}
        self.numbers = set(
            _NUMBER.findall(f"{self.tool_.spec.description} {schema} {self.tool_.spec.model_dump_json()}")
        )
        self.numbers |= {"0", "1"}

    def tool(self, text: str) -> tuple[str, str] | None:
        """(reason, detail) where a description of the tool is refused."""
        wrong = texts.fault(text, texts.TOOL) or self._common(text)
        if wrong:
            return wrong
        if self.tool_.effect == "read" and _WRITES.search(text):
            return "contradicts_effect", f"a read that begins with {text.split()[0]!r}"
        if self.tool_.effect == "write" and _READS.search(text):
            return "contradicts_effect", "a write that is said to change nothing"
        return None

    def argument(self, param: str, text: str) -> tuple[str, str] | None:
        wrong = texts.fault(text, texts.ARGUMENT) or self._common(text)
        if wrong:
            return wrong
        needed = self.tool_.params[param].required
        if (needed and _OPTIONAL.search(text)) or (not needed and _REQUIRED.search(text)):
            return "contradicts_required", f"the parameter is {'required' if needed else 'optional'}"
        return None

    def _common(self, text: str) -> tuple[str, str] | None:
        for match in _IDENTIFIER.finditer(text):
            word = match[1] or match[2]
            if word in ("e.g", "i.e"):
                continue
            if word in self.others:
                return "names_other_tool", word
            if word not in self.known and not word.replace(".", "").isdigit():
                return "names_unknown", word[:60]
        if other := [n for n in self.others if n in text]:
            return "names_other_tool", other[0]
        if odd := [n for n in _NUMBER.findall(text) if n not in self.numbers]:
            return "unknown_number", odd[0]
        return None


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))
