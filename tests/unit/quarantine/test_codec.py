"""Records as tagged JSON: what comes back, what is cut, and that nothing hostile gets through."""

from __future__ import annotations

import json
from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from dq_gate.errors import UnreadableEntryError
from dq_gate.quarantine.codec import HEAD_BYTES, MAX_BYTES, MAX_DEPTH, Head, Opaque, decode, encode


class Point(NamedTuple):
    x: int
    y: int


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Odd(tzinfo):
    def utcoffset(self, moment):
        raise ValueError("secret")


class Hostile:
    def __getattribute__(self, name):
        raise RuntimeError("secret")

    def __repr__(self):
        raise RuntimeError("secret")

    __iter__ = __len__ = __bool__ = __repr__


class HostileList(list):
    def __iter__(self):
        raise RuntimeError("secret")

    __len__ = __repr__ = __getitem__ = __iter__


class HostileDict(dict):
    def items(self):
        raise RuntimeError("secret")

    __iter__ = keys = values = __len__ = items


class HostileText(str):
    __slots__ = ()

    def encode(self, *args):
        raise RuntimeError("secret")

    __str__ = __len__ = startswith = isascii = encode

    def __getitem__(self, key):
        raise RuntimeError("secret")


class HashableList(list):
    def __hash__(self):
        return 1


class HostileType(type):
    def __hash__(cls):
        raise RuntimeError("secret")

    @property
    def __name__(cls):
        raise RuntimeError("secret")


class OfHostileType(metaclass=HostileType):
    pass


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"query": "wo ist é"}, '{"query":"wo ist é"}'),
        ([None, True, 1, 1.5, "a"], '[null,true,1,1.5,"a"]'),
        ({}, "{}"),
        ([], "[]"),
        ((), '{"$tuple":[]}'),
        ({"$bytes": 1}, '{"$dict":[["$bytes",1]]}'),
        ({1: "a"}, '{"$dict":[[1,"a"]]}'),
        (b"ab", '{"$bytes":"YWI="}'),
        ("\ud800", '{"$str":"\\\\ud800"}'),
        (2**64, '{"$int":"0x10000000000000000"}'),
        (date(2024, 5, 1), '{"$date":"2024-05-01"}'),
        (Decimal("1.10"), '{"$decimal":"1.10"}'),
        (float("-inf"), '{"$float":"-inf"}'),
    ],
    ids=str,
)
def test_the_stored_form_is_stable(value, text):
    encoded = encode(value)
    assert encoded.payload.decode() == f'{{"v":1,"value":{text}}}'
    assert encoded.complete
    assert decode(encoded.payload) == value


