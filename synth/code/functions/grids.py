"""Functions on grids of small integers: chains of operations."""

from __future__ import annotations

import random

from synth.code.functions.base import Case, Function
from synth.code.functions.chains import Op, body, chain, run

Grid = list[list[int]]


def _grid_cases(rng: random.Random) -> list[Case]:
    cases: list[Case] = [([[0]],), ([[1, 2], [3, 4]],)]
    while len(cases) < 20:
        wide, high = rng.randint(1, 5), rng.randint(1, 5)
        cases.append(([[rng.choice([0, 0, 1, 2, 3, 5, 8, 9]) for _ in range(wide)] for _ in range(high)],))
    return cases


def _grid_ops(rng: random.Random) -> list[Op]:
    k, limit = rng.randint(1, 4), rng.randint(2, 6)
    at, bt = rng.sample([1, 2, 3, 5, 8], 2)
    return [
        Op("turn", "The grid is turned by 90 degrees clockwise.", "grid = [list(row) for row in zip(*grid[::-1])]",
           lambda g: [[g[len(g) - 1 - y][x] for y in range(len(g))] for x in range(len(g[0]))] if g else []),
        Op("flip", "The grid is mirrored left to right.", "grid = [row[::-1] for row in grid]",
           lambda g: [list(reversed(r)) for r in g]),
        Op("transpose", "Rows and columns are exchanged (transposed).", "grid = [list(column) for column in zip(*grid)]",
           lambda g: [[r[x] for r in g] for x in range(len(g[0]))] if g else []),
        Op("limit", f"Cells above {limit} become {limit}.", f"grid = [[min(c, {limit}) for c in row] for row in grid]",
           lambda g: [[limit if c > limit else c for c in r] for r in g]),
        Op("shift", f"Each row is shifted to the right by its own number (row 0 not at all, row 1 by 1, ...) times {k}, cyclically.",
           f"grid = [row[-(i * {k}) % len(row):] + row[:-(i * {k}) % len(row)] for i, row in enumerate(grid)]",
           lambda g: [[r[(x - i * k) % len(r)] for x in range(len(r))] for i, r in enumerate(g)]),
        Op("sums", "A last column is added that holds the sum of its row.", "grid = [row + [sum(row)] for row in grid]",
           lambda g: [[*r, sum(r)] for r in g]),
        Op("frame", "A frame of zeros, one cell wide, is put around the grid.",
           "wide = len(grid[0]) + 2\ngrid = [[0] * wide] + [[0] + row + [0] for row in grid] + [[0] * wide]",
           lambda g: _framed(g)),
        Op("around", "Each cell becomes the sum of its neighbours above, below, left and right (missing ones count as 0).",
           "high, wide = len(grid), len(grid[0])\n"
           "grid = [[sum(grid[y + dy][x + dx] for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1))\n"
           "             if 0 <= y + dy < high and 0 <= x + dx < wide) for x in range(wide)] for y in range(high)]",
           lambda g: _around(g)),
        Op("swap", f"Every {at} becomes {bt} and every {bt} becomes {at}.",
           f"grid = [[{{{at}: {bt}, {bt}: {at}}}.get(c, c) for c in row] for row in grid]",
           lambda g: [[bt if c == at else at if c == bt else c for c in r] for r in g]),
        Op("order", "The rows are sorted by their sum, smallest first; rows of equal sum keep their order.",
           "grid = sorted(grid, key=sum)", lambda g: [r for _, _, r in sorted((sum(r), i, r) for i, r in enumerate(g))]),
        Op("fall", "In each column the non-zero cells fall down to the bottom and keep their order; zeros end up above them.",
           "columns = [[c for c in column if c] for column in zip(*grid)]\nhigh = len(grid)\n"
           "columns = [[0] * (high - len(c)) + c for c in columns]\ngrid = [list(row) for row in zip(*columns)]",
           lambda g: _fallen(g)),
    ]  # fmt: skip


