"""What the assistant states as a fact: every number, date, identifier, quotation and name in its own words must come
from the conversation, from a result, or from arithmetic on them.

Plain words are not looked at, except in "the <field> is <value>", where <field> is a field that a result showed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from rubrics.evidence import WORDS, Evidence, quote
from rubrics.normal import Text, flat_text, occurrences, phrase, squash
from rubrics.outcome import Finding
from rubrics.units import wrong_unit

_TOKEN = re.compile(r"[^\s\"'“”‘’()\[\]{}<>,;!?*`]+")
_QUOTED = re.compile(r"[\"“]([^\"”]{2,400})[\"”]|(?<!\w)'([^'\n]{3,200})'(?!\w)|`([^`\n]{2,200})`")
_ONE_CHARACTER = re.compile(r"`([^`\n])`")  # no quotation; else what stands between two of them would be one
_NAME = re.compile(r"(?:(?<=[\w,;)] )|(?<=Mr\. )|(?<=Ms\. )|(?<=Mrs\. )|(?<=Dr\. ))([A-Z][^\W\d_]+)")
_LIST_MARK = re.compile(r"(?m)^\s*\(?\d{1,2}[.)]\s")
_NUMBER = re.compile(
    r"(?<![\w.\-/:#@])-?[$€£¥]?\d+(?:,\d{3})*(?:\.\d+)?"
    r"(?=(%|st|nd|rd|th|ms|[kKmMgGtT][bBgm]?|[hsdx]|)(?![\w@/:]|\.\w|-\w))"
)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DATED = re.compile(  # the figures of dates are looked at as dates
    rf"\b{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{_MONTH}\.?(?:,? \d{{4}})?\b",
    re.IGNORECASE,
)
_COUNT_WORDS = {w: n for n, w in enumerate(
    ("three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"), 3)}  # fmt: skip
_COUNT_WORD = re.compile(rf"\b(?:{'|'.join(_COUNT_WORDS)})\b", re.IGNORECASE)
_COMMON = frozenset(WORDS["common_names"])
_IS = re.compile(r"\s(?:is|are|was|were) (?:now |currently |still )?(?:set to |listed as |marked as )?(.+)")
# what stands in front of the "is" of a clause that only says which one is meant: "the clip whose ID is CLP-7 has ..."
_RELATIVE = re.compile(r"\b(?:that|which|who|(?:whose|where|of which|for which)(?: [\w-]+){1,4})$")
_PASSIVE = re.compile(
    r"\b(?:was|were|has been|have been) (?:now |just |successfully )?"
    r"(?:\w+ed|sent|made|set|put|built|paid|taken|written|begun|shut|given|found|kept|split|cut)\b"
)
_OUTAGE = re.compile(r"^the (?:service|server|system|backend) (?:is|was) (?:busy|down|slow|overloaded|unavailable)\b")
_FILLER = frozenset(WORDS["filler"])
_WORD = re.compile(r"[^\W_]+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")
_KEY_SPLIT = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
TERMS = 40  # stated numbers that sums and differences are formed of


def stated_facts(ev: Evidence) -> Finding:
    """Each number, date, identifier, quotation and name that the assistant states was said or shown before, or follows
    from it by counting, adding or converting, or is what the goal wants told (a count of what a text lists, say)."""
    known = _Known(ev)
    wanted = {squash(str(t["value"])) for t in ev.need("goal").get("tell") or ()}
    looked = 0
    for i in ev.said():
        known.up_to(i)
        text = ev.texts[i]
        for fact in _facts(text):
            looked += 1
            if squash(fact[1]) in wanted:
                continue
            if not known.has(*fact, text) and not (fact[0] in ("name", "quote") and known.declared(fact[1])):
                return False, 0.0, f"message {i}: nothing before it says {quote(fact[1], 80)}"
        fault = known.unlike_its_field(text) or wrong_unit(text.raw, known.results, known.blob)
        if fault:
            return False, 0.0, f"message {i}: {fault}"
    return True, 1.0, f"{looked} stated facts, each said or shown before"


def _facts(text: Text) -> Iterator[tuple[str, str]]:
    """(sort, words as they stand) of what a text states."""
    raw = _ONE_CHARACTER.sub(r"\1", text.raw)
    for m in _QUOTED.finditer(raw):
        yield "quote", next(g for g in m.groups() if g)
    bare = _LIST_MARK.sub(" ", _QUOTED.sub(" ", raw))
    for token in _TOKEN.findall(bare):
        word = token.strip(".:-")
        if "@" in word or ("://" in word) or (len(word) > 3 and any(c.isdigit() for c in word) and _is_id(word)):
            yield "id", word
    for m in _NUMBER.finditer(_DATED.sub(" ", bare)):
        yield "number", m.group(0) + m.group(1)
    for m in _COUNT_WORD.finditer(bare):
        yield "count", m.group(0)
    for date in sorted(text.dates):
        yield "date", date
    for name in _NAME.findall(bare):
        if name.casefold() not in _COMMON:
            yield "name", name


def _is_id(word: str) -> bool:
    """A mixed token that is no amount, no time and no date in figures."""
    return any(c.isalpha() for c in word) and not re.fullmatch(
        r"[$€£¥]?[\d.,:]+(?:%|st|nd|rd|th|am|pm|ms|[kKmMgGtT]?[bBgmhsdxWC]|min|hrs?|h\d+m?|Z)|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?",
        word,
        re.IGNORECASE,
    )


class _Known:
    """What had been said and shown before a message; grows with the conversation."""

    def __init__(self, ev: Evidence) -> None:
        self._ev = ev
        self._at = 0
        self._texts: list[Text] = []
        self._parts: list[str] = []
        self.results: list[Any] = []
        self._calls = {c["id"]: c for c in ev.calls}
        self._counts: Counter[str] = Counter()
        self._fresh: Counter[str] = Counter()  # the same since the user spoke last: a report counts what it reports
        self.blob = ""
        self._arithmetic: set[float] | None = None

    def up_to(self, message: int) -> None:
        before = self._at
        for i in range(self._at, message):
            m = self._ev.messages[i]
            if m["role"] == "assistant":
                for call in m.get("tool_calls") or ():
                    record = self._calls.get(call["id"])
                    name = call["function"]["name"]
                    self._parts += [squash(name), squash(_KEY_SPLIT.sub(" ", name))]
                    if record is not None and record["ok"]:
                        sent = call["function"]["arguments"]
                        self._parts.append(squash(sent))
                        if "\\" in sent:  # code as it reads, without the escapes of JSON
                            self._parts.append(squash(flat_text(record["arguments"])))
                continue
            text = self._ev.results.get(i) or self._ev.texts[i]
            self._texts.append(text)
            self._parts.append(text.norm)
            if m["role"] == "user":
                self._fresh.clear()
            if m["role"] == "tool":
                record = self._calls.get(m["tool_call_id"])
                if record is not None:
                    self.results.append(record["result"])
                    what = ["calls", *(["tool " + record["name"], "ok " + record["effect"]] if record["ok"] else ())]
                    self._counts.update(what)
                    self._fresh.update(what)
        self._at = message
        if before != message:
            self.blob = "\n".join(self._parts)
            self._arithmetic = None
            self.__dict__.pop("_numbers", None)
            self.__dict__.pop("_fields", None)

    def declared(self, words: str) -> bool:
        """Whether the declarations of the offered tools hold the words: an assistant may speak of what it can do."""
        return _stands(squash(words), self._declarations)

    @cached_property
    def _declarations(self) -> str:
        shown = json.dumps(self._ev.get("tools", {}), ensure_ascii=False)
        return squash(_KEY_SPLIT.sub(" ", shown))

    def _is_day(self, value: float, text: Text) -> bool:
        """Whether the number is a day of the month, as in "the 29th", that some date names."""
        if not re.search(rf"\b{value:g}(?:st|nd|rd|th)\b", text.norm):
            return False
        return any(float(d[-2:]) == value for t in self._texts for d in t.dates)

    @cached_property
    def _numbers(self) -> set[float]:
        return {n for t in self._texts for n in t.numbers}

    def has(self, sort: str, words: str, text: Text) -> bool:
        if sort in ("number", "count"):
            return self._has_number(words, text)
        if sort == "date":
            return self._has_date(words)
        form = phrase(words)
        if not form or _stands(form, self.blob):
            return True
        if sort == "quote":
            pieces = [p for p in re.split(r"…|\.\.\.|\n", form) if p.strip()]
            return all(_stands(p.strip(" .!?;:,"), self.blob) for p in pieces) or _own_words(form)
        if sort == "id":
            if form in self.blob:
                return True
            return all(_stands(p, self.blob) for p in re.split(r"[/–—:=|]", form) if p)
        stem = form.removesuffix("'s")
        return stem in self.blob

    def _has_number(self, words: str, text: Text) -> bool:
        if words.casefold() in _COUNT_WORDS:
            value = float(_COUNT_WORDS[words.casefold()])
            if _stands(words.casefold(), self.blob):
                return True
        else:
            if not words[-1].isdigit() and _stands(squash(words), self.blob):  # with its unit: "5m"
                return True
            words = words.rstrip("%abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
            plain = words.lstrip("$€£¥").replace(",", "")
            value = float(plain.replace("$", "").replace("€", "").replace("£", "").replace("¥", ""))
        if value in self._numbers or self._is_day(value, text) or (value in (0, 1) and value == int(value)):
            return True
        if value in (*self._counts.values(), *self._fresh.values()) or self._is_derived(value, words):
            return True
        stated = sorted({n for n in text.numbers if n != value})[:TERMS]
        near = [n for n in stated if n in self._numbers]
        return any(value in (a + b, a - b, b - a, a * b) for a in near for b in near)

    def _is_derived(self, value: float, words: str) -> bool:
        if self._arithmetic is None:
            self._arithmetic = set(_arithmetic(self.results))
        digits = len(words.partition(".")[2])
        pool = self._arithmetic | self._numbers if digits else self._arithmetic
        if digits == 2 or words[:1] in "$€£¥":  # written in minor units, said in major ones
            pool = pool | {round(n / 100, 2) for n in (*self._numbers, *self._arithmetic)}
        elif value <= 100:  # shares said as per cent
            pool = pool | {round(n * 100, 6) for n in self._numbers if 0 < n < 1}
        return value in pool or any(round(n, digits) == value for n in pool if n != int(n))

    def _has_date(self, date: str) -> bool:
        tail = date[-5:]
        if any(date in t.dates or tail in t.dates or (len(date) == 5 and any(d.endswith(date) for d in t.dates))
               for t in self._texts):  # fmt: skip
            return True
        return date in self.blob or date.replace("-", " ") in self.blob

    def unlike_its_field(self, text: Text) -> str | None:
        """ "The <field> is <words>" where no result and nobody used these words."""
        if not any(w in text.norm for w in (" is ", " are ", " was ", " were ")):
            return None
        for raw in _SENTENCE.split(_QUOTED.sub(" ", text.raw)):  # quotations are looked at as such
            sentence = squash(raw)
            if raw.rstrip().endswith("?") or not sentence:
                continue
            found = _IS.search(sentence)
            while found is not None and _RELATIVE.search(sentence[: found.start()]):
                found = _IS.search(sentence, found.start() + 1)
            if found is None:
                continue
            if _PASSIVE.search(sentence):
                continue  # a deed, not a value: "was created"
            if _OUTAGE.search(sentence) and self._counts["calls"] > self._counts["ok read"] + self._counts["ok write"]:
                continue  # why a call failed, though some tool has a field "service"
            head, rest = sentence[: found.start()], found.group(1)
            words = set(_WORD.findall(head))
            if not any(f <= words for f in self._fields):
                continue
            if head.split()[0].endswith("ing") and frozenset(head.split()[:1]) not in self._fields:
                continue  # an activity: "setting the status is something I can do"
            first = re.split(r"[.,;:!?(]| and | but | which | with | for | on | of | because | as | so ", rest)[0]
            loose = [w for w in _WORD.findall(first) if w not in _FILLER and w.isalpha() and not self._near(w)]
            if loose:
                return f'nothing before it says "{loose[0]}" in {quote(raw, 120)}'
        return None

    @cached_property
    def _fields(self) -> set[frozenset[str]]:
        out: set[frozenset[str]] = set()
        for result in self.results:
            for key in _keys(result):
                out.add(frozenset(squash(_KEY_SPLIT.sub(" ", key)).split()))
        return {f for f in out if f and not f <= {"id", "name", "data", "error", "message", "success"}}

    def _near(self, word: str) -> bool:
        return word in self.blob or (len(word) > 4 and word[: max(4, len(word) - 3)] in self.blob)


def _stands(form: str, blob: str) -> bool:
    return next(occurrences(form, blob), None) is not None


def _own_words(form: str) -> bool:
    """A short quotation without figures may be a word that is spoken of, not a value."""
    return len(form.split()) == 1 and form.isalpha() and form in _FILLER


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for k, v in value.items():
            yield str(k)
            yield from _keys(v)
    elif isinstance(value, list):
        for v in value[:3]:
            yield from _keys(v)


def _arithmetic(results: list[Any]) -> Iterator[float]:
    """Lengths of lists, sums and means of their columns, how many rows share a value, and as many for text lists."""
    for value in results:
        yield from _of_lists(value)


def _of_lists(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for v in value.values():
            yield from _of_lists(v)
    elif isinstance(value, list):
        yield float(len(value))
        rows = [v for v in value if isinstance(v, dict)]
        for key in {k for r in rows for k in r}:
            column = [r[key] for r in rows if key in r]
            numbers = [float(v) for v in column if isinstance(v, int | float) and not isinstance(v, bool)]
            if numbers:
                yield sum(numbers)
                yield sum(numbers) / len(numbers)
                yield max(numbers) - min(numbers)
            plain = [v for v in column if isinstance(v, str | bool | int) or v is None]
            counts = Counter(map(repr, plain))
            for n in counts.values():
                yield float(n)
                yield float(len(rows) - n)
            yield float(len(counts))
        for v in value:
            yield from _of_lists(v)