@pytest.mark.parametrize(
    "value",
    [
        -(2**63),
        2**63 - 1,
        2**63,
        0.1,
        -0.0,
        5e-324,
        1e308,
        "\ud83d\ude00",
        'back\\slash "quoted" \\ud800 \ud800',
        datetime(2024, 5, 1, 12, 30, 15, 123456),  # noqa: DTZ001 - a record may well lack a zone
        datetime(2024, 5, 1, tzinfo=UTC),
        datetime(2024, 5, 1, tzinfo=timezone(timedelta(hours=-3, minutes=-30, seconds=-7))),
        datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
        datetime(1, 1, 1),  # noqa: DTZ001 - a record may well lack a zone
        time(2, 30, fold=1),
        time(2, 30, tzinfo=ZoneInfo("Asia/Kathmandu")),
        Decimal("-0E+999999"),
        UUID(int=2**127 + 1),
        {"a": ({1, 2}, frozenset({(1, "x")}), {None: [b""]})},
        {"": {"$": {"$tuple": []}}},
        {(1, "a"): 1, True: 2, 2.5: 3, b"k": 4, "\ud800": 5},
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_come_back_with_their_types(value):
    encoded = encode(value)
    back = decode(encoded.payload)
    assert encoded.complete
    assert back == value
    assert repr(back) == repr(value)


def test_an_int_beyond_pythons_text_limit_comes_back():
    assert decode(encode(-(10**5_000)).payload) == -(10**5_000)


def test_nan_comes_back_as_nan():
    back = decode(encode([float("nan"), Decimal("sNaN12")]).payload)
    assert back[0] != back[0]
    assert str(back[1]) == "sNaN12"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Point(1, 2), (1, 2)),
        (OrderedDict(a=1), {"a": 1}),
        (np.float64(0.1), 0.1),
        (np.str_("é"), "é"),
        (HostileText("abc"), "abc"),
        (HostileList([1, 2]), [1, 2]),
        (HostileDict(a=1), {"a": 1}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_subclasses_of_builtins_are_written_as_these(value, plain):
    encoded = encode(value)
    back = decode(encoded.payload)
    assert encoded.complete
    assert (back, type(back)) == (plain, type(plain))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Hostile(), "Hostile"),
        (np.int64(1), "int64"),
        (np.array([1]), "ndarray"),
        (pd.NaT, "NaTType"),
        (pd.Timestamp("2024-05-01"), "Timestamp"),
        (bytearray(b"a"), "bytearray"),
        (1j, "complex"),
        (datetime(2024, 5, 1, tzinfo=Odd()), "datetime"),
        (object.__new__(UUID), "UUID"),
        (print, "builtin_function_or_method"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_stored_form_leaves_its_type_name(value, name):
    encoded = encode({"query": "kept", "extra": [value]})
    assert not encoded.complete
    assert b"secret" not in encoded.payload
    assert decode(encoded.payload) == {"query": "kept", "extra": [Opaque(name)]}


def test_a_type_that_lies_about_itself_is_an_object():
    encoded = encode(OfHostileType())
    assert decode(encoded.payload) == Opaque("object")
    assert not encoded.complete
    assert not encode([1, OfHostileType()]).complete


def test_a_key_that_cannot_come_back_leaves_its_type_name():
    encoded = encode({Hostile: 1, HashableList([1]): 2})
    assert decode(encoded.payload) == {Opaque("type"): 1, Opaque("list"): 2}


def test_a_cycle_is_cut_where_it_closes():
    value = {"a": [1]}
    value["a"].append(value)
    encoded = encode(value)
    assert decode(encoded.payload) == {"a": [1, Opaque("dict")]}
    assert not encoded.complete


def test_the_same_object_twice_is_no_cycle():
    shared = [1]
    assert encode([shared, shared]).complete


def test_depth_is_cut_at_the_limit():
    def nested(depth):
        value = 1
        for _ in range(depth):
            value = (value,)
        return value

    assert decode(encode(nested(MAX_DEPTH)).payload) == nested(MAX_DEPTH)
    assert encode(nested(MAX_DEPTH)).complete
    assert not encode(nested(MAX_DEPTH + 1)).complete
    assert not encode(nested(100_000)).complete


def test_nothing_raises_when_the_stack_is_nearly_used_up():
    def descend():
        try:
            return descend()
        except RecursionError:
            return encode([[[[[[[[1]]]]]]]])

    assert descend().payload.startswith(b'{"v":1,')


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"query": "é" * 10_000_000},
        lambda: {"query": "\ud800" * 10_000_000},
        lambda: {"query": b"x" * 10_000_000},
        lambda: {"x" * 10_000_000: 1},
        lambda: ["word"] * 100_000,
        lambda: {n: n for n in range(40_000)},
        lambda: [[["a" * 1_000] * 1_000] * 1_000] * 1_000,
        lambda: 1 << 2_000_000,
    ],
    ids=["text", "surrogates", "bytes", "key", "list", "dict", "shared", "int"],
)
def test_what_is_too_large_keeps_its_head_and_a_digest(make):
    value = make()
    encoded = encode(value)
    head = decode(encoded.payload)

    assert not encoded.complete
    assert isinstance(head, Head)
    assert len(encoded.payload) < 2 * HEAD_BYTES
    assert HEAD_BYTES - 4 <= len(head.text.encode()) <= HEAD_BYTES
    assert head.bytes > MAX_BYTES
    assert len(head.sha256) == 64
    assert encode(value) == encoded


def test_the_limit_is_on_the_text_as_stored():
    fits = "x" * (MAX_BYTES - 2)
    assert encode(fits).complete
    assert not encode(fits + "x").complete


def test_large_inputs_that_differ_early_have_different_digests():
    one, two = (decode(encode("x" * 100_000 + c + "x" * 1_000_000).payload) for c in "ab")
    assert one.text == two.text
    assert one.sha256 != two.sha256


def test_an_unknown_time_zone_falls_back_to_the_offset_it_had():
    payload = b'{"v":1,"value":{"$datetime":"2024-05-01T00:00:00+02:00","zone":"Moon/Base"}}'
    assert decode(payload) == datetime(2024, 5, 1, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"v":2,"value":1}',
        b'{"v":"secret","value":1}',
        b'{"v":1}',
        b'{"v":1,"value":{"$secret":1}}',
        b'{"v":1,"value":{"$bytes":"!"}}',
        b'{"v":1,"value":{"$int":"secret"}}',
        b'{"v":1,"value":{"$dict":[[1]]}}',
        b'{"v":1,"value":{"$decimal":"secret"}}',
        b'{"v":1,"value":{"$tuple":3}}',
        b'{"v":1,"value":' + b"[" * 1_000 + b"]" * 1_000 + b"}",
        b'{"v":1,"value":"\xff"}',
    ],
)
def test_a_damaged_or_newer_payload_is_refused_without_quoting_it(payload):
    with pytest.raises(UnreadableEntryError) as caught:
        decode(payload)
    assert "secret" not in str(caught.value)


def test_the_payload_is_one_line_of_json():
    payload = encode({"a": "line\nbreak\u2028", "b": ("\0", "\x7f")}).payload
    assert b"\n" not in payload
    json.loads(payload)
