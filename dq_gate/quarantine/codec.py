r"""Records as tagged JSON and back: what is stored is what came in, types included, or says that it is not.

    {"v":1,"value":{"query":"…","since":{"$date":"2024-05-01"}}}        the value
    {"v":1,"head":"{\"query\":\"…","bytes":262145,"sha256":"…"}         too large: its beginning
    {"v":1,"erased":true}                                               nothing: its subject's data was erased

JSON's own types stand for themselves. An object whose first key begins with "$" is a tag; a dict that might
be taken for one, or whose keys are not all text, is written as a list of pairs under "$dict". Subclasses of
builtin types are written as that builtin. No method of a foreign object is called: none can raise or lie.
"""

from __future__ import annotations

import base64
import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timezone
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from dq_gate.errors import UnreadableEntryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VERSION = 1
MAX_BYTES = 256 * 1024
"""Longest text of a value that is kept whole."""
HEAD_BYTES = 64 * 1024
MAX_DEPTH = 64
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A value as stored.

    Attributes:
        payload: Tagged JSON, UTF-8.
        complete: Whether `decode` gives the value back; False when something is cut or opaque.
    """

    payload: bytes
    complete: bool


@dataclass(frozen=True, slots=True)
class Opaque:
    """Stands where a value could not be kept: its type has no stored form, or it lay too deep or in itself.

    Attributes:
        type: The type's name.
    """

    type: str


@dataclass(frozen=True, slots=True)
class Head:
    """Stands for a value that was too large.

    Attributes:
        text: The first 64 KiB of its JSON.
        bytes: How much of the JSON was read, in bytes; the value may be longer still.
        sha256: Digest of what was read, hexadecimal.
    """

    text: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Erased:
    """Stands for a value that was erased on its subject's behalf."""


def encode(value: Any) -> Encoded:
    """Write a value as tagged JSON. Never raises; time and memory are bounded by `MAX_BYTES`."""
    writer = _Writer()
    try:
        writer.write(value)
    except _FullError:
        return Encoded(_head(b"".join(writer.parts)), complete=False)
    except Exception:  # noqa: BLE001 - a caller's stack may be nearly used up, a container change meanwhile
        return Encoded(b'{"v":%d,"value":%b}' % (VERSION, _opaque(value)), complete=False)
    return Encoded(b'{"v":%d,"value":%b}' % (VERSION, b"".join(writer.parts)), writer.complete)


def decode(payload: bytes) -> Any:
    """Read what `encode` wrote; `Opaque`, `Head` and `Erased` stand for what was not kept.

    Raises:
        UnreadableEntryError: the payload is damaged, or of a version this release does not know.
    """
    document = parse(payload)
    with refusing_damage():
        if "value" in document:
            return read_tagged(document["value"])
        return Erased() if document.get("erased") else _read_head(document)


def parse(payload: bytes) -> dict[str, Any]:
    """A payload's JSON, its values still tagged.

    Raises:
        UnreadableEntryError: the payload is damaged, or of a version this release does not know.
    """
    with refusing_damage():
        document: dict[str, Any] = orjson.loads(payload)
        if document["v"] == VERSION:
            return document
    raise UnreadableEntryError(f"a stored payload is not of format {VERSION}; read it with the release that wrote it")


