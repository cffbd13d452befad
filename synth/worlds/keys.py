"""Generated keys: a keyed permutation of each id style's space, so keys never repeat, never run in sequence and
cannot be guessed from one another."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from math import isqrt

from synth.worlds.spec import IdStyle

CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # no 0/O, no 1/I
TOKEN_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
HEX_ALPHABET = "0123456789abcdef"
_MASK = (1 << 64) - 1
_ROUNDS = 4
_DIRECT = 1 << 72  # spaces beyond this are hashed straight: a repeat is out of reach


def make_key(world: str, entity: str, style: IdStyle, seed: int, counter: int) -> str | int:
    """The key of the `counter`-th row (from 0) of a table. Distinct counters give distinct keys; a space that
    is used up continues with one more digit."""
    size = style.size
    if style.kind == "uuid":
        h = _digest(world, entity, seed, counter)[:32]
        return f"{style.prefix}{h[:8]}-{h[8:12]}-4{h[13:16]}-{'89ab'[int(h[16], 16) & 3]}{h[17:20]}-{h[20:]}"
    if style.kind == "int":
        while counter >= 9 * 10 ** (size - 1):
            counter -= 9 * 10 ** (size - 1)
            size += 1
        number = 10 ** (size - 1) + _permuted(world, entity, seed, counter, 9 * 10 ** (size - 1))
        return f"{_joined(style.prefix, '-')}{number}" if style.prefix else number
    if style.kind == "hex":
        return style.prefix + _body(HEX_ALPHABET, size, world, entity, seed, counter)
    if style.kind == "token":
        return _joined(style.prefix, "_") + _body(TOKEN_ALPHABET, size, world, entity, seed, counter)
    return _joined(style.prefix, "-") + _body(CODE_ALPHABET, size, world, entity, seed, counter)


def _joined(prefix: str, mark: str) -> str:
    return prefix + mark if prefix and prefix[-1].isalnum() else prefix


def _body(alphabet: str, size: int, world: str, entity: str, seed: int, counter: int) -> str:
    base = len(alphabet)
    while counter >= base**size:
        counter -= base**size
        size += 1
    space = base**size
    if space > _DIRECT:
        number = int(_digest(world, entity, seed, counter), 16) % space
    else:
        number = _permuted(world, entity, seed, counter, space)
    out = []
    for _ in range(size):
        number, digit = divmod(number, base)
        out.append(alphabet[digit])
    return "".join(out)


def _digest(world: str, entity: str, seed: int, counter: int) -> str:
    text = f"{world}\x1f{entity}\x1f{seed}\x1f{counter}"
    return hashlib.blake2b(text.encode(), digest_size=24).hexdigest()


@lru_cache(maxsize=4096)
def _round_keys(world: str, entity: str, seed: int) -> tuple[tuple[int, int], ...]:
    raw = hashlib.blake2b(f"{world}\x1f{entity}\x1f{seed}".encode(), digest_size=16 * _ROUNDS).digest()
    words = [int.from_bytes(raw[i : i + 8], "big") for i in range(0, len(raw), 8)]
    return tuple((words[2 * i], words[2 * i + 1] | 1) for i in range(_ROUNDS))


def _permuted(world: str, entity: str, seed: int, counter: int, space: int) -> int:
    """A Feistel network over a square just above `space`, walked until it lands inside."""
    side = isqrt(space - 1) + 1
    keys = _round_keys(world, entity, seed)
    value = counter
    while True:
        left, right = divmod(value, side)
        for add, times in keys:
            mixed = ((right ^ add) * times) & _MASK
            mixed ^= mixed >> 31
            mixed = (mixed * 0x9E3779B97F4A7C15) & _MASK
            left, right = right, (left + (mixed >> 24)) % side
        value = left * side + right
        if value < space:
            return value
