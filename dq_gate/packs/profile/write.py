"""The pack as YAML: comments say what was seen, long lists go to files beside it."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dq_gate.packs.profile.rules import Candidate
    from dq_gate.packs.profile.sample import Column, Sample

_WIDTH = 120
_MAX_VALUES = 40_000
_MAX_CHARACTERS = 3_000_000
"""Of all rules: packs may have a quarter more."""
_VALUE_ENDS = re.compile(r"[,:\[{\n]")
_SHORT = 40
"""Items of a list up to this long share lines."""
_FEWEST_TO_REQUIRE = 20
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?: [A-Za-z0-9_-]+)*\Z")
_NOT_PLAIN = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""Words that a YAML reader may take for something else."""
_HEAD = """\
Written by `dq-gate rules profile` from {source}: {rows}.
Everything in that file was taken to be good. Read the rules, sharpen or drop them, and give the pack your own words:
where a `why` says how often a new value is expected, so much good input will be refused until it is added.
{values}"""
_INLINE_VALUES = "Lists and references hold values of the sample: keep the pack where the data may be kept."
_FILED_VALUES = "Lists, and the files in {folder}/, hold values of the sample: keep them where the data may be kept."


@dataclass(frozen=True, slots=True)
class PackText:
    """A pack as text.

    Attributes:
        yaml: The pack.
        files: Content of the files beside it, by name relative to it.
        fields: How many it has.
        rules: How many it has.
        left_out: Ids of rules that need a file, and could have none.
    """

    yaml: str
    files: dict[str, str]
    fields: int
    rules: int
    left_out: tuple[str, ...]


def write_pack(
    sample: Sample, columns: Sequence[Column], rules: Sequence[Candidate], *, name: str, source: str, folder: str | None
) -> PackText:
    """Write the rules down; see `profile`."""
    texts = _texts(rules, folder)
    kept = [rule for rule in rules if rule.id in texts]
    files = {f"{folder}/{rule.attachment.name}": rule.attachment.content for rule in kept if rule.attachment}
    head = _HEAD.format(
        source=source,
        rows=f"{sample.total} records"
        if len(sample.rows) == sample.total
        else f"{len(sample.rows)} of {sample.total} records, evenly spread",
        values=_INLINE_VALUES if folder is None else _FILED_VALUES.format(folder=folder),
    )
    lines = [
        *(f"# {line}" for line in head.splitlines()),
        f"pack: {name}",
        "version: 1",
        "",
        "fields:",
        *(line for column in columns for line in _field(column)),
        "",
        "rules:",
        "\n\n".join(texts.values()) if texts else "  []",
    ]
    return PackText(
        "\n".join(lines) + "\n",
        {} if folder is None else files,
        len(columns),
        len(kept),
        tuple(rule.id for rule in rules if rule.id not in texts),
    )


def _texts(rules: Sequence[Candidate], folder: str | None) -> dict[str, str]:
    """Each rule as YAML by its id, unless it would need a file, or make the pack too large to be loaded."""
    texts: dict[str, str] = {}
    values = characters = 0
    for rule in rules:
        if folder is None and rule.attachment and rule.attachment.inline is None:
            continue
        text = "\n".join(_rule(rule, folder))
        values += len(_VALUE_ENDS.findall(text))
        characters += len(text)
        if values <= _MAX_VALUES and characters <= _MAX_CHARACTERS:
            texts[rule.id] = text
    return texts


def _field(column: Column) -> Iterator[str]:
    rows = len(column.values)
    is_required = not column.nulls and rows >= _FEWEST_TO_REQUIRE
    options: dict[str, Any] = {"type": column.type}
    if not is_required:
        options["required"] = False
    if column.name != column.source:
        options["aliases"] = [column.source]
    yield f"  {_scalar(column.name)}: {_flow(options)} # {_seen(column)}"


def _seen(column: Column) -> str:
    if not column.present:
        return "no values"
    filled = f"{column.nulls} of {len(column.values)} without a value" if column.nulls else "always there"
    if column.type == "any" or not column.counts:
        return filled
    return f"{filled}, {'all' if column.is_unique else len(column.counts)} distinct"


def _rule(rule: Candidate, folder: str | None) -> Iterator[str]:
    options = dict(rule.options)
    if rule.attachment and folder is not None:
        options[rule.attachment.option] = f"{folder}/{rule.attachment.name}"
    elif rule.attachment:
        options |= rule.attachment.inline or {}
    yield f"  - id: {rule.id}"
    if rule.field is not None:
        yield f"    field: {_scalar(rule.field)}"
    yield f"    check: {rule.check}"
    for key, value in options.items():
        yield from _entry(key, value, indent=4)
    if rule.warns:
        yield "    on_fail: warn"
    yield from _why(rule.why)
    if rule.passing or rule.failing:
        yield "    examples:"
        examples = {"pass": rule.passing, "fail": rule.failing}
        for key, values in examples.items():
            if values:
                yield from _entry(key, list(values), indent=6)


def _why(why: str) -> Iterator[str]:
    if len(why) + len("    why: ") <= _WIDTH and not re.search(r": | #", why) and why[0].isalnum():
        yield f"    why: {why}"
        return
    yield "    why: >-"
    yield from textwrap.wrap(why, _WIDTH, initial_indent="      ", subsequent_indent="      ", break_on_hyphens=False)


def _entry(key: str, value: Any, *, indent: int) -> Iterator[str]:
    """A key and its value: on one line, or where that is too long, an item a line."""
    start = f"{' ' * indent}{_scalar(key)}:"
    if not isinstance(value, (list, dict)) or len(start) + len(_flow(value)) < _WIDTH or not value:
        yield f"{start} {_flow(value)}"
        return
    yield start
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _entry(name, item, indent=indent + 2)
    elif all(len(_flow(item)) <= _SHORT for item in value):
        yield from (f"{' ' * (indent + 2)}{line}" for line in _packed(value, _WIDTH - indent - 2))
    else:
        yield from (f"{' ' * (indent + 2)}- {_flow(item)}" for item in value)


def _packed(values: list[Any], width: int) -> Iterator[str]:
    """A list with as many items on a line as fit."""
    line = "["
    for number, value in enumerate(values, start=1):
        item = _flow(value) + ("]" if number == len(values) else ",")
        if len(line) + 1 + len(item) > width:
            yield line
            line = f" {item}"
        else:
            line += item if line == "[" else f" {item}"
    yield line


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """A value as every YAML reader takes it for itself."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if not isinstance(value, str):
        return repr(value)
    if _PLAIN.match(value) and value.lower() not in _NOT_PLAIN and len(value) <= _WIDTH:
        return value
    if "\\" in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    return f"\\U{ord(character):08x}" if ord(character) > 0xFFFF else f"\\u{ord(character):04x}"  # noqa: PLR2004
