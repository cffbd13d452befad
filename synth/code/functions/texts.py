"""Functions on one text: chains of operations."""

from __future__ import annotations

import random
import re

from synth.code.functions.base import Case, Function
from synth.code.functions.chains import Op, body, chain, run

_WORDS = [
    "amber",
    "basil",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "harbor",
    "indigo",
    "juniper",
    "kestrel",
    "lumen",
    "meadow",
    "north",
    "orbit",
    "pepper",
    "quartz",
    "river",
    "saffron",
    "timber",
    "umber",
    "velvet",
    "willow",
    "yarrow",
    "zephyr",
    "Oslo",
    "Lima",
    "Quito",
    "Accra",
    "one",
    "two",
    "three",
]
_MARKS = list(".,;:!?-_/#()'")


def _text_cases(rng: random.Random) -> list[Case]:
    cases: list[Case] = [("",), ("   ",), ("  Amber, amber;  BASIL-basil  12 7 ",)]
    while len(cases) < 22:
        parts = []
        for _ in range(rng.randint(2, 9)):
            word = rng.choice(_WORDS)
            style = rng.random()
            word = word.upper() if style < 0.2 else word.title() if style < 0.45 else word
            word = str(rng.randint(0, 400)) if style > 0.85 else word
            parts.append(word + (rng.choice(_MARKS) if rng.random() < 0.4 else ""))
        if rng.random() < 0.5:
            parts.append(parts[0])
        cases.append(
            (rng.choice(["", " ", "\t"]) + rng.choice([" ", "  ", " \n"]).join(parts) + rng.choice(["", "  "]),)
        )
    return cases


def _text_ops(rng: random.Random) -> list[Op]:
    n, k = rng.randint(3, 6), rng.randint(2, 4)
    old, new = rng.sample(["a", "e", "i", "o", "r", "t"], 2)
    mark = rng.choice(["-", "_", "+", "|"])
    vowels = rng.choice(["aeiou", "aeo", "bdk"])
    cap = rng.randint(14, 30)
    return [
        Op("case", "All letters become lower case.", "text = text.lower()", str.lower),
        Op("case2", "Upper case and lower case letters are swapped.", "text = text.swapcase()", str.swapcase),
        Op("space", "White space at both ends is removed, and every run of white space inside becomes one space.",
           'text = " ".join(text.split())', lambda t: " ".join(t.split())),
        Op("marks", "Everything that is neither a letter, a digit nor white space is removed.",
           'text = "".join(c for c in text if c.isalnum() or c.isspace())',
           lambda t: "".join(filter(lambda c: c.isalnum() or c.isspace(), t))),
        Op("digits", "Digits are removed.", 'text = "".join(c for c in text if not c.isdigit())',
           lambda t: re.sub(r"[0-9]", "", t)),
        Op("short", f"Words (parts between white space) of fewer than {n} characters are left out; the others are joined by one space.",
           f'text = " ".join(w for w in text.split() if len(w) >= {n})',
           lambda t: " ".join([w for w in t.split() if not len(w) < n])),
        Op("dupes", "A word that already occurred (exactly the same) is left out; words are then joined by one space.",
           'text = " ".join(dict.fromkeys(text.split()))', lambda t: " ".join(_first_only(t.split()))),
        Op("reverse", "The order of the words is reversed; they are joined by one space.",
           'text = " ".join(reversed(text.split()))', lambda t: " ".join(t.split()[::-1])),
        Op("sort", "The words are sorted by length, longest first; words of equal length keep their order. They are joined by one space.",
           'text = " ".join(sorted(text.split(), key=len, reverse=True))',
           lambda t: " ".join(sorted(t.split(), key=lambda w: -len(w)))),
        Op("swap", f"Every {old!r} becomes {new!r} and every {new!r} becomes {old!r} (lower case only).",
           f'text = text.translate(str.maketrans("{old}{new}", "{new}{old}"))',
           lambda t: "".join({old: new, new: old}.get(c, c) for c in t)),
        Op("nth", f"In every {_nth(k)} word (the {_nth(k)}, the {_nth(2 * k)}, ...) all letters become upper case; words are then joined by one space.",
           f'text = " ".join(w.upper() if i % {k} == 0 else w for i, w in enumerate(text.split(), 1))',
           lambda t: " ".join(w.upper() if i % k == k - 1 else w for i, w in enumerate(t.split()))),
        Op("vowels", f"Each character out of {vowels!r} (lower case only) is doubled.",
           f'text = "".join(c * 2 if c in "{vowels}" else c for c in text)',
           lambda t: "".join(c + c if c in set(vowels) else c for c in t)),
        Op("glue", f"Every single space becomes {mark!r}.", f'text = text.replace(" ", "{mark}")',
           lambda t: mark.join(t.split(" "))),
        Op("cut", f"The text is cut to its first {cap} characters.", f"text = text[:{cap}]", lambda t: t[:cap]),
        Op("runs", "Runs of the same character become one of it.",
           'text = "".join(c for i, c in enumerate(text) if i == 0 or text[i - 1] != c)',
           lambda t: re.sub(r"(.)\1+", r"\1", t, flags=re.DOTALL)),
        Op("rotate", f"The first {k} characters move to the end (a text of fewer than {k} characters stays as it is).",
           f"text = text[{k}:] + text[:{k}]", lambda t: t if len(t) < k else t[k:] + t[:k]),
    ]  # fmt: skip


