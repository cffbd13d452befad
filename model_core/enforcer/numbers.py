"""Integers and numbers within bounds, as text."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from model_core.enforcer.expr import Builder, Node

_DIGITS, _PLACES = 15, 17  # at most so many before and after the point
_BIG = 10**_DIGITS - 1
_LISTED = 1_000  # multiples each way


class NumberError(ValueError):
    """These bounds cannot be expressed."""


def integer_expr(make: Builder, low: Decimal | None, high: Decimal | None, step: Decimal | None = None) -> Node:
    """Integers from `low` to `high`, both counted in, that are multiples of `step`. Raises `NumberError`."""
    first = -_BIG if low is None else int(low.to_integral_value(ROUND_CEILING))
    last = _BIG if high is None else int(high.to_integral_value(ROUND_FLOOR))
    if step is not None and step != 1:
        return _multiples(make, first, last, step)
    negative = _whole(make, max(1, -last), -first) if first < 0 else make.never
    return make.alt(make.seq(make.lit("-"), negative), _whole(make, max(first, 0), last))


def number_expr(make: Builder, low: Decimal | None, high: Decimal | None, above: bool, below: bool) -> Node:
    """Numbers from `low` to `high`; `above` and `below` leave the bound itself out."""
    free = low is None and high is None
    low, high = (Decimal(-_BIG) if low is None else low), (Decimal(_BIG) if high is None else high)
    negative = make.never
    if low < 0:
        # Zero is written without a sign.
        start, start_out = (-high, below) if high < 0 else (Decimal(0), True)
        negative = make.seq(make.lit("-"), _size(make, start, -low, start_out, above))
    positive = make.never
    if high >= 0:
        positive = _size(make, max(low, Decimal(0)), high, above and low >= 0, below)
    number = make.alt(negative, positive)
    digits = make.rep(_digit(make), 1, 2)
    exponent = make.seq(make.one_of("eE"), make.maybe(make.one_of("+-")), digits)
    return make.seq(number, make.maybe(exponent)) if free else number


def _whole(make: Builder, low: int, high: int) -> Node:
    """From `low` to `high`, neither below zero."""
    options = []
    for size in range(len(str(max(low, 0))), len(str(max(high, 0))) + 1):
        first, last = max(low, 10 ** (size - 1) if size > 1 else 0), min(high, 10**size - 1)
        if first <= last:
            options.append(_same_size(make, str(first), str(last)))
    return make.alt(*options)


def _same_size(make: Builder, low: str, high: str) -> Node:
    if not low:
        return make.empty
    if set(low) == {"0"} and set(high) == {"9"}:
        return make.rep(_digit(make), len(low), len(low))
    if low[0] == high[0]:
        return make.seq(make.lit(low[0]), _same_size(make, low[1:], high[1:]))
    rest = len(low) - 1
    return make.alt(
        make.seq(make.lit(low[0]), _same_size(make, low[1:], "9" * rest)),
        make.seq(_digit(make, int(low[0]) + 1, int(high[0]) - 1), make.rep(_digit(make), rest, rest)),
        make.seq(make.lit(high[0]), _same_size(make, "0" * rest, high[1:])),
    )


def _multiples(make: Builder, first: int, last: int, step: Decimal) -> Node:
    """One by one; of more than are listed, those nearest to zero."""
    if step <= 0 or step != step.to_integral_value():
        raise NumberError(f"integers that are multiples of {step}")
    size = int(step)
    low, high = -(-first // size), last // size
    nearest = min(max(0, low), high)
    low, high = max(low, nearest - _LISTED), min(high, nearest + _LISTED)
    return make.alt(*(make.lit(str(count * size)) for count in range(low, high + 1)))


def _size(make: Builder, low: Decimal, high: Decimal, above: bool, below: bool) -> Node:
    """Numbers that are not negative."""
    if high < low:
        return make.never
    first, last = int(low), int(high)
    from_low, to_high = _fraction(low), _fraction(high)
    if first == last:
        fraction = make.both(_at_least(make, from_low, above), _at_most(make, to_high, below))
        return make.seq(make.lit(str(first)), fraction)
    options = [
        make.seq(_whole(make, first, first), _at_least(make, from_low, above)),
        make.seq(_whole(make, last, last), _at_most(make, to_high, below)),
    ]
    if first + 1 <= last - 1:
        options.append(make.seq(_whole(make, first + 1, last - 1), _any_fraction(make)))
    return make.alt(*options)


def _fraction(value: Decimal) -> str:
    """The digits after the point, without closing zeros."""
    return f"{value % 1:f}"[2:].rstrip("0")


def _any_fraction(make: Builder) -> Node:
    return make.maybe(make.seq(make.lit("."), make.rep(_digit(make), 1, _PLACES)))


def _at_least(make: Builder, bound: str, above: bool) -> Node:
    digits, zeros = make.rep(_digit(make), 0, _PLACES), make.rep(make.lit("0"), 0, _PLACES)
    beyond = make.seq(zeros, _digit(make, 1, 9), digits)
    if not bound and not above:
        return _any_fraction(make)
    options = [make.seq(make.lit("." + bound), beyond if above else digits)]
    for place, digit in enumerate(bound):
        options.append(make.seq(make.lit("." + bound[:place]), _digit(make, int(digit) + 1, 9), digits))
    return make.alt(*options)


def _at_most(make: Builder, bound: str, below: bool) -> Node:
    digits, zeros = make.rep(_digit(make), 0, _PLACES), make.rep(make.lit("0"), 0, _PLACES)
    if not bound:
        if below:
            return make.never
        return make.maybe(make.seq(make.lit(".0"), zeros))
    options = [make.empty, *(make.lit("." + bound[:place]) for place in range(1, len(bound)))]
    for place, digit in enumerate(bound):
        options.append(make.seq(make.lit("." + bound[:place]), _digit(make, 0, int(digit) - 1), digits))
    if not below:
        options.append(make.seq(make.lit("." + bound), zeros))
    return make.alt(*options)


def _digit(make: Builder, low: int = 0, high: int = 9) -> Node:
    return make.char([(0x30 + low, 0x30 + high)])
