"""One JSON value under a schema, token by token, closed before its budget ends.

llguidance says which tokens the schema allows. While so many tokens are left that no next token can bring the value
out of reach of its end, that is all. Then the candidates are looked at one by one, and only those stay from which the
end is still within reach; when none is left but the way out, that way is forced.
"""

from __future__ import annotations

import codecs
import json
from functools import lru_cache
from typing import Any

import numpy as np

from model_core.enforcer.closing import Closer, TooManyStatesError
from model_core.enforcer.expr import Builder, Node
from model_core.enforcer.grounding import Ground
from model_core.enforcer.lark import write_lark
from model_core.enforcer.repeats import Repeats
from model_core.enforcer.schema import SchemaRefused, schema_expr
from model_core.enforcer.vocabulary import Vocabulary, allow, allowed_ids, allows, forbid
from model_core.errors import ModelError

_CANDIDATES = 512  # tokens looked at one by one; low ids are bytes and common words
_CHARACTER = 4  # bytes, so tokens, that an unfinished character may need


class Compiled:
    """A schema made ready: its grammar and the costs of closing it. Raises `SchemaRefused`."""

    def __init__(
        self, vocabulary: Vocabulary, schema: Any, name: str, ground: Ground | None = None, arguments: bool = True
    ) -> None:
        self.vocabulary, self.name = vocabulary, name
        self.make = Builder()
        self.root: Node = schema_expr(self.make, schema, name, ground, arguments)
        self.closer = Closer(self.make, vocabulary.count)
        try:
            possible, self.cost, self.bound = (
                self.closer.ends(self.root), self.closer.cost(self.root), self.closer.bound(self.root),
            )  # fmt: skip
        except TooManyStatesError as error:
            raise SchemaRefused(name, str(error)) from error
        if not possible:
            raise SchemaRefused(name, "nothing is valid under it, or its recursion does not end within a few levels")
        self.open_keys = self.make.has_open_keys
        try:
            self._matcher = vocabulary.matcher(write_lark(self.root))
        except ValueError as error:
            raise SchemaRefused(name, f"its grammar is too large: {str(error)[:200]}") from error

    def matcher(self) -> Any:
        """The grammar at its beginning."""
        return self._matcher.deep_copy()


@lru_cache(maxsize=4096)
def compiled(vocabulary: Vocabulary, schema: str, name: str, arguments: bool = True) -> Compiled:
    """A schema given as JSON text, once for all requests. Raises `SchemaRefused`."""
    return Compiled(vocabulary, json.loads(schema), name, None, arguments)


@lru_cache(maxsize=64)
def compiled_on_ground(vocabulary: Vocabulary, schema: str, name: str, ground: Ground) -> Compiled:
    """The same, its arguments taken from a conversation. Raises `SchemaRefused`."""
    return Compiled(vocabulary, json.loads(schema), name, ground)


