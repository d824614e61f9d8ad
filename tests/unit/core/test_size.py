"""How large a record is, at no more cost than the limit allows."""

from __future__ import annotations

import sys
from collections import deque

import pytest

from dq_gate.core.size import exceeds


def size_of(value):
    """The least limit that a value does not exceed."""
    low, high = 0, 1 << 40
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if exceeds(value, middle) else (low, middle)
    return low


@pytest.mark.parametrize(
    ("value", "size"), [("", 0), ("abc", 3), ("é", 2), ("😀", 4), ("\ud800", 3), (b"\xff\x00", 2), (bytearray(5), 5)]
)
def test_text_counts_as_its_bytes_in_utf_8(value, size):
    assert size_of(value) == size


def test_what_is_no_text_counts_as_a_little():
    assert {size_of(value) for value in (None, True, 5, 1.5, object(), range(9))} == {8}


def test_a_long_number_counts_by_its_length():
    assert size_of(1 << 80_000) == 10_000


def test_a_container_counts_with_its_keys_its_items_and_their_places():
    assert size_of({"key": "value"}) == 8 + 8 + 3 + 5
    assert size_of(["a", "b"]) == 8 + 2 * 8 + 2
    assert size_of(("a",)) == size_of({"a"}) == size_of(frozenset({"a"})) == 17


def test_many_empty_containers_have_a_size():
    assert exceeds([[]] * 1000, 8000)


def test_a_container_that_holds_itself_exceeds_any_limit():
    listed: list[object] = []
    listed.append(listed)
    mapped: dict[str, object] = {}
    mapped["me"] = mapped
    assert exceeds(listed, 1024 * 1024)
    assert exceeds(mapped, 1024 * 1024)


def test_deep_nesting_needs_no_recursion():
    value: list[object] = []
    for _ in range(10 * sys.getrecursionlimit()):
        value = [value]
    assert not exceeds(value, 1024 * 1024)


def test_a_large_container_is_refused_without_a_look_at_its_items():
    class Watched(str):
        __slots__ = ()

        def isascii(self):
            raise AssertionError

    assert exceeds([Watched("a")] * 1000, 1000)


def test_a_long_text_is_refused_without_being_encoded():
    class Watched(str):
        __slots__ = ()

        def encode(self, *_):
            raise AssertionError

    assert exceeds(Watched("é" * 2000), 1000)


def test_containers_of_other_kinds_are_not_walked():
    assert size_of(deque(["a" * 1000])) == 8
