"""What every check promises for any text whatever."""

from __future__ import annotations

import functools
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dq_gate.checks import CATALOGUE
from tests.batches import compiled
from tests.catalogue import BUILTIN
from tests.property.nasty_text import texts

CHECKS = [
    check
    for check in BUILTIN.values()
    if "str" in check.accepts and "request" in check.planes and check.name != "depends_on"  # it needs another field
]
WITHOUT_OPTIONS = [check for check in CHECKS if not check.options.model_fields]
SAMPLE_OPTIONS = {check.name: check.fails[0][0] if check.fails else {} for check in CHECKS}
SAMPLE_OPTIONS["foreign_key"] = {"file": "words.txt"}
REPAIRS = [(check, name) for check in CHECKS for name in check.repairs]


@functools.cache
def judge_of(name):
    check = BUILTIN[name]
    files = {"words.txt": b"a\nword\n"}
    return compiled(check.name, SAMPLE_OPTIONS[check.name], field="v", fields={"v": "str"}, files=files).judge


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
@settings(max_examples=300)
@given(text=texts(surrogates=True))
def test_no_text_crashes_a_check_and_spans_lie_within_it(check, text):
    finding = judge_of(check.name)(text)
    if finding is not None and finding.span is not None:
        start, end = finding.span
        assert 0 <= start < end <= len(text)


@pytest.mark.parametrize("check", [c for c in CHECKS if c.passes_printable_ascii], ids=lambda check: check.name)
@given(text=st.text(alphabet=string.ascii_letters + string.digits + string.punctuation + " "))
def test_checks_that_may_be_skipped_on_printable_ascii_pass_it(check, text):
    assert judge_of(check.name)(text) is None


@pytest.mark.parametrize(("check", "name"), REPAIRS, ids=lambda value: getattr(value, "name", value))
@settings(max_examples=500)
@given(text=texts(surrogates=True))
@example(text="Ã\u200b©")
@example(text="a\u200b\u0301")
@example(text="ÃƒÂ©")
def test_a_repair_is_idempotent_and_leaves_alone_what_passes(check, name, text):
    repair = check.repairs[name]
    repaired = repair(text)
    assert repair(repaired) == repaired
    if judge_of(check.name)(text) is None:
        assert repaired == text


@settings(max_examples=500)
@given(text=texts(surrogates=False))
@example(text="Ã\u200b©")
@example(text="e\u200b\u0301")
def test_after_all_repairs_in_the_order_of_the_packs_a_passing_text_is_final(text):
    order = [("no_mojibake", "fix_encoding"), ("no_invisible", "strip_invisible"), ("normalized", "nfc")]
    for check, name in order:
        text = CATALOGUE[check].repairs[name](text)
    if all(judge_of(check)(text) is None for check, _ in order):
        for check, name in order:
            assert CATALOGUE[check].repairs[name](text) == text
