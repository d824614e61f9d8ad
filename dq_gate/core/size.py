"""How large a record is, without encoding it: never more work than the limit allows."""

from __future__ import annotations

from typing import Any

NODE = 8
"""Bytes counted for a value that is no text, and for each item's place in a container."""


def exceeds(value: Any, limit: int) -> bool:
    """Whether a value's text, in UTF-8, with what holds it together, is larger than `limit` bytes.

    Containers are walked without recursion; one that holds itself counts anew on each visit and so exceeds any limit.
    """
    stack = [value]
    total = 0
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is str or isinstance(item, str):  # the exact type is the cheaper question, and the usual answer
            total += len(item) if item.isascii() else _text_bytes(item, limit - total)
        elif kind is dict or isinstance(item, dict):
            total += NODE * (1 + len(item))
            if total <= limit:
                stack += item.keys()
                stack += item.values()
        elif isinstance(item, (bytes, bytearray)):
            total += len(item)
        elif isinstance(item, int):
            total += max(NODE, item.bit_length() >> 3)
        elif isinstance(item, (list, tuple, set, frozenset)):
            total += NODE * (1 + len(item))
            if total <= limit:
                stack += item
        else:
            total += NODE
        if total > limit:
            return True
    return False


def _text_bytes(text: str, room: int) -> int:
    return len(text) if len(text) > room else len(text.encode("utf-8", "surrogatepass"))
