"""Taking out of a failing input what nobody should keep, where it is not sealed.

Rules against secrets and personal data say what that is. A rule that found something has it taken out. What no rule
could look at - a value of another type, an unknown field, an input that was too large or no record at all - is searched
here, and masked when something is in it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from dq_gate.core.size import exceeds
from dq_gate.quarantine.codec import HEAD_BYTES, MAX_BYTES, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

MASK = "[masked]"
MAX_UNKNOWN = 32
"""Most unknown fields that are searched one by one, once something was found in them together."""
_MOST_BYTES = 4 * MAX_BYTES
"""A text that is cut to what can be kept has at most four bytes a character; what is larger is a list."""


@dataclass(frozen=True, slots=True)
class Redactor:
    """What a rule takes out of a field's values.

    Attributes:
        rule_id: The rule.
        redact: A value without what the rule finds; the value itself when that is nothing.
        reads: Whether a value is of the type that the rule judges.
    """

    rule_id: str
    redact: Callable[[Any], Any]
    reads: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Redactions:
    """What a pack's rules take out of inputs.

    Attributes:
        by_field: Redactors by every spelling of the fields that they are for.
        known: Every spelling of every field; what else an input holds is searched by all redactors.
        of_text: Each redactor for plain text.
    """

    by_field: Mapping[str, tuple[Redactor, ...]] = field(default_factory=dict)
    known: Collection[str] = ()
    of_text: tuple[Callable[[str], str], ...] = ()

    def redacted(self, record: Any, found: Collection[str]) -> tuple[Any, bool]:
        """An input without what nobody should keep, and whether that is all of it.

        Args:
            record: The input; it is never changed.
            found: Ids of the rules that found something.
        """
        if not self.of_text:
            return record, True
        try:
            return self._redacted(record, found) if isinstance(record, dict) else self._searched(record)
        except Exception:  # noqa: BLE001 - what cannot be searched cannot be kept
            return MASK, False

    def _redacted(self, record: dict[Any, Any], found: Collection[str]) -> tuple[dict[Any, Any], bool]:
        changes: dict[Any, Any] = {}
        for name in self.by_field.keys() & record.keys():
            value = self._without(record[name], self.by_field[name], found)
            if value is not record[name]:
                changes[name] = value
        kept, is_whole = self._search_unknown(record | changes if changes else record)
        return kept, is_whole and not changes

    def _without(self, value: Any, redactors: tuple[Redactor, ...], found: Collection[str]) -> Any:
        """A field's value without what its redactors take out; the same object when that is nothing.

        A secret may show only once the value is repaired: where a rule found something and its redactor takes out
        nothing, the value has to go as a whole.
        """
        redacted = cut = _cut(value)
        try:
            for redactor in redactors:
                if not redactor.reads(redacted):
                    return MASK if self._holds_something(value) else value
                if exceeds(redacted, _MOST_BYTES):
                    return MASK
                before, redacted = redacted, redactor.redact(redacted)
                if redactor.rule_id in found and redacted == before:
                    return MASK
        except Exception:  # noqa: BLE001 - what cannot be redacted cannot be kept
            return MASK
        return value if redacted == cut else _ended(value, redacted)

    def _search_unknown(self, record: dict[Any, Any]) -> tuple[dict[Any, Any], bool]:
        """The record with the unknown fields masked in which something is found."""
        unknown = {name: value for name, value in record.items() if name not in self.known}
        if not unknown or not self._holds_something(unknown):
            return record, True
        if len(unknown) == 1 or len(unknown) > MAX_UNKNOWN:
            bad = set(unknown)
        else:
            bad = {name for name, value in unknown.items() if self._holds_something({name: value})} or set(unknown)
        kept = {name: value for name, value in record.items() if name not in bad}
        for name in bad:
            kept[MASK if len(bad) > MAX_UNKNOWN or self._holds_something(name) else name] = MASK
        return kept, False

    def _searched(self, value: Any) -> tuple[Any, bool]:
        """An input that is no record, masked when something is found in it."""
        if isinstance(value, str):
            text = cut = _cut(value)
            for redact in self.of_text:
                text = redact(text)
            return (value, True) if text == cut else (_ended(value, text), False)
        return (MASK, False) if self._holds_something(value) else (value, True)

    def _holds_something(self, value: Any) -> bool:
        """Whether any redactor finds something in what would be stored of a value, or there is too much to tell."""
        document = orjson.loads(encode(value).payload)
        if "value" not in document:
            return True
        text = "\n".join(_texts(document["value"]))
        return any(redact(text) != text for redact in self.of_text)


def _cut(value: Any) -> Any:
    """As much of a text as can be kept."""
    return str.__getitem__(value, slice(MAX_BYTES + 1)) if isinstance(value, str) else value


def _ended(value: Any, redacted: Any) -> Any:
    """A redacted value, without the end of a text that was cut: half a secret may stand there."""
    return redacted[:HEAD_BYTES] + MASK if isinstance(value, str) and len(value) > MAX_BYTES else redacted


def _texts(node: Any) -> Iterator[str]:
    """Every piece of text in tagged JSON, numbers and bytes among them; a name also together with its text."""
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            stack += item
            match item:
                case [str() as name, str() as text]:  # such as a header
                    yield f"{name}='{text}'"
        elif isinstance(item, dict):
            for key, value in item.items():
                yield from _named(key, value)
                stack.append(value)
        elif item is not None:
            yield str(item)


def _named(key: str, value: Any) -> Iterator[str]:
    """A member's name with its text; of a tagged value, the text that its tag hides."""
    if key == "$bytes":
        yield base64.b64decode(value).decode("utf-8", "replace")
    elif key == "$str":
        yield value.encode("ascii").decode("unicode_escape")
    elif key == "$int":
        yield str(int(value, 16))
    elif not key.startswith("$"):
        yield f"{key}='{value}'" if isinstance(value, str) else key
