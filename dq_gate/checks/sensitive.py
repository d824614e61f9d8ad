r"""Finding what nobody should keep: kinds of sensitive text, searched for all at once, proved, and marked.

A `Kind` is an RE2 expression and the proofs that what it matched is genuine. One pass over a text, for the hints of all
kinds at once, tells which of them may be in it; only those are located. That pass costs next to nothing as long as a
usual text drives few hints far: a hint begins with something rare, or with `\b`, and counts no long repetitions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import re2

from dq_gate.checks.base import Compiled
from dq_gate.checks.patterns import SURROGATE, contains, engine_options, search_set, without_surrogates
from dq_gate.core.model import Finding
from dq_gate.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Proof = Callable[[str, int, int], bool]
"""Whether a match is genuine, from the text and the match's start and end."""

_Sought = tuple[str, Callable[[str], "Iterator[Any]"], tuple[Proof, ...]]

_CONTEXT = 60
"""Characters before and after a match in which a word may say what it is."""
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of sensitive text; several may share a name.

    Attributes:
        name: What options and findings call it.
        pattern: RE2 syntax. What a group takes is sensitive, or all of it where there is none.
        proofs: All of them must hold.
        hint: RE2 syntax; every text with a match also matches this, and it is cheaper to look for. None: the pattern.
    """

    name: str
    pattern: str
    proofs: tuple[Proof, ...] = ()
    hint: str | None = None


def value(is_valid: Callable[[str], bool]) -> Proof:
    """A proof that looks at the matched text alone."""
    return lambda text, start, end: is_valid(text[start:end])


def near(words: str) -> Proof:
    """A proof by context: one of the words, as an RE2 alternation in lower case, stands close by."""
    search = re2.compile(rf"(?i)(?:^|[^\pL\pN])(?:{words})(?:[^\pL\pN]|$)").search

    def is_near(text: str, start: int, end: int) -> bool:
        before, after = text[max(0, start - _CONTEXT) : start], text[end : end + _CONTEXT]
        return search(f"{before} \n {after}") is not None

    return is_near


def kind_names(kinds: Iterable[Kind]) -> list[str]:
    """The names of kinds, each once, in order."""
    return sorted({kind.name for kind in kinds})


def refuse_unknown(kinds: Iterable[Kind]) -> Callable[[list[str]], list[str]]:
    """A validator of an option that names some of the kinds."""
    names = kind_names(kinds)

    def check_names(chosen: list[str]) -> list[str]:
        for name in chosen:
            if name not in names:
                raise ValueError(f"unknown kind {name!r}{did_you_mean(name, names)}")
        return chosen

    return check_names


def compile_kinds(
    kinds: Sequence[Kind],
    message: str,
    *,
    allow: Sequence[str] = (),
    may_hold: Callable[[str], object] | None = None,
) -> Compiled:
    """A check that fails texts in which one of the kinds is found.

    Args:
        kinds: What to look for.
        message: Of the finding; `{}` stands for the kind.
        allow: Expressions; what one of them matches as a whole is let through.
        may_hold: A test that costs less than the search, and is true of every text with one of the kinds.
    """
    finder = _Finder(kinds, allow)
    findings = {kind.name: message.format(kind.name) for kind in kinds}

    def judge(text: str) -> Finding | None:
        hits = finder.search(text)
        if not hits:
            return None
        first = min(finder.locate(text, hits), default=None)
        return None if first is None else Finding(findings[first[2]], first[:2])

    guarded = without_surrogates(judge)
    if may_hold is not None:
        guarded = _only_if(may_hold, guarded)
    return Compiled(guarded, contains(finder.hints, ignore_case=False), redact=finder.redact)


def _only_if(
    may_hold: Callable[[str], object], judge: Callable[[str], Finding | None]
) -> Callable[[str], Finding | None]:
    return lambda text: judge(text) if may_hold(text) else None


class _Finder:
    """Where in a text the kinds are."""

    def __init__(self, kinds: Sequence[Kind], allow: Sequence[str]) -> None:
        sought: dict[str, list[_Sought]] = {}
        for kind in kinds:
            expression = re2.compile(kind.pattern, _options())
            sought.setdefault(kind.hint or kind.pattern, []).append((kind.name, expression.finditer, kind.proofs))
        self.hints = tuple(sought)
        self.search = search_set(self.hints, engine_options(ignore_case=False))
        self._sought = tuple(sought.values())
        self._allowed = [re2.compile(pattern, engine_options(ignore_case=False)).fullmatch for pattern in allow]

    def locate(self, text: str, hits: Iterable[int]) -> Iterator[tuple[int, int, str]]:
        """Start, end and kind of what is genuine, of the kinds whose hints were found."""
        for name, find, proofs in (sought for hit in hits for sought in self._sought[hit]):
            for match in find(text):
                start, end = match.span(match.lastindex or 0)
                if all(proof(text, start, end) for proof in proofs) and not self._is_allowed(text[start:end]):
                    yield start, end, name

    def _is_allowed(self, found: str) -> bool:
        return any(allowed(found) for allowed in self._allowed)

    def redact(self, text: str) -> str:
        """Replace what is found by the name of its kind; a text in which nothing is found is returned as it is.

        What a match had hidden may show once it is gone, so this repeats until nothing is found. A text that still
        holds something after a few rounds was made to, and is replaced as a whole.
        """
        redacted = SURROGATE.sub("\ufffd", text)
        for attempt in range(_ROUNDS):
            hits = self.search(redacted) or ()
            found = sorted(self.locate(redacted, hits), key=lambda place: (place[0], -place[1]))
            if not found:
                return redacted if attempt else text
            redacted = _replace(redacted, found)
        return "[redacted]"


def _replace(text: str, found: Iterable[tuple[int, int, str]]) -> str:
    """Mark each place; of places that overlap, the first one gives its name to all."""
    parts: list[str] = []
    position = 0
    for start, end, name in found:
        if start >= position:
            parts += text[position:start], f"[{name}]"
        position = max(position, end)
    return "".join([*parts, text[position:]])


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options