def _text_ends(rng: random.Random) -> list[Op]:
    n = rng.randint(2, 4)
    return [
        Op("count", "The result is a dict from each character to how often it occurs, white space left out.",
           "counts = {}\nfor c in text:\n    if not c.isspace():\n        counts[c] = counts.get(c, 0) + 1\ntext = counts",
           lambda t: {c: t.count(c) for c in sorted(set(t)) if not c.isspace()}),
        Op("lengths", "The result is the list of the lengths of the words.", "text = [len(w) for w in text.split()]",
           lambda t: list(map(len, t.split()))),
        Op("chunks", f"The result is a list of pieces of {n} characters; the last piece may be shorter.",
           f"text = [text[i:i + {n}] for i in range(0, len(text), {n})]",
           lambda t: re.findall(rf".{{1,{n}}}", t, flags=re.DOTALL)),
        Op("longest", "The result is the longest word, the first of them where several are equally long, and '' where there is none.",
           'text = max(text.split(), key=len, default="")',
           lambda t: next((w for w in t.split() if len(w) == max(map(len, t.split()))), "")),
        Op("initials", "The result is the first character of each word, all joined without anything between.",
           'text = "".join(w[0] for w in text.split())', lambda t: "".join(re.findall(r"(?:^|(?<=\s))\S", t))),
        Op("pairs", "The result is a list of (word, position) tuples sorted by word, where the position counts words from 1.",
           "text = sorted((w, i) for i, w in enumerate(text.split(), 1))",
           lambda t: sorted((w, i + 1) for i, w in enumerate(t.split()))),
    ]  # fmt: skip


def _first_only(words: list[str]) -> list[str]:
    return [word for at, word in enumerate(words) if word not in words[:at]]


def _nth(number: int) -> str:
    return {1: "first", 2: "second", 3: "third", 4: "fourth", 6: "sixth", 8: "eighth"}[number]


def text_steps(rng: random.Random) -> Function:
    """Chains of operations on one text."""
    cases = _text_cases(rng)
    ops = chain(rng, _text_ops, _text_ends, cases, 2, 5)
    name = rng.choice(["clean_label", "normalize_title", "make_key", "tidy_caption", "prepare_line", "encode_tag"])
    module = rng.choice(["labels", "texts", "captions", "keys"])
    rules = [f"Step {n}: {op.rule[0].lower() + op.rule[1:]}" for n, op in enumerate(ops, 1)]
    return Function(
        name, module, f"a function that turns a text into {'a label' if len(ops) < 4 else 'a normal form'} in {len(ops)} steps",
        "(text)", "Apply the following steps to `text`, in this order.", rules,
        f"def {name}(text):\n    DOC\n{body('text', ops)}", cases, lambda text: run(ops, text),
        {"ops": [op.key for op in ops]},
    )  # fmt: skip