class Value:
    """A value being written. `close` is the token that ends it, `tail` how many must follow it, itself counted."""

    def __init__(self, schema: Compiled, close: int, tail: int) -> None:
        self.schema, self.close, self.tail = schema, close, tail
        self._vocabulary = schema.vocabulary
        self._matcher = schema.matcher()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._node: Node = schema.root
        self._unread = ""  # text not yet followed in `_node`: that is only needed near the budget's end
        self._repeats = Repeats() if schema.open_keys else None

    def accept(self, token: int) -> None:
        """A token came. Raises `ModelError` for one that is not allowed."""
        if token == self.close and self._matcher.is_accepting():
            return
        if token == self.close or not self._matcher.consume_token(token):
            raise ModelError(f"token {token} was not allowed by the schema of {self.schema.name}")
        text = self._decoder.decode(self._vocabulary.bytes_of[token])
        self._unread += text
        if self._repeats is not None:
            self._repeats.feed(text)

    def forced(self, left: int) -> tuple[list[int], bool]:
        """Tokens that must come next, of `left`; and whether they bring the value to its end, `close` included."""
        if self._matcher.is_stopped():
            return [self.close], True
        room = left - self.tail
        tight = self._is_tight(room)
        if tight and self._way_out_cost(self._here()) >= room - 1:
            return [*self._way_out(), self.close], True
        tokens: list[int] = self._vocabulary.forced_by(self._matcher)
        left_over = room - len(tokens)
        if left_over - self._slack < self.schema.bound and tokens:
            spelled = b"".join(self._vocabulary.bytes_of[token] for token in tokens)
            return (tokens if self._fits(spelled, left_over) else []), False
        return tokens, False

    def mask(self, out: np.ndarray, left: int) -> None:
        """The tokens that may come next, of `left`."""
        self._matcher.unsafe_compute_mask_ptr(out.ctypes.data, out.nbytes)
        ending = allows(out, self._vocabulary.end_id)
        forbid(out, self._vocabulary.end_id)
        if self._repeats is not None:
            self._forbid_repeats(out, self._repeats)
        room = left - self.tail
        if self._is_tight(room):
            self._keep_within_reach(out, room)
        if ending:
            allow(out, self.close)

    def _here(self) -> Node:
        self._node, self._unread = self.schema.make.after(self._node, self._unread), ""
        return self._node

    def _is_tight(self, room: int) -> bool:
        """Whether a next token may bring the value out of reach of its end."""
        if room - self._slack >= self.schema.bound:
            return False
        return room - self._slack < self.schema.closer.bound(self._here())

    @property
    def _slack(self) -> int:
        """Tokens that finishing a character, and making a key differ from the others, may take."""
        return _CHARACTER + 1 + (len(self._repeats.keys) if self._repeats is not None else 0)

    def _fits(self, text: bytes, room: int) -> bool:
        """Whether the end is within `room` tokens after these bytes."""
        try:
            whole = (self._decoder.getstate()[0] + text).decode()
        except UnicodeDecodeError:
            return False
        node = self.schema.make.after(self._here(), whole)
        spare = 0 if self._repeats is None else len(self._repeats.keys) + 1
        return node is not self.schema.make.never and self.schema.closer.cost(node) + spare <= room

    def _keep_within_reach(self, out: np.ndarray, room: int) -> None:
        candidates = allowed_ids(out, self._vocabulary.size)[:_CANDIDATES]
        out[:] = 0
        kept = [int(t) for t in candidates if self._fits(self._vocabulary.bytes_of[t], room - 1)]
        for token in kept or self._way_out()[:1]:
            allow(out, token)

    def _way_out_cost(self, node: Node) -> int:
        return self.schema.closer.cost(node) + len(self._decoder.getstate()[0]) * (_CHARACTER - 1)

    def _way_out(self) -> list[int]:
        """The tokens of the nearest end."""
        make, node = self.schema.make, self._here()
        begun = self._decoder.getstate()[0]
        tokens: list[int] = []
        if begun:
            character = self._completed(node, begun)
            tokens += [self._vocabulary.byte_ids[byte] for byte in character.encode()[len(begun) :]]
            node = make.derive(node, character)
        if self._repeats is not None and self._repeats.key is not None:
            key = self._repeats.key
            while key in self._repeats.keys:
                key += "x"
                tokens += self._vocabulary.encode("x")
                node = make.derive(node, "x")
        return tokens + [token for piece in self.schema.closer.pieces(node) for token in self._vocabulary.encode(piece)]

    def _completed(self, node: Node, begun: bytes) -> str:
        """A character that begins with these bytes and may stand here."""
        size = 2 if begun[0] < 0xE0 else 3 if begun[0] < 0xF0 else 4
        missing = size - len(begun)
        for tail in range(64**missing):
            rest = bytes(0x80 | (tail >> 6 * place) & 0x3F for place in reversed(range(missing)))
            try:
                character = (begun + rest).decode()
            except UnicodeDecodeError:
                continue
            following = self.schema.make.derive(node, character)
            if following is not self.schema.make.never and self.schema.closer.ends(following):
                return character
        raise ModelError(f"no character begins with {begun!r} here")

    def _forbid_repeats(self, out: np.ndarray, repeats: Repeats) -> None:
        for key in repeats.keys:
            for token in self._vocabulary.quoting(f'"{key}"'.encode()):
                forbid(out, token)
            if repeats.key is not None and key.startswith(repeats.key):
                rest = key[len(repeats.key) :] + '"'
                for token in self._vocabulary.beginning(rest.encode()):
                    forbid(out, token)
