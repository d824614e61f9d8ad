"""The kinds of personal data that `no_pii` knows, each with what proves a number to be one.

What has a check digit is proved by it. A number whose check would pass one random number in ten, or that has none, also
needs a word close by that says what it is.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from ipaddress import ip_address
from typing import TYPE_CHECKING

from dq_gate.checks.sensitive import Kind, Proof, near, value

if TYPE_CHECKING:
    from collections.abc import Callable

_ISSUERS = (
    (13, 13, "4"),
    (14, 14, "30[0-59]|3[689]"),
    (15, 15, "3[47]|2131|1800|2014|2149"),
    (16, 16, "4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|6011|64[4-9]|65|352[89]|35[3-8]|62|60|81|82|508|30[0-59]|3[689]|220[0-4]|9792"),
    (19, 19, "4|6011|64[4-9]|65|62|352[89]|35[3-8]"),
    (12, 19, "50[0-9]{2}|5[6-9]|6304|6390|67"),
)  # fmt: skip
"""Least and most digits, and how numbers of the issuer begin."""
_ISSUED = tuple((least, most, re.compile(prefix)) for least, most, prefix in _ISSUERS)
_SEPARATORS = re.compile(r"[ .-]")


def _stands_alone(text: str, start: int, end: int) -> bool:
    """No part of a longer number, identifier, address or path."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return not _JOINED_BEFORE.search(before) and not _JOINED_AFTER.match(after)


_JOINED_BEFORE = re.compile(r"[\w+@$€£/\\=&-]$|[0-9][.,:]$")
_JOINED_AFTER = re.compile(r"[\w@%€£/\\-]|[.,:][0-9]")


@cache
def _validator(module: str) -> Callable[[str], bool]:
    return import_module(f"stdnum.{module}").is_valid  # type: ignore[no-any-return] - of a module named at run time
