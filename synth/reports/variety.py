"""How varied the words of users and assistants are: distinct-n, self-BLEU, the most common opening.

    python -m synth.reports.variety RUN [--json]

Each conversation counts as one text per side. distinct-n is the share of different n-grams among the first
`TOKENS` tokens of a shuffled sample, so that runs of any size compare. Self-BLEU (n up to 4, no brevity penalty) is
the mean over a sample of texts of BLEU against all others of the sample: lower is more varied. `bare`: the same with
quotations, and words that hold a digit, `_`, `@` or `/`, put out of sight, so that drawn values do not count as
language.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from synth.records import rng_for
from synth.store.views import open_run

TOKENS = 20_000
SAMPLE = 300  # texts of the self-BLEU
LONGEST = 4  # of its n-grams
SMOOTHING = 0.1  # count of an n-gram order without a match
OPENING = 4  # words
SIDES: tuple[Literal["user", "assistant"], ...] = ("user", "assistant")

_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[^\w\s]")
_VALUE = re.compile(r'“[^”]*”|"[^"\n]*"|\S*[\d_@/]\S*')

Gram = tuple[str, ...]


def tokens(text: str) -> list[str]:
    return _TOKEN.findall(text.lower().replace("’", "'"))


def bare(text: str) -> str:
    """The text with its values put out of sight."""
    return _VALUE.sub(" ", text)


def grams(words: Sequence[str], n: int) -> Iterator[Gram]:
    return (tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def distinct(texts: Sequence[Sequence[str]], n: int, budget: int = TOKENS) -> float:
    """Different n-grams over all n-grams, within texts, of the first `budget` tokens."""
    seen: set[Gram] = set()
    total = used = 0
    for words in texts:
        if used >= budget:
            break
        used += len(words)
        for gram in grams(words, n):
            seen.add(gram)
            total += 1
    return len(seen) / total if total else 0.0


def self_bleu(texts: Sequence[Sequence[str]]) -> float:
    """Mean BLEU of each text against all others; a count is clipped by the most that one other text has."""
    texts = [t for t in texts if t]
    if len(texts) < 2:
        return 0.0
    logs = [0.0] * len(texts)
    for n in range(1, LONGEST + 1):
        counts = [Counter(grams(t, n)) for t in texts]
        best: dict[Gram, tuple[int, int, int]] = {}  # the most, whose it is, the most of the others
        for i, count in enumerate(counts):
            for gram, k in count.items():
                first, whose, second = best.get(gram, (0, -1, 0))
                best[gram] = (k, i, first) if k > first else (first, whose, max(second, k))
        for i, count in enumerate(counts):
            total = sum(count.values())
            hits = sum(min(k, best[g][2] if best[g][1] == i else best[g][0]) for g, k in count.items())
            logs[i] += math.log(max(hits, SMOOTHING) / max(total, 1)) / LONGEST
    return sum(math.exp(x) for x in logs) / len(texts)


def measure(texts: Sequence[str]) -> dict[str, float]:
    """Figures of one side. The order of the texts is the order of the sample."""
    words, naked = [tokens(t) for t in texts], [tokens(bare(t)) for t in texts]
    starts = Counter(tuple(w[:OPENING]) for w in words)
    out = {f"distinct_{n}": distinct(words, n) for n in (1, 2, 3)}
    out |= {f"bare_distinct_{n}": distinct(naked, n) for n in (1, 2, 3)}
    out["self_bleu"] = self_bleu(words[:SAMPLE])
    out["bare_self_bleu"] = self_bleu(naked[:SAMPLE])
    out["different_texts"] = len(set(texts)) / len(texts) if texts else 0.0
    out["commonest_opening"] = starts.most_common(1)[0][1] / len(texts) if texts else 0.0
    return {k: round(v, 4) for k, v in out.items()}


def texts_of(messages: Sequence[dict[str, Any]], role: str) -> str:
    """What one side said in a conversation."""
    return "\n".join(m["content"] for m in messages if m["role"] == role and (m.get("content") or "").strip())


def of_run(run_dir: str | Path) -> dict[str, Any]:
    """{"conversations": n, "user": figures, "assistant": figures} of a run's trajectories."""
    rows = sorted(open_run(run_dir).table("trajectories").select("trajectory_id, messages").fetchall())
    rng_for("variety").shuffle(rows)
    talks = [json.loads(m) if isinstance(m, str) else m for _, m in rows]
    return {"conversations": len(talks)} | {
        side: measure([t for talk in talks if (t := texts_of(talk, side))]) for side in SIDES
    }


def main(arguments: Sequence[str]) -> None:
    """Print the figures of a run as a table, or as one JSON object."""
    found = of_run(next(a for a in arguments if not a.startswith("-")))
    if "--json" in arguments:
        print(json.dumps(found))
        return
    print(f"{found['conversations']:,} conversations{'user':>14}{'assistant':>12}")
    for name in found["user"]:
        print(f"{name:<22}{found['user'][name]:>14.3f}{found['assistant'][name]:>12.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
