"""Text to token ids: K2's own vocabulary when its files are there, else a small BPE trained here; same special tokens.

Text never becomes a special token, whatever it spells: `encode` knows ordinary tokens alone, and special ones are asked
for by name.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from model_core.errors import ModelError

# K2's names and ids. Ids between and beyond them are reserved.
K2_SPECIAL = {
    "[BOS]": 163584,
    "[EOS]": 163585,
    "<|im_end|>": 163586,
    "<|im_user|>": 163587,
    "<|im_assistant|>": 163588,
    "<|start_header_id|>": 163590,
    "<|end_header_id|>": 163591,
    "[EOT]": 163593,
    "<|im_system|>": 163594,
    "<|tool_calls_section_begin|>": 163595,
    "<|tool_calls_section_end|>": 163596,
    "<|tool_call_begin|>": 163597,
    "<|tool_call_argument_begin|>": 163598,
    "<|tool_call_end|>": 163599,
    "<|im_middle|>": 163601,
    "[UNK]": 163838,
    "[PAD]": 163839,
}
K2_RANKS = 163584  # ordinary tokens before the first special one
K2_FILE, OWN_FILE = "tiktoken.model", "tokenizer.json"

# How K2 cuts text before merging: runs of Han; words (with their case pattern and contractions); up to three digits;
# punctuation; line ends; other space.
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]"
_TAIL = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_K2_PATTERN = "|".join(
    [
        r"[\p{Han}]+",
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_TAIL}",
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_TAIL}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
# How our own vocabulary cuts text: words (at a change of case too), digits, spaces and marks stand alone, so that
# copying a word never depends on what is beside it; but the marks that hold JSON and sentences together are pieces with
# the space after them (and the quote after that), since they are half of all tokens otherwise.
_OWN_PATTERN = "|".join(
    [
        r"\p{Lu}?\p{Ll}+",
        r"\p{Lu}+(?!\p{Ll})",
        r"\p{L}",
        r"\p{N}",
        r'["{}\[\](),:?]+(?: ["{\[]*)?',
        r"[.!;] (?=\S)",
        r"\s+",
        r"[^\s\p{L}\p{N}]",
    ]
)
# tiktoken's matcher overflows on longer runs; K2's own code cuts them at the same places.
_LONGEST_TEXT, _LONGEST_RUN = 400_000, 25_000
_RUNS = re.compile(rf"\s{{1,{_LONGEST_RUN}}}|\S{{1,{_LONGEST_RUN}}}")


class Tokenizer(Protocol):
    """What rendering and the engine need of a vocabulary."""

    @property
    def size(self) -> int:
        """Ids are below this."""
        ...

    @property
    def special(self) -> dict[str, int]:
        """The special tokens by name."""
        ...

    def encode(self, text: str) -> list[int]:
        """Ordinary tokens of a text; joined, they are the text again."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of any ids, special ones by their names; bytes that are no UTF-8 become U+FFFD."""
        ...


class K2Tokenizer:
    """K2's vocabulary from its `tiktoken.model`: lines of a base64 token and its rank."""

    def __init__(self, ranks: dict[bytes, int], special: dict[str, int]) -> None:
        import tiktoken

        self._encoding = tiktoken.Encoding("k2", pat_str=_K2_PATTERN, mergeable_ranks=ranks, special_tokens=special)
        self._ranks, self._special = ranks, special

    @staticmethod
    def read(folder: Path | str) -> K2Tokenizer:
        """From a checkpoint folder. Raises `ModelError` for a file that is not of this form."""
        path = Path(folder) / K2_FILE
        ranks: dict[bytes, int] = {}
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                token, rank = line.split()
                ranks[base64.b64decode(token, validate=True)] = int(rank)
            except ValueError as error:
                raise ModelError(f"{path}, line {number}: expected a base64 token and a rank") from error
        first = max(ranks.values(), default=-1) + 1
        return K2Tokenizer(ranks, {name: first + number - K2_RANKS for name, number in K2_SPECIAL.items()})

    @property
    def size(self) -> int:
        return max(self._special.values()) + 1

    @property
    def special(self) -> dict[str, int]:
        return self._special

    def encode(self, text: str) -> list[int]:
        return [token for piece in _short_pieces(text) for token in self._encoding.encode_ordinary(piece)]

    def decode(self, ids: Sequence[int]) -> str:
        return self._encoding.decode(list(ids), errors="replace")

    def token_bytes(self) -> list[bytes]:
        found = [b""] * self.size
        for text, rank in self._ranks.items():
            found[rank] = text
        return found


