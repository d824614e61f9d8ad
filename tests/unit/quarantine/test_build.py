"""What a quarantine entry keeps of an input, and what it does not."""

from __future__ import annotations

import pytest

from dq_gate.core.model import PackId, Violation
from dq_gate.quarantine.build import build_entry
from dq_gate.quarantine.codec import decode

PACK = PackId("support", 1, "0123456789abcdef")
FOUND = (Violation("query.text.secrets", "query", "no_secrets", "quarantine", "holds a password"),)


def build(record, **options):
    return build_entry(record, FOUND, pack=PACK, namespace="n", source="s", now=1.0, **options)


def test_what_a_rule_found_and_nobody_should_keep_is_taken_out():
    entry = build(
        {"query": "pw hunter2", "page": 1}, redactions=[("query", lambda text: text.replace("hunter2", "[pw]"))]
    )
    assert decode(entry.payload) == {"query": "pw [pw]", "page": 1}
    assert not entry.replayable


def test_the_callers_record_keeps_its_value():
    record = {"query": "pw hunter2"}
    build(record, redactions=[("query", lambda _: "[pw]")])
    assert record == {"query": "pw hunter2"}


def crash(_value):
    raise ValueError("hunter2")


@pytest.mark.parametrize("redact", [lambda text: text, crash], ids=["finds nothing", "crashes"])
def test_a_value_that_cannot_be_redacted_is_masked_whole(redact):
    entry = build({"query": "h\u200bunter2"}, redactions=[("query", redact)])
    assert decode(entry.payload) == {"query": "[masked]"}
    assert not entry.replayable


def test_two_redactions_of_one_field_both_count():
    redactions = [("query", lambda text: text.replace("a", "[A]")), ("query", lambda text: text.replace("b", "[B]"))]
    assert decode(build({"query": "a b"}, redactions=redactions).payload) == {"query": "[A] [B]"}


@pytest.mark.parametrize("record", [{"other": "hunter2"}, "hunter2", None])
def test_an_input_without_the_field_is_kept_as_it_is(record):
    assert decode(build(record, redactions=[("query", crash)]).payload) == record
