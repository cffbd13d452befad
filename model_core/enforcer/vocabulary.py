"""What constrained decoding needs of a vocabulary: the bytes of each token, and llguidance's view of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable
from functools import lru_cache
from typing import cast

import llguidance
import numpy as np

from model_core.enforcer.lark import free_text
from model_core.tokens import Tokenizer, token_bytes

_BEGINNINGS = ("a", "Z", "0", "/", "-")  # of values
_REMEMBERED = 200_000  # texts whose tokens are kept


class Vocabulary:
    """A tokenizer's tokens as bytes. `words` is the length of a packed mask over them (int32 [words])."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.size = tokenizer.size
        self.words = (self.size + 31) // 32
        self.special = tokenizer.special
        self.bytes_of = token_bytes(tokenizer)
        self._sorted = sorted((text, number) for number, text in enumerate(self.bytes_of) if text)
        self._quoted = [(text, number) for text, number in self._sorted if text.count(b'"') > 1]
        self.byte_ids = {text[0]: number for text, number in self._sorted if len(text) == 1}
        self._encoded: dict[str, tuple[int, ...]] = {}
        self.end_id = self.special["[EOS]"]  # stands for "the grammar may end here" in llguidance's masks
        self.guide = llguidance.LLTokenizer(llguidance.TokenizerWrapper(_Wrapped(self)), n_vocab=self.size)
        self._text = self.matcher(free_text())

    def encode(self, text: str) -> tuple[int, ...]:
        """Ordinary tokens of a short text that comes again and again."""
        found = self._encoded.get(text)
        if found is None:
            if len(self._encoded) >= _REMEMBERED:
                self._encoded.clear()
            found = self._encoded[text] = tuple(self.tokenizer.encode(text))
        return found

    def forced_by(self, matcher: llguidance.LLMatcher) -> list[int]:
        """The tokens of the text that must come next.

        llguidance holds the last ones back where a longer token begins like them. Those that open a string value are
        given here too, where the letters, digits and marks that values begin with would not change how they are cut.
        """
        tokens: list[int] = matcher.compute_ff_tokens()
        rest = matcher.compute_ff_bytes()[sum(len(self.bytes_of[token]) for token in tokens) :]
        if not rest.endswith(b': "'):
            return tokens
        text = rest.decode(errors="replace")
        alone = self.encode(text)
        stands = all(self.encode(text + begun)[: len(alone)] == alone for begun in _BEGINNINGS)
        return [*tokens, *alone] if stands else tokens

    def count(self, text: str) -> int:
        """How many tokens a short text takes."""
        return len(self.encode(text))

    def matcher(self, lark: str) -> llguidance.LLMatcher:
        """A grammar at its beginning; copy it for each use. Raises `ValueError` for one that llguidance refuses."""
        limits = llguidance.LLParserLimits(verbose_errors=False)
        made = llguidance.LLMatcher(
            self.guide, llguidance.LLMatcher.grammar_from_lark(lark), log_level=0, limits=limits
        )
        if made.is_error():
            raise ValueError(made.get_error())
        return made

    def text_matcher(self) -> llguidance.LLMatcher:
        """Any text without markers of tool calls, from its beginning."""
        return self._text.deep_copy()

    def beginning(self, prefix: bytes) -> Iterable[int]:
        """Tokens whose bytes begin so."""
        at = bisect_left(self._sorted, (prefix, -1))
        while at < len(self._sorted) and self._sorted[at][0].startswith(prefix):
            yield self._sorted[at][1]
            at += 1

    def quoting(self, quoted: bytes) -> Iterable[int]:
        """Tokens that hold this text with its quotation marks."""
        return (number for text, number in self._quoted if quoted in text)


class _Wrapped:
    """The shape llguidance reads a foreign tokenizer in."""

    bos_token_id = None

    def __init__(self, vocabulary: Vocabulary) -> None:
        names = {number: name for name, number in vocabulary.special.items()}
        self.eos_token_id = vocabulary.end_id
        self.special_token_ids = sorted(names)
        # llguidance tells special tokens by a byte that is in no text.
        self.tokens = [
            b"\xff" + names[number].encode() if number in names else text
            for number, text in enumerate(vocabulary.bytes_of)
        ]
        self._encode = vocabulary.tokenizer.encode

    def __call__(self, text: str) -> list[int]:
        if not isinstance(text, str):
            raise TypeError("text is encoded from strings alone")
        return self._encode(text)


def vocabulary_of(tokenizer: Tokenizer) -> Vocabulary:
    """One for each tokenizer (by identity)."""
    return _vocabulary_of(cast(Hashable, tokenizer))


@lru_cache(maxsize=8)
def _vocabulary_of(tokenizer: Hashable) -> Vocabulary:
    return Vocabulary(cast(Tokenizer, tokenizer))


def allow(mask: np.ndarray, token: int) -> None:
    """Set a token's bit in a packed mask."""
    mask[token >> 5] |= np.uint32(1 << (token & 31)).astype(np.int32)


def forbid(mask: np.ndarray, token: int) -> None:
    """Clear a token's bit in a packed mask."""
    mask[token >> 5] &= ~np.uint32(1 << (token & 31)).astype(np.int32)


def allows(mask: np.ndarray, token: int) -> bool:
    """Whether a token's bit is set."""
    return bool(int(mask[token >> 5]) >> (token & 31) & 1)


def allowed_ids(mask: np.ndarray, size: int) -> np.ndarray:
    """The tokens whose bits are set, ascending."""
    bits = np.unpackbits(mask.view(np.uint8), bitorder="little")
    return np.flatnonzero(bits[:size])
