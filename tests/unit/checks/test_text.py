from __future__ import annotations

import pytest
from pydantic import ValidationError

from dq_gate.checks.text import LengthOptions, length
from dq_gate.core.model import Finding


def judge(value, **options):
    return length(LengthOptions(**options)).judge(value)


def test_bounds_are_inclusive():
    assert judge("abc", min=3, max=3) is None


def test_too_long_text_is_marked_from_where_it_should_have_ended():
    assert judge("abcdef", max=4) == Finding("has 6 code points, more than 4", (4, 6))


def test_code_points_are_counted_not_bytes_nor_glyphs():
    assert judge("é", max=1) is None
    assert judge("e\u0301", max=1) is not None
    assert judge("👩\u200d👧", max=3) is None


def test_of_a_list_the_items_are_counted():
    assert judge(["a", "b"], max=2) is None
    assert judge(["a", "b", "c"], max=2).message == "has 3 items, more than 2"


@pytest.mark.parametrize("options", [{}, {"min": 4, "max": 3}, {"min": -1}, {"max": "9"}, {"max": True}, {"max": 1.0}])
def test_bounds_that_make_no_sense_are_refused(options):
    with pytest.raises(ValidationError):
        LengthOptions(**options)
