"""How texts are written, as regular expressions: runs of digits, words, and the marks between them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_RUN = re.compile(r"[0-9]+|[^\W\d_]+|.", re.DOTALL)
_MAX_RUNS = 24
_MAX_SHAPES = 12
_CLASSES = {"digits": "[0-9]", "upper": "[A-Z]", "lower": "[a-z]", "mixed": "[A-Za-z]", "letters": r"\pL"}
_CAPITALIZED = "[A-Z][a-z]"
_EXAMPLE = {"digits": "1", "upper": "A", "lower": "a", "mixed": "a", "letters": "a"}
_MAX_MARKS = 12
_SPECIAL = frozenset(r"\.+*?()|[]{}^$-")
"""Characters that mean something in RE2, within brackets or without."""
_LONGEST_COUNTED = 12
_FEWEST_ALIKE = 10
"""Runs that are all the same in fewer texts than this may be so by chance."""
_LEAST_LONGEST = 0.05
"""The share of numbers that are as long as any, for longer ones to be unheard of."""
_PARTNERS = {"(": ")", "[": "]", "{": "}", "<": ">"}

Shape = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression that all texts of a sample match.

    Attributes:
        expression: In RE2 syntax, anchored.
        unlike: Texts that it would not match, had it been made without them.
        example: A text of our own that it matches.
        shapes: How many ways of writing it knows; 0 if it only knows the characters.
    """

    expression: str
    unlike: frozenset[str]
    example: str
    shapes: int


def patterns(counts: Mapping[str, int]) -> Iterable[Pattern]:
    """Expressions for texts, the narrowest first.

    Args:
        counts: Texts, and how often each comes.
    """
    if by_runs := _by_runs(counts):
        yield by_runs
    if by_characters := _by_characters(counts):
        yield by_characters


def _by_runs(counts: Mapping[str, int]) -> Pattern | None:
    texts: dict[Shape, list[str]] = defaultdict(list)
    for text in counts:
        runs = _RUN.findall(text)
        if not runs or len(runs) > _MAX_RUNS:
            return None
        texts[tuple(map(_kind, runs))].append(text)
        if len(texts) > _MAX_SHAPES:
            return None
    ordered = sorted(texts, key=lambda shape: (-sum(counts[text] for text in texts[shape]), shape))
    forms = [_form(shape, texts[shape], counts) for shape in ordered]
    body = "|".join(expression for expression, _, _ in forms)
    unlike = frozenset(text for _, rare, _ in forms for text in rare)
    return Pattern(f"^{body}$" if len(forms) == 1 else f"^(?:{body})$", unlike, forms[0][2], len(forms))


def _kind(run: str) -> str:
    if run.isdecimal() and run.isascii():
        return "digits"
    if not run[0].isalpha():
        return run
    if not run.isascii():
        return "letters"
    if run.isupper():
        return "upper"
    if run.islower():
        return "lower"
    return "capitalized" if run[1:].islower() else "mixed"


def _form(shape: Shape, texts: list[str], counts: Mapping[str, int]) -> tuple[str, frozenset[str], str]:
    """The expression of one shape, the texts that it hangs on, and an example."""
    total = sum(counts[text] for text in texts)
    rare = set(texts) if total == 1 else set()
    parts, example = [], []
    for kind, column in zip(shape, zip(*map(_RUN.findall, texts), strict=True), strict=True):
        if kind not in _EXAMPLE and kind != "capitalized":
            parts.append(escape(kind))
            example.append(kind)
            continue
        runs: Counter[str] = Counter()
        for run, text in zip(column, texts, strict=True):
            runs[run] += counts[text]
        expression, shown = _run(kind, runs, total)
        parts.append(expression)
        example.append(shown)
    return "".join(parts), frozenset(rare), "".join(example)


def _run(kind: str, runs: Counter[str], total: int) -> tuple[str, str]:
    """What the runs at one place of a shape have in common, and a run like them."""
    if len(runs) == 1 and total >= _FEWEST_ALIKE and kind != "digits":  # numbers, such as years, move on
        (run,) = runs
        return escape(run), run
    lengths: Counter[int] = Counter()
    for run, count in runs.items():
        lengths[len(run)] += count
    low, high = min(lengths), max(lengths)
    if kind == "capitalized":
        return f"{_CAPITALIZED}*", "A" + "a" * (low - 1)
    shown = _EXAMPLE[kind] * low
    is_number = kind == "digits" and low < high
    if total < _FEWEST_ALIKE or high > _LONGEST_COUNTED or not (is_number or low == high):
        return f"{_CLASSES[kind]}+", shown
    if is_number:  # numbers that grow are written with one digit more, and may be small
        high += lengths[high] < _LEAST_LONGEST * total
        return f"{_CLASSES[kind]}{{1,{high}}}", shown
    return _CLASSES[kind] + ("" if high == 1 else f"{{{high}}}"), shown


def _by_characters(counts: Mapping[str, int]) -> Pattern | None:
    """The characters that come, behind what all texts begin with."""
    prefix = _common_prefix(counts)
    rests = {text: text[len(prefix) :] for text in counts}
    used = {text: frozenset(map(_class, rest)) for text, rest in rests.items()}
    rows: Counter[str] = Counter()
    for text, classes in used.items():
        for name in classes:
            rows[name] += counts[text]
    marks = sorted({mark for name in rows if name not in _CLASSES for mark in (name, _PARTNERS.get(name, name))})
    if not rows or len(marks) > _MAX_MARKS or any(not mark.isprintable() for mark in marks):
        return None
    unlike = frozenset(text for text, classes in used.items() if any(rows[name] == 1 for name in classes))
    inside = "".join(_CLASSES[name].strip("[]") for name in ("digits", "upper", "lower", "letters") if name in rows)
    lengths = Counter[int]()
    for text, rest in rests.items():
        lengths[len(rest)] += counts[text]
    times = f"{{{next(iter(lengths))}}}" if len(lengths) == 1 and 0 < max(lengths) <= 1000 else "*"  # noqa: PLR2004
    expression = f"^{escape(prefix)}[{inside}{''.join(map(escape, marks))}]{times}$"
    return Pattern(expression, unlike, prefix + _example_of(rows, max(lengths, key=lambda n: (lengths[n], n))), 0)


def _class(character: str) -> str:
    if "0" <= character <= "9":
        return "digits"
    if "A" <= character <= "Z":
        return "upper"
    if "a" <= character <= "z":
        return "lower"
    return "letters" if character.isalpha() else character


def _example_of(rows: Mapping[str, int], length: int) -> str:
    kind = next((name for name in ("lower", "upper", "digits", "letters") if name in rows), None)
    return (_EXAMPLE[kind] if kind else min(rows)) * length


def _common_prefix(texts: Iterable[str]) -> str:
    """What all texts begin with, up to the last mark in it; nothing where that is short."""
    low, high = min(texts), max(texts)
    shared = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    prefix = low[:shared].rstrip("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return prefix if len(prefix) > 2 and prefix.isprintable() else ""  # noqa: PLR2004


def escape(text: str) -> str:
    """Text as an RE2 expression that matches it alone."""
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in text)