@contextmanager
def refusing_damage() -> Iterator[None]:
    """Turn what a damaged payload makes fail into `UnreadableEntryError`."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        # The exception's own text may quote what is stored.
        raise UnreadableEntryError(f"a stored payload is damaged ({type(error).__name__})") from None


class _FullError(Exception):
    """The text has grown past `MAX_BYTES`."""


class _Writer:
    """Writes one value as pieces of JSON text, and stops when there is too much of it."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.complete = True
        self._size = 0
        self._open: set[int] = set()

    def write(self, value: Any) -> None:
        kind = _kind(type(value))
        if kind in _SCALARS:
            self._scalar(_SCALARS[kind], value)
        elif kind is None or id(value) in self._open or len(self._open) == MAX_DEPTH:
            self._cannot(value)
        else:
            self._open.add(id(value))
            _CONTAINERS[kind](self, value)
            self._open.remove(id(value))

    def put(self, text: bytes) -> None:
        self.parts.append(text)
        self._size += len(text)
        if self._size > MAX_BYTES:
            raise _FullError

    def _scalar(self, to_json: Callable[[Any], bytes | None], value: Any) -> None:
        try:
            text = to_json(value)
        except Exception:  # noqa: BLE001 - an object made past its constructor may lack anything
            text = None
        if text is None:
            self._cannot(value)
        else:
            self.put(text)

    def _cannot(self, value: Any) -> None:
        self.complete = False
        self.put(_opaque(value))

    def items(self, items: Iterator[Any]) -> None:
        separator = b"["
        # Each item takes two bytes at least, so more than this cannot fit. Copied in one go, against changes.
        for item in list(islice(items, MAX_BYTES // 2 + 1)):
            self.put(separator)
            self.write(item)
            separator = b","
        self.put(b"[]" if separator == b"[" else b"]")

    def tagged_items(self, tag: bytes, items: Iterator[Any]) -> None:
        self.put(b'{"$%b":' % tag)
        self.items(items)
        self.put(b"}")

    def mapping(self, value: dict[Any, Any]) -> None:
        pairs = list(islice(dict.items(value), MAX_BYTES // 2 + 1))
        if not all(_is_plain_key(key) for key, _ in pairs):
            self.tagged_items(b"dict", map(list, pairs))
            return
        separator = b"{"
        for key, item in pairs:
            self.put(separator)
            self.write(key)
            self.put(b":")
            self.write(item)
            separator = b","
        self.put(b"{}" if separator == b"{" else b"}")


def _kind(of: type) -> type | None:
    """The builtin type that values of a type are written as; None when there is none."""
    if of in _SCALARS or of in _CONTAINERS:
        return of
    return next((base for base in _BASES if issubclass(of, base)), None)


def _is_plain_key(key: Any) -> bool:
    if not issubclass(type(key), str) or str.startswith(key, "$"):
        return False
    try:
        str.encode(key)
    except UnicodeEncodeError:
        return False
    return True


def _str(value: str) -> bytes:
    # One character more than fits: enough to be found too large, without encoding all of it.
    text = str.__getitem__(value, slice(MAX_BYTES + 1))
    try:
        return orjson.dumps(text)
    except TypeError:  # a lone surrogate
        return b'{"$str":%b}' % orjson.dumps(text.encode("unicode_escape").decode("ascii"))


def _int(value: int) -> bytes:
    number = int.__int__(value)
    # Decimal text of a huge number takes quadratic time, and Python refuses to read it back.
    return b"%d" % number if number in _INT64 else b'{"$int":"%b"}' % hex(number).encode()


def _float(value: float) -> bytes:
    number = float.__float__(value)
    text = float.__repr__(number).encode()
    return text if text[-1:].isdigit() else b'{"$float":"%b"}' % text


def _bytes(value: bytes) -> bytes:
    return b'{"$bytes":"%b"}' % base64.b64encode(bytes.__getitem__(value, slice(MAX_BYTES + 1)))


def _moment(tag: str) -> Callable[[Any], bytes | None]:
    def to_json(value: datetime | time) -> bytes | None:
        zone = value.tzinfo
        name = zone.key if type(zone) is ZoneInfo else None
        if not (zone is None or name is not None or type(zone) is timezone):
            return None
        node: dict[str, Any] = {tag: value.isoformat()}
        if name is not None:
            node["zone"] = name
        if value.fold:
            node["fold"] = value.fold
        return orjson.dumps(node)

    return to_json


def _opaque(value: Any) -> bytes:
    try:
        name = type(value).__name__[:100]
        return orjson.dumps({"$opaque": name})
    except Exception:  # noqa: BLE001 - a metaclass may answer with anything
        return b'{"$opaque":"object"}'


def _head(text: bytes) -> bytes:
    head = text[:HEAD_BYTES].decode("utf-8", "ignore")
    digest = hashlib.sha256(text).hexdigest()
    return orjson.dumps({"v": VERSION, "head": head, "bytes": len(text), "sha256": digest})


_SCALARS: dict[type, Callable[[Any], bytes | None]] = {
    str: _str,
    bool: lambda value: b"true" if value else b"false",
    type(None): lambda _: b"null",
    int: _int,
    float: _float,
    bytes: _bytes,
    datetime: _moment("$datetime"),
    date: lambda value: b'{"$date":"%b"}' % value.isoformat().encode(),
    time: _moment("$time"),
    Decimal: lambda value: b'{"$decimal":"%b"}' % str(value).encode(),
    UUID: lambda value: b'{"$uuid":"%b"}' % value.hex.encode(),
}
"""Written as one piece; None means that this value of the type cannot be kept."""

_CONTAINERS: dict[type, Callable[[_Writer, Any], None]] = {
    dict: _Writer.mapping,
    list: lambda writer, value: writer.items(list.__iter__(value)),
    tuple: lambda writer, value: writer.tagged_items(b"tuple", tuple.__iter__(value)),
    set: lambda writer, value: writer.tagged_items(b"set", set.__iter__(value)),
    frozenset: lambda writer, value: writer.tagged_items(b"frozenset", frozenset.__iter__(value)),
}

_BASES: tuple[type, ...] = (str, dict, list, tuple, int, float, bytes, set, frozenset)
"""Builtins whose subclasses are written as they are. Not datetime: pandas' NaT is one, and is no moment."""


def read_tagged(node: Any) -> Any:
    """The value that tagged JSON stands for."""
    if type(node) is list:
        return [read_tagged(item) for item in node]
    if type(node) is not dict:
        return node
    tag = next(iter(node), "")
    if tag.startswith("$"):
        return _TAGS[tag](node[tag], node)
    return {key: read_tagged(item) for key, item in node.items()}


def _read_head(document: dict[str, Any]) -> Head:
    return Head(document["head"], document["bytes"], document["sha256"])


def _read_moment(kind: type[datetime | time]) -> Callable[[Any, Any], datetime | time]:
    def read(text: str, node: dict[str, Any]) -> datetime | time:
        moment = kind.fromisoformat(text).replace(fold=node.get("fold", 0))
        zone = _zone(node["zone"]) if "zone" in node else None
        return moment if zone is None else moment.replace(tzinfo=zone)

    return read


def _zone(key: str) -> ZoneInfo | None:
    """The time zone, or None where this machine does not know it: the offset that was written then stands."""
    try:
        return ZoneInfo(key)
    except (LookupError, ValueError, OSError):
        return None


def _hashable(value: Any) -> Any:
    """The value, or its stand-in when it was a hashable subclass of a container that is not."""
    try:
        hash(value)
    except TypeError:
        return Opaque(type(value).__name__)
    return value


_TAGS: dict[str, Callable[[Any, Any], Any]] = {
    "$str": lambda text, _: text.encode("ascii").decode("unicode_escape"),
    "$int": lambda text, _: int(text, 16),
    "$float": lambda text, _: float(text),
    "$bytes": lambda text, _: base64.b64decode(text, validate=True),
    "$datetime": _read_moment(datetime),
    "$date": lambda text, _: date.fromisoformat(text),
    "$time": _read_moment(time),
    "$decimal": lambda text, _: Decimal(text),
    "$uuid": lambda text, _: UUID(hex=text),
    "$tuple": lambda items, _: tuple(read_tagged(item) for item in items),
    "$set": lambda items, _: {_hashable(read_tagged(item)) for item in items},
    "$frozenset": lambda items, _: frozenset(_hashable(read_tagged(item)) for item in items),
    "$dict": lambda pairs, _: {_hashable(read_tagged(key)): read_tagged(item) for key, item in pairs},
    "$opaque": lambda name, _: Opaque(name),
}
