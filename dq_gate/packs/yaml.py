"""YAML as packs use it: the 1.2 core schema, with a line for every node and none of YAML's traps.

Only `true` and `false` are booleans. Dates, octal, hexadecimal and sexagesimal numbers are strings. A duplicate key, a
tag, a key that is no plain text, a document that refers to itself or that aliases blow up is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from dq_gate.errors import PackError

if TYPE_CHECKING:
    from pathlib import Path

MAX_NODES = 50_000
MAX_DEPTH = 32
MAX_BYTES = 4 * 1024 * 1024

_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_SPECIAL: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "false": False,
    ".inf": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan"),
}  # fmt: skip
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq"))
_QUOTED = frozenset("'\"|>")
_MAX_INT_DIGITS = 38
"""As many as fit 128 bits, the widest a column of a frame can be compared with; longer ones are text."""

Path_ = tuple[str | int, ...]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C loader where it was built
    """A loader that resolves nothing by itself, so that any tag other than the plain ones was written out."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own protocol


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: plain data, and where each part of it stands."""

    value: Any
    lines: dict[Path_, int]

    def line(self, *keys: str | int) -> int:
        """The 1-based line of the node at a path, or of its nearest existing parent."""
        path: Path_ = keys
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_yaml(path: Path) -> Document:
    """Read and parse a file.

    Raises:
        PackError: it cannot be read, is not UTF-8, too large, or not YAML as packs use it.
    """
    return load_yaml(decode_utf8(read_file(path), path=path), path=path)


def read_file(path: Path) -> bytes:
    """A file's bytes.

    Raises:
        PackError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise PackError(f"cannot be read: {error.strerror or type(error).__name__}", path=path) from None


def decode_utf8(raw: bytes, *, path: Path | str) -> str:
    """Decode a file's bytes, or say in which line they are not UTF-8."""
    if len(raw) > MAX_BYTES:
        raise PackError(f"is larger than {MAX_BYTES // 1024**2} MiB", path=path)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise PackError("is not UTF-8; save the file as UTF-8", path=path, line=line) from None


def load_yaml(text: str, *, path: Path | str) -> Document:
    """Parse YAML text.

    Args:
        text: One document.
        path: Where it came from, for errors.

    Raises:
        PackError: with file and line.
    """
    try:
        _check_depth(text, path)
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise PackError(f"is not valid YAML: {error.problem or error.context}", path=path, line=line) from None
    except yaml.reader.ReaderError as error:
        line = text.encode().count(b"\n", 0, error.position) + 1
        raise PackError(f"is not valid YAML: {error.reason}", path=path, line=line) from None
    builder = _Builder(path)
    value = builder.build(root, ()) if root is not None else None
    return Document(value, builder.lines)


def _check_depth(text: str, path: Path | str) -> None:
    """Refuse deep nesting event by event: composing it recurses in C, until the process dies."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            mark = event.start_mark
            raise PackError(f"nests deeper than {MAX_DEPTH} levels", path=path, line=mark.line + 1 if mark else None)


class _Builder:
    """Turns nodes into plain data, remembering lines and counting what aliases unfold to."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        self.lines: dict[Path_, int] = {}
        self.nodes = 0

    def build(self, node: yaml.Node, at: Path_) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.error(node, f"unfolds to more than {MAX_NODES} values; use fewer aliases")
        if len(at) > MAX_DEPTH:
            raise self.error(node, f"nests deeper than {MAX_DEPTH} levels, or refers to itself")
        if node.tag not in _PLAIN_TAGS:
            raise self.error(node, "carries a tag; tags are not allowed")
        self.lines.setdefault(at, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, at)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*at, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return _scalar(str(node.value), node.style)

    def mapping(self, node: yaml.MappingNode, at: Path_) -> dict[str, Any]:
        result: dict[str, Any] = {}
        first_line: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag not in _PLAIN_TAGS:
                raise self.error(key_node, "has a key that is not plain text")
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if key in first_line:
                raise self.error(key_node, f"repeats the key {key!r} of line {first_line[key]}")
            first_line[key] = self.lines[(*at, key)] = line
            result[key] = self.build(value_node, (*at, key))
        return result

    def error(self, node: yaml.Node, reason: str) -> PackError:
        return PackError(reason, path=self.path, line=node.start_mark.line + 1)


def _scalar(text: str, style: str | None) -> Any:
    if style in _QUOTED:
        return text
    if text in _SPECIAL:
        return _SPECIAL[text]
    if _INT.match(text):
        return int(text) if len(text) <= _MAX_INT_DIGITS else text
    if _FLOAT.match(text):
        return float(text)
    return text
