"""A masked payload shows sizes and types, and no name that an input chose freely."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dq_gate.quarantine.codec import Erased, Head
from dq_gate.review.masking import mask


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        (None, None),
        ("four", "<4 characters>"),
        (b"four", "<4 bytes>"),
        (["a", "b"], "<2 items>"),
        (("a",), "<1 items>"),
        (True, "<bool>"),
        (3, "<int>"),
        (datetime(2025, 1, 1, tzinfo=UTC), "<datetime>"),
        ({"query": "q", "top_k": 3}, {"query": "<1 characters>", "top_k": "<int>"}),
        (Head("four", 9, "ab"), {"head": "<4 characters>", "bytes": 9, "sha256": "ab"}),
        (Erased(), "<erased>"),
        ({"my card 4711": 1}, {"<name 1, 12 characters>": "<int>"}),
        ({"a b": {"c d": "x"}, 7: 1}, {"<name 1, 3 characters>": {"<name 1, 3 characters>": "<1 characters>"},
                                      "<name 2, 1 characters>": "<int>"}),
    ],
)  # fmt: skip
def test_a_mask_keeps_the_shape_and_no_content(value, masked):
    assert mask(value) == masked
