"""Functions that read small notations: settings files, expressions, codes."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

from synth.code.functions.base import Case, Function

_KEYS = ["host", "port", "name", "debug", "rate", "path", "mode", "size"]


def settings_files(rng: random.Random) -> Function:
    """Reading `key = value` files under drawn rules."""
    mark, comment = rng.choice(["=", ":", "->"]), rng.choice(["#", ";", "//"])
    twice = rng.choice(["last", "first", "list", "error"])
    broken = rng.choice(["skip", "error"])
    sections = rng.random() < 0.5
    numbers, flags, lower = rng.random() < 0.6, rng.random() < 0.5, rng.random() < 0.4
    inline, empty = rng.random() < 0.5, rng.choice(["keep", "drop"])
    rules = [
        f"Each line holds a key and a value with {mark!r} between them; the first {mark!r} of the line counts. White space around key and value is removed."
    ]
    rules.append(f"Empty lines and lines whose first characters (after white space) are {comment!r} are ignored."
                 + (f" In other lines everything from ' {comment}' (with a space before it) on is ignored as well." if inline else ""))  # fmt: skip
    if sections:
        rules.append("A line [NAME] begins a section: the keys after it get the prefix 'NAME.' until the next section.")
    if lower:
        rules.append("Keys (without a section's name) are brought to lower case.")
    if numbers:
        rules.append("A value that consists of digits only, or of digits after a single '-', becomes an int.")
    if flags:
        rules.append("The values yes and no (in any case) become True and False.")
    rules.append("An empty value is kept as ''." if empty == "keep" else "Keys with an empty value are left out.")
    rules.append({"last": "Of a key that occurs more than once the last value counts.", "first": "Of a key that occurs more than once the first value counts.",
                  "list": "A key that occurs more than once gets the list of its values in their order.", "error": "A key that occurs more than once raises ValueError."}[twice])  # fmt: skip
    bad = f"A line without {mark!r}{' that begins no section' if sections else ''}, or with nothing before it,"
    rules.append(f"{bad} " + ("is ignored." if broken == "skip" else "raises ValueError."))
    name = rng.choice(["read_settings", "parse_config", "load_options"])
    body = ["    found = {}", *(["    prefix = ''"] if sections else []), "    for line in text.splitlines():", "        line = line.strip()",
            f"        if not line or line.startswith({comment!r}):", "            continue"]  # fmt: skip
    if inline:
        body += [f"        line = line.split({' ' + comment!r}, 1)[0].strip()"]
    if sections:
        body += [
            "        if line.startswith('[') and line.endswith(']'):",
            "            prefix = line[1:-1] + '.'",
            "            continue",
        ]
    body += [f"        key, sign, value = line.partition({mark!r})", "        key, value = key.strip(), value.strip()", "        if not sign or not key:",
             "            continue" if broken == "skip" else "            raise ValueError(line)"]  # fmt: skip
    if empty == "drop":
        body += ["        if not value:", "            continue"]
    if lower:
        body += ["        key = key.lower()"]
    if sections:
        body += ["        key = prefix + key"]
    if numbers:
        body += ["        if value.removeprefix('-').isdigit():", "            value = int(value)"]
    if flags:
        body += [
            f"        {'elif' if numbers else 'if'} value.lower() in ('yes', 'no'):",
            "            value = value.lower() == 'yes'",
        ]
    body += {
        "last": ["        found[key] = value"], "first": ["        found.setdefault(key, value)"],
        "list": ["        found.setdefault(key, []).append(value)"],
        "error": ["        if key in found:", "            raise ValueError(key)", "        found[key] = value"],
    }[twice]  # fmt: skip
    body += (
        ["    return found"]
        if twice != "list"
        else ["    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}"]
    )

    def text() -> str:
        lines = []
        for _ in range(rng.randint(1, 6)):
            key = rng.choice(_KEYS)
            key = key.title() if rng.random() < 0.3 else key
            value = rng.choice(
                ["yes", "No", "maybe", "", "8080", "-12", "3.5", "a b", f"x{mark}y", "left", f"b {comment} note", "007"]
            )
            lines.append(f"{rng.choice(['', '  '])}{key}{rng.choice([' ', ''])}{mark}{rng.choice([' ', ''])}{value}")
        for extra in (f"{comment} a remark", "", "[main]", "[net]", "just words", f"{mark} 5"):
            if rng.random() < (0.12 if broken == "error" and extra in ("just words", f"{mark} 5") else 0.3):
                lines.insert(rng.randint(0, len(lines)), extra)
        return "\n".join(lines)

    def truth(given: str) -> Any:
        found: dict[str, list[Any]] = {}
        prefix = ""
        for raw in given.split("\n"):
            line = raw.strip()
            if line == "" or line[: len(comment)] == comment:
                continue
            if inline:
                line = (
                    re.sub(rf"\s{re.escape(comment)}.*$", "", line, flags=re.DOTALL) if f" {comment}" in line else line
                )
            section = re.fullmatch(r"\[(.*)\]", line)
            if sections and section:
                prefix = section[1] + "."
                continue
            at = line.find(mark)
            key, value = line[: max(at, 0)].strip(), line[at + len(mark) :].strip()
            if at < 0 or not key:
                if broken == "error":
                    raise ValueError(line)
                continue
            if value == "" and empty == "drop":
                continue
            made: Any = value
            if numbers and re.fullmatch(r"-?\d+", value):
                made = int(value)
            elif flags and value.lower() in ("yes", "no"):
                made = value.lower() == "yes"
            found.setdefault(prefix + (key.lower() if lower else key), []).append(made)
        if twice == "error" and any(len(values) > 1 for values in found.values()):
            raise ValueError
        if twice == "list":
            return {key: values if len(values) > 1 else values[0] for key, values in found.items()}
        return {key: values[-1 if twice == "last" else 0] for key, values in found.items()}

    return Function(name, rng.choice(["settings", "options", "config"]), "a reader for our settings files", "(text)",
                    "Read the text of a settings file into a dict.", rules, "\n".join([f"def {name}(text):", "    DOC", *body]) + "\n",
                    [(text(),) for _ in range(26)], truth,
                    {"mark": mark, "twice": twice, "broken": broken, "sections": sections, "numbers": numbers, "flags": flags})  # fmt: skip


# --- expressions --------------------------------------------------------------------------------------------------------

_OPERATORS: dict[str, tuple[str, str, Callable[[int, int], int]]] = {
    "+": ("a + b", "adds", lambda a, b: a + b), "-": ("a - b", "subtracts the right from the left", lambda a, b: a - b),
    "*": ("a * b", "multiplies", lambda a, b: a * b), "&": ("min(a, b)", "gives the smaller of both", min),
    "|": ("max(a, b)", "gives the larger of both", max), "@": ("10 * a + b", "gives ten times the left plus the right", lambda a, b: 10 * a + b),
    "%": ("a % 7 + b", "adds the right to the left modulo 7", lambda a, b: a % 7 + b), "~": ("abs(a - b)", "gives the distance of both", lambda a, b: abs(a - b)),
}  # fmt: skip


def calculators(rng: random.Random) -> Function:
    """Evaluating expressions with drawn operators, ranks and directions."""
    signs = rng.sample(sorted(_OPERATORS), rng.randint(3, 4))
    strong = signs[: rng.randint(1, 2)]
    weak = [sign for sign in signs if sign not in strong]
    right_strong, right_weak = rng.random() < 0.3, rng.random() < 0.3
    brackets = rng.random() < 0.7
    names = rng.random() < 0.5

    def listed(group: list[str]) -> str:
        return ", ".join(repr(sign) for sign in group)

    rules = [f"{sign!r} {_OPERATORS[sign][1]}." for sign in signs]
    rules.append(f"{listed(strong)} bind{'s' if len(strong) == 1 else ''} more strongly than {listed(weak)}.")
    rules.append(
        f"Operators of the same strength are worked out from the {'right' if right_strong else 'left'} for {listed(strong)} and from the {'right' if right_weak else 'left'} for {listed(weak)}."
    )
    if brackets:
        rules.append("Parts in ( and ) are worked out first; they can stand inside each other.")
    if names:
        rules.append(
            "Besides whole numbers there are names (lower case letters), whose values stand in the dict `values`; an unknown name raises ValueError."
        )
    rules.append(
        "Spaces mean nothing. Numbers have no sign. Anything that cannot be read in this way raises ValueError."
    )
    params = "(text, values)" if names else "(text)"
    pattern = r"\d+|[a-z]+|\S" if names else r"\d+|\S"
    given = ", values" if names else ""

    def level(name: str, below: str, group: list[str], right: bool) -> list[str]:
        lines = [f"def {name}(tokens{given}):", f"    found = [{below}(tokens{given})]", "    signs = []", f"    while tokens and tokens[0] in {group!r}:",
                 "        signs.append(tokens.pop(0))", f"        found.append({below}(tokens{given}))", "    while signs:"]  # fmt: skip
        if right:
            return [
                *lines,
                "        b, a = found.pop(), found.pop()",
                "        found.append(APPLY[signs.pop()](a, b))",
                "    return found[0]",
                "",
                "",
            ]
        return [
            *lines,
            "        a, b = found.pop(0), found.pop(0)",
            "        found.insert(0, APPLY[signs.pop(0)](a, b))",
            "    return found[0]",
            "",
            "",
        ]

    source = ["import re", "", "APPLY = {", *(f"    {sign!r}: lambda a, b: {_OPERATORS[sign][0]}," for sign in signs), "}", "", "",
              f"def _value(tokens{given}):", "    if not tokens:", "        raise ValueError('it ends too early')", "    token = tokens.pop(0)"]  # fmt: skip
    if brackets:
        source += ["    if token == '(':", f"        found = _weak(tokens{given})", "        if not tokens or tokens.pop(0) != ')':",
                   "            raise ValueError('a bracket is open')", "        return found"]  # fmt: skip
    if names:
        source += ["    if token.isalpha() and token in values:", "        return values[token]"]
    source += ["    if not token.isdigit():", "        raise ValueError(token)", "    return int(token)", "", ""]
    source += level("_strong", "_value", strong, right_strong) + level("_weak", "_strong", weak, right_weak)
    name = rng.choice(["evaluate", "work_out", "calculate"])
    source += [f"def {name}{params}:", "    DOC", f"    tokens = re.findall({pattern!r}, text)", f"    found = _weak(tokens{given})", "    if tokens:",
               "        raise ValueError(tokens[0])", "    return found"]  # fmt: skip

    def made(depth: int) -> str:
        parts = []
        for _ in range(rng.randint(1, 4)):
            if brackets and depth and rng.random() < 0.3:
                parts.append(f"({made(depth - 1)})")
            else:
                parts.append(
                    rng.choice(["x", "y", "rate"]) if names and rng.random() < 0.4 else str(rng.randint(0, 12))
                )
        text = parts[0]
        for part in parts[1:]:
            text += rng.choice([" ", ""]) + rng.choice(signs) + rng.choice([" ", ""]) + part
        return text

    texts = (
        [made(2) for _ in range(22)]
        + ["", f"3 {signs[0]}", "3 4", f"{signs[1]} 2", "2 ? 3"]
        + (["(3", "3)"] if brackets else ["(3)"])
    )
    values = {"x": rng.randint(2, 9), "y": rng.randint(0, 5), "rate": 10}
    cases: list[Case] = [
        (text, {**values, "x": values["x"] + n % 3} if n % 9 else {"x": 1}) if names else (text,)
        for n, text in enumerate(texts)
    ]

    def truth(text: str, known: dict[str, int] | None = None) -> Any:
        tokens = re.findall(pattern, text)
        found, rest = _solve(tokens, known or {}, strong, weak, right_strong, right_weak, brackets)
        if rest:
            raise ValueError
        return found

    return Function(name, rng.choice(["formula", "calc", "expression"]), "an evaluator for our formula notation", params,
                    "Work out the value of an expression.", rules, "\n".join(source) + "\n", cases, truth,
                    {"signs": signs, "strong": strong, "brackets": brackets, "names": names, "right": [right_strong, right_weak]})  # fmt: skip


def _solve(
    tokens: list[str],
    known: dict[str, int],
    strong: list[str],
    weak: list[str],
    right_s: bool,
    right_w: bool,
    brackets: bool,
) -> tuple[int, list[str]]:
    """Value of a run of operands and operators up to a closing bracket, and what is left: by two stacks."""
    output: list[int] = []
    signs: list[str] = []
    rank = {**dict.fromkeys(strong, 2), **dict.fromkeys(weak, 1)}

    def reduce() -> None:
        b, a = output.pop(), output.pop()
        output.append(_OPERATORS[signs.pop()][2](a, b))

    while True:
        if not tokens:
            raise ValueError
        token, tokens = tokens[0], tokens[1:]
        if token == "(" and brackets:
            inner, tokens = _solve(tokens, known, strong, weak, right_s, right_w, brackets)
            if tokens[:1] != [")"]:
                raise ValueError
            tokens = tokens[1:]
            output.append(inner)
        elif token.isdigit() or token in known:
            output.append(int(token) if token.isdigit() else known[token])
        else:
            raise ValueError
        if not tokens or tokens[0] not in rank:
            break
        sign, tokens = tokens[0], tokens[1:]
        from_right = right_s if rank[sign] == 2 else right_w
        while signs and (rank[signs[-1]] > rank[sign] or (rank[signs[-1]] == rank[sign] and not from_right)):
            reduce()
        signs.append(sign)
    while signs:
        reduce()
    return output[0], tokens


# --- codes --------------------------------------------------------------------------------------------------------------


def code_schemes(rng: random.Random) -> Function:
    """Coding texts: a cipher or run lengths, a check sign, groups; and reading codes back."""
    way = rng.choice(["shift", "runs", "rail", "swap"])
    shift, modulus, group = rng.randint(2, 9), rng.choice([7, 9, 10, 26]), rng.choice([0, 3, 4, 5])
    weights = rng.choice([[1], [1, 3], [2, 1], [7, 3, 1]])
    back = rng.random() < 0.5
    flip = rng.random() < 0.4
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    check = rng.random() < 0.75 or way == "swap"
    rules = [
        "The text consists of lower case letters a to z."
        if not back
        else "The code was made by these steps from a text of lower case letters a to z; the result is that text."
    ]
    steps = []
    if flip:
        steps.append("The text is reversed.")
    steps.append({"shift": f"The letter at position i (from 0) moves {shift} + i letters on in the alphabet, after z comes a.",
                  "runs": "Each run of a letter becomes the letter and the length of the run; a run of 1 becomes the letter alone. No run is longer than 9.",
                  "rail": "The letters at even positions (from 0) come first, then those at odd positions.",
                  "swap": f"Letters exchange places in pairs: the first with the second, the third with the fourth, and so on; a single one at the end stays. Then each letter moves {shift} letters on in the alphabet, after z comes a."}[way])  # fmt: skip
    sign = "a letter (0 is a, 1 is b, ...)" if modulus == 26 else "a digit"
    if check:
        steps.append(
            f"A check sign is added at the end: the values of the signs so far (a is 1, b is 2, ..., digits count as themselves), multiplied by the weights {weights} in turn, are summed up; the sum modulo {modulus} is written as {sign}."
        )
    if group:
        steps.append(f"A dash is put after every {group} signs, but not at the end.")
    rules += [f"Step {n}: {step[0].lower() + step[1:]}" for n, step in enumerate(steps, 1)]
    if back and check:
        rules.append("A code whose check sign is wrong raises ValueError.")
    encode = [*(["    text = text[::-1]"] if flip else []), *{
        "shift": [f"    text = ''.join(chr((ord(c) - 97 + {shift} + i) % 26 + 97) for i, c in enumerate(text))"],
        "runs": ["    runs = re.findall(r'((.)\\2*)', text)", "    text = ''.join(c + (str(len(run)) if len(run) > 1 else '') for run, c in runs)"],
        "rail": ["    text = text[::2] + text[1::2]"],
        "swap": ["    text = ''.join(text[i:i + 2][::-1] for i in range(0, len(text), 2))",
                 f"    text = ''.join(chr((ord(c) - 97 + {shift}) % 26 + 97) for c in text)"],
    }[way]]  # fmt: skip
    decode = [*{
        "shift": [f"    code = ''.join(chr((ord(c) - 97 - {shift} - i) % 26 + 97) for i, c in enumerate(code))"],
        "runs": ["    code = ''.join(c * int(count or 1) for c, count in re.findall(r'([a-z])(\\d?)', code))"],
        "rail": ["    half = (len(code) + 1) // 2", "    letters = [''] * len(code)", "    letters[::2], letters[1::2] = code[:half], code[half:]", "    code = ''.join(letters)"],
        "swap": [f"    code = ''.join(chr((ord(c) - 97 - {shift}) % 26 + 97) for c in code)",
                 "    code = ''.join(code[i:i + 2][::-1] for i in range(0, len(code), 2))"],
    }[way], *(["    code = code[::-1]"] if flip else [])]  # fmt: skip
    made = "chr(97 + total % 26)" if modulus == 26 else f"str(total % {modulus})"
    helper = ["def _check(text):", f"    weights = {weights!r}",
              "    values = [int(c) if c.isdigit() else ord(c) - 96 for c in text]",
              "    total = sum(v * weights[i % len(weights)] for i, v in enumerate(values))", f"    return {made}", "", ""]  # fmt: skip
    head = [*(["import re", "", ""] if way == "runs" else []), *(helper if check else [])]
    if back:
        name, params = rng.choice(["decode", "read_code"]), "(code)"
        body = [*(["    code = code.replace('-', '')"] if group else []),
                *(["    code, last = code[:-1], code[-1:]", "    if _check(code) != last:", "        raise ValueError('wrong check sign')"] if check else []),
                *decode, "    return code"]  # fmt: skip
    else:
        name, params = rng.choice(["encode", "make_code"]), "(text)"
        body = [*encode, *(["    text += _check(text)"] if check else []),
                *([f"    text = '-'.join(text[i:i + {group}] for i in range(0, len(text), {group}))"] if group else []), "    return text"]  # fmt: skip

    def check_sign(text: str) -> str:
        total = 0
        for i, c in enumerate(text):
            total += (alphabet.index(c) + 1 if c in alphabet else int(c)) * weights[i % len(weights)]
        return alphabet[total % 26] if modulus == 26 else str(total % modulus)

    def forward(text: str) -> str:
        letters = list(reversed(text)) if flip else list(text)
        if way == "shift":
            letters = [alphabet[(alphabet.index(c) + shift + i) % 26] for i, c in enumerate(letters)]
        elif way == "rail":
            letters = [c for i, c in enumerate(letters) if not i % 2] + [c for i, c in enumerate(letters) if i % 2]
        elif way == "swap":
            for i in range(1, len(letters), 2):
                letters[i - 1], letters[i] = letters[i], letters[i - 1]
            letters = [alphabet[(alphabet.index(c) + shift) % 26] for c in letters]
        else:
            letters = re.findall(r".\d?", re.sub(r"(.)\1+", lambda m: m[1] + str(len(m[0])), "".join(letters)))
        code = "".join(letters)
        code += check_sign(code) if check else ""
        return re.sub(rf"(.{{{group}}})(?=.)", r"\1-", code) if group else code

    words = [
        "".join(rng.choice("abcdz") * rng.choice([1, 1, 2, 3]) for _ in range(rng.randint(1, 6))) for _ in range(24)
    ] + ["a", "zz", "abcdefgh"]
    cases: list[Case] = [(word,) for word in words]
    broken: set[str] = set()
    if back:
        cases = [(forward(word),) for word in words]
        if check:
            for word in words[:4]:
                code = forward(word)
                other = next(
                    s for s in ("abcdefghijklmnopqrstuvwxyz" if modulus == 26 else "0123456789") if s != code[-1]
                )
                broken.add(code[:-1] + other)
            cases += [(code,) for code in sorted(broken)]
    known = {forward(word): word for word in words}

    def truth(given: str) -> Any:
        if not back:
            return forward(given)
        if given in broken:
            raise ValueError
        return known[given]

    return Function(name, rng.choice(["codes", "cipher", "coding"]), f"a function that {'reads' if back else 'makes'} our codes", params,
                    "Read a code." if back else "Make the code of a text.", rules, "\n".join([*head, f"def {name}{params}:", "    DOC", *body]) + "\n",
                    cases, truth, {"way": way, "back": back, "modulus": modulus, "group": group, "flip": flip, "check": check})  # fmt: skip