class OwnTokenizer:
    """A byte-level BPE whose words have the same tokens in prose, in snake_case and in JSON; special ones come last."""

    def __init__(self, bpe: Any) -> None:
        self._bpe = bpe
        first = bpe.get_vocab_size()
        self._special = {name: first + place for place, name in enumerate(K2_SPECIAL)}
        self._name_of = {number: name for name, number in self._special.items()}

    @staticmethod
    def train(texts: Iterable[str], size: int) -> OwnTokenizer:
        """Learn merges so that all ids, special ones included, are below `size`."""
        from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

        bpe = Tokenizer(models.BPE())
        cut = pre_tokenizers.Split(Regex(_OWN_PATTERN), "isolated")
        whole_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        bpe.pre_tokenizer = pre_tokenizers.Sequence([cut, whole_bytes])
        bpe.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        if size < len(alphabet) + len(K2_SPECIAL):
            raise ModelError(
                f"a vocabulary of {size} is too small; it needs {len(alphabet) + len(K2_SPECIAL)} at least"
            )
        trainer = trainers.BpeTrainer(
            vocab_size=size - len(K2_SPECIAL), initial_alphabet=sorted(alphabet), show_progress=False
        )
        bpe.train_from_iterator(texts, trainer)
        return OwnTokenizer(bpe)

    @staticmethod
    def read(folder: Path | str) -> OwnTokenizer:
        """From a folder that `write` filled."""
        from tokenizers import Tokenizer

        return OwnTokenizer(Tokenizer.from_file(str(Path(folder) / OWN_FILE)))

    def write(self, folder: Path | str) -> None:
        """Beside a checkpoint."""
        self._bpe.save(str(Path(folder) / OWN_FILE))

    @property
    def size(self) -> int:
        return self._bpe.get_vocab_size() + len(K2_SPECIAL)

    @property
    def special(self) -> dict[str, int]:
        return self._special

    def encode(self, text: str) -> list[int]:
        if not text.isascii():  # half a surrogate pair, which JSON can spell, is no character: U+FFFD, as for K2's
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        ids: list[int] = self._bpe.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        text = ""
        run: list[int] = []
        for number in ids:
            if number in self._name_of:
                text += self._bpe.decode(run) + self._name_of[number]
                run = []
            else:
                run.append(number)
        return text + str(self._bpe.decode(run))

    def token_bytes(self) -> list[bytes]:
        byte_of = {character: byte for byte, character in _byte_characters()}
        found = [b""] * self.size
        for written, number in self._bpe.get_vocab().items():
            found[number] = bytes(byte_of[character] for character in written)
        return found


def token_bytes(tokenizer: Tokenizer) -> list[bytes]:
    """The bytes of each ordinary token, by id; empty for special and unused ids."""
    if isinstance(tokenizer, K2Tokenizer | OwnTokenizer):
        return tokenizer.token_bytes()
    raise ModelError(f"the bytes of the tokens of a {type(tokenizer).__name__} are not known")


def _byte_characters() -> Iterator[tuple[int, str]]:
    """How a byte-level BPE writes each byte: printable ones of Latin-1 as they are, the others from U+0100 on."""
    spare = 0x100
    for byte in range(256):
        if 0x21 <= byte <= 0x7E or 0xA1 <= byte <= 0xAC or byte >= 0xAE:
            yield byte, chr(byte)
        else:
            yield byte, chr(spare)
            spare += 1


def read_tokenizer(folder: Path | str) -> Tokenizer:
    """K2's vocabulary or our own, whichever a checkpoint folder holds."""
    if (Path(folder) / K2_FILE).is_file():
        return K2Tokenizer.read(folder)
    if (Path(folder) / OWN_FILE).is_file():
        parsed = json.loads((Path(folder) / OWN_FILE).read_text())
        if parsed.get("added_tokens"):
            raise ModelError(f"{folder}/{OWN_FILE} has added tokens; only what training here wrote is read")
        return OwnTokenizer.read(folder)
    raise ModelError(f"{folder} has no vocabulary; it needs {K2_FILE} (Kimi K2) or {OWN_FILE} (trained here)")


def _short_pieces(text: str) -> Iterator[str]:
    """The text, cut where it would be too long for the matcher."""
    for start in range(0, len(text), _LONGEST_TEXT):
        part = text[start : start + _LONGEST_TEXT]
        if len(part) <= _LONGEST_RUN:
            yield part
            continue
        held = ""
        for run in _RUNS.findall(part):
            same_kind = held and held[-1].isspace() == run[0].isspace()
            if same_kind:  # the run was longer than the limit: cut here
                yield held
                held = ""
            held += run
        yield held