def _grid_ends(rng: random.Random) -> list[Op]:
    return [
        Op("diagonal", "The result is the list of cells on the main diagonal, from the top left.",
           "grid = [grid[i][i] for i in range(min(len(grid), len(grid[0])))]",
           lambda g: [c for y, r in enumerate(g) for x, c in enumerate(r) if x == y]),
        Op("largest", "The result is the (row, column) of the largest cell, the first in reading order where there are several.",
           "best = max(max(row) for row in grid)\n"
           "grid = next((y, x) for y, row in enumerate(grid) for x, c in enumerate(row) if c == best)",
           lambda g: min((-c, y, x) for y, r in enumerate(g) for x, c in enumerate(r))[1:]),
        Op("spiral", "The result is the list of all cells in clockwise spiral order from the top left.",
           "cells = []\nwhile grid:\n    cells += grid[0]\n    grid = [list(row) for row in zip(*grid[1:])][::-1]\ngrid = cells",
           lambda g: _spiral(g)),
        Op("columns", "The result is a tuple of the column sums.", "grid = tuple(sum(column) for column in zip(*grid))",
           lambda g: tuple(sum(r[x] for r in g) for x in range(len(g[0])))),
        Op("text", "The result is a text: cells joined by one space, rows by a newline.",
           'grid = "\\n".join(" ".join(str(c) for c in row) for row in grid)',
           lambda g: "".join(" ".join(map(str, r)) + "\n" for r in g)[:-1]),
    ]  # fmt: skip


def _framed(grid: Grid) -> Grid:
    wide, high = len(grid[0]), len(grid)
    return [
        [grid[y - 1][x - 1] if 0 < y <= high and 0 < x <= wide else 0 for x in range(wide + 2)] for y in range(high + 2)
    ]


def _around(grid: Grid) -> Grid:
    cells = {(y, x): c for y, row in enumerate(grid) for x, c in enumerate(row)}
    sides = ((-1, 0), (1, 0), (0, -1), (0, 1))
    return [
        [sum(cells.get((y + dy, x + dx), 0) for dy, dx in sides) for x in range(len(row))] for y, row in enumerate(grid)
    ]


def _fallen(grid: Grid) -> Grid:
    columns = [sorted(column, key=lambda cell: cell != 0) for column in zip(*grid, strict=True)]
    return [[column[y] for column in columns] for y in range(len(grid))]


def _spiral(grid: Grid) -> list[int]:
    high, wide, found = len(grid), len(grid[0]), []
    y, x, dy, dx, seen = 0, 0, 0, 1, set()
    for _ in range(high * wide):
        found.append(grid[y][x])
        seen.add((y, x))
        if not (0 <= y + dy < high and 0 <= x + dx < wide) or (y + dy, x + dx) in seen:
            dy, dx = dx, -dy
        y, x = y + dy, x + dx
    return found


def grid_steps(rng: random.Random) -> Function:
    """Chains of operations on a grid of small integers."""
    cases = _grid_cases(rng)
    ops = chain(rng, _grid_ops, _grid_ends, cases, 2, 4)
    name = rng.choice(["transform_board", "rework_tiles", "render_map", "settle_grid", "arrange_cells"])
    rules = [f"Step {n}: {op.rule[0].lower() + op.rule[1:]}" for n, op in enumerate(ops, 1)]
    rules.append("The grid has at least one row, and all rows have the same length, at least one.")
    return Function(
        name, rng.choice(["board", "grids", "tiles"]), f"a function that transforms a grid in {len(ops)} steps", "(grid)",
        "Apply the following steps to `grid`, a list of rows of integers, in this order.", rules,
        f"def {name}(grid):\n    DOC\n    grid = [list(row) for row in grid]\n{body('grid', ops)}", cases,
        lambda grid: run(ops, [list(row) for row in grid]), {"ops": [op.key for op in ops]},
    )  # fmt: skip
