"""What a quarantine entry keeps of an input, and what it does not."""

from __future__ import annotations

from datetime import date

import pytest

from dq_gate.core.model import PackId, Violation
from dq_gate.quarantine.build import MAX_SUBJECTS, build_entry
from dq_gate.quarantine.codec import MAX_BYTES, decode
from dq_gate.quarantine.payload import subjects_of
from dq_gate.quarantine.redaction import Redactions, Redactor
from dq_gate.quarantine.vault import Vault, is_sealed, subject_digest
from dq_gate.settings import SealingKey

PACK = PackId("support", 1, "0123456789abcdef")
RULE = "query.text.secrets"
FOUND = (Violation(RULE, "query", "no_secrets", "quarantine", "holds a password"),)
VAULT = Vault([SealingKey("k", bytes(32))])


def build(record, **options):
    return build_entry(record, FOUND, pack=PACK, namespace="n", source="s", now=1.0, **options)


def hide(text):
    return text.replace("hunter2", "[pw]")


def is_text(value):
    return isinstance(value, str)


def redacting(*redacts, known=("query", "page")):
    redactors = tuple(Redactor(f"{RULE}{n or ''}", redact, is_text) for n, redact in enumerate(redacts))
    return Redactions({"query": redactors}, known, redacts)


def kept(record, redactions=None, found=(RULE,)):
    """What an entry keeps of a record, and whether it can be replayed."""
    entry = build(record, redactions=redactions or redacting(hide), found=found)
    return decode(entry.payload), entry.replayable


def test_what_a_rule_found_and_nobody_should_keep_is_taken_out():
    assert kept({"query": "pw hunter2", "page": 1}) == ({"query": "pw [pw]", "page": 1}, False)


def test_the_callers_record_keeps_its_value():
    record = {"query": "pw hunter2", "extra": ["hunter2"]}
    kept(record)
    assert record == {"query": "pw hunter2", "extra": ["hunter2"]}


def crash(_value):
    raise ValueError("hunter2")


@pytest.mark.parametrize("redact", [lambda text: text, crash], ids=["finds nothing", "crashes"])
def test_a_value_that_cannot_be_redacted_is_masked_whole(redact):
    assert kept({"query": "h\u200bunter2"}, redacting(redact)) == ({"query": "[masked]"}, False)


def test_two_redactions_of_one_field_both_count():
    redactions = redacting(lambda text: text.replace("a", "[A]"), lambda text: text.replace("b", "[B]"))
    assert kept({"query": "a b"}, redactions, {RULE, f"{RULE}1"}) == ({"query": "[A] [B]"}, False)


def test_a_rule_that_did_not_run_redacts_all_the_same():
    assert kept({"query": "pw hunter2"}, found=()) == ({"query": "pw [pw]"}, False)


def test_where_nothing_is_found_everything_is_kept():
    assert kept({"query": "plain", "page": [1], "extra": {"a": b"b", "n": None}}, found=()) == (
        {"query": "plain", "page": [1], "extra": {"a": b"b", "n": None}},
        True,
    )
    assert kept({"query": None}, found=()) == ({"query": None}, True)


@pytest.mark.parametrize("value", [["hunter2"], b"hunter2", {"a": "hunter2"}, {"hunter2": 1}], ids=repr)
def test_a_value_of_a_type_that_no_rule_reads_is_masked_when_it_holds_something(value):
    assert kept({"query": value}, found=()) == ({"query": "[masked]"}, False)


@pytest.mark.parametrize("value", [["plain"], b"plain", {"a": "plain"}, 5, 1.5, True, float("inf")], ids=repr)
def test_a_value_of_a_type_that_no_rule_reads_stays_when_it_holds_nothing(value):
    assert kept({"query": value}, found=()) == ({"query": value}, True)


@pytest.mark.parametrize(
    "value",
    ["a hunter2", ["a", ("hunter2",)], {"a": {"hunter2": 1}}, b"a hunter2", {1: {"hunter2"}}, "\ud800hunter2"],
    ids=["text", "lists", "a name", "bytes", "a dict of numbers", "a lone surrogate"],
)
def test_an_unknown_field_is_masked_when_something_is_found_in_it(value):
    assert kept({"query": "a", "extra": value, "other": "b"}, found=()) == (
        {"query": "a", "extra": "[masked]", "other": "b"},
        False,
    )


def test_a_number_in_an_unknown_field_is_searched_as_text():
    redactions = redacting(lambda text: text.replace("4111", "[card]"))
    for number in (4111, 2**64 * 10**4 + 4111):
        assert kept({"extra": number}, redactions, ()) == ({"extra": "[masked]"}, False)


def test_a_name_and_its_text_are_searched_together():
    redactions = redacting(lambda text: text.replace("password='abc'", "[pw]"))
    assert kept({"password": "abc", "other": "abc"}, redactions, ()) == (
        {"password": "[masked]", "other": "abc"},
        False,
    )


@pytest.mark.parametrize("pair", [["$bytes", "?"], ["$int", "zz"], ["$str", "\xe9"], ["$dict", "a"], ["", ""]])
def test_a_list_that_looks_like_a_tag_is_no_tag(pair):
    assert kept({"extra": pair, "more": {"$bytes": "?"}}, found=()) == ({"extra": pair, "more": {"$bytes": "?"}}, True)


def test_a_redactor_that_crashes_on_what_it_was_not_made_for_leaves_nothing():
    assert kept({"extra": "a"}, redacting(crash), ()) == ("[masked]", False)


class Hostile(list):
    def __iter__(self):
        raise RuntimeError


def test_a_subject_that_cannot_be_looked_at_is_nobody():
    assert build({"email": Hostile()}, subject_fields=("email",)).subjects == ()


def test_an_unknown_name_that_is_a_secret_itself_is_masked():
    assert kept({"query": "a", "hunter2": 1}, found=()) == ({"query": "a", "[masked]": "[masked]"}, False)


def test_of_many_unknown_fields_none_is_kept_when_something_is_found():
    record = {f"f{number}": "hunter2" if number == 7 else "a" for number in range(100)}
    assert kept(record | {"query": "a"}, found=()) == ({"query": "a", "[masked]": "[masked]"}, False)


def test_something_that_only_shows_across_fields_masks_them_all():
    redactions = redacting(lambda text: "" if text.count("half") > 2 else text)
    assert kept({"a": "half", "b": "half"}, redactions, ()) == ({"a": "[masked]", "b": "[masked]"}, False)


def test_an_unknown_field_too_large_to_search_is_masked():
    assert kept({"query": "a", "extra": "x" * MAX_BYTES}, found=()) == ({"query": "a", "extra": "[masked]"}, False)


@pytest.mark.parametrize("wrap", [lambda text: {"query": text}, lambda text: text], ids=["a field", "no record"])
def test_a_text_too_large_to_keep_is_redacted_and_ends_before_what_was_cut(wrap):
    value, replayable = kept(wrap("hunter2 " * MAX_BYTES), found=())
    text = value["query"] if isinstance(value, dict) else value
    assert not replayable
    assert text.endswith("[masked]")
    assert text.removesuffix("[masked]").strip("[pw] ") == ""


def test_the_head_of_a_large_text_with_nothing_in_it_stays():
    head, _ = kept({"query": "plain " * MAX_BYTES}, found=())
    assert head.text.startswith('{"query":"plain ')


def test_an_input_that_is_no_record_is_searched_whole():
    assert kept("pw hunter2", found=()) == ("pw [pw]", False)
    assert kept(["hunter2"], found=()) == ("[masked]", False)
    assert kept(None, found=()) == (None, True)


def test_without_rules_that_redact_nothing_is_searched():
    entry = build({"password": "hunter2"})
    assert decode(entry.payload) == {"password": "hunter2"}
    assert entry.replayable


# Sealed


def opened(entry, vault=VAULT):
    return decode(vault.open(entry.id, entry.payload))


def test_what_is_sealed_is_kept_whole_and_can_be_replayed():
    record = {"query": "pw hunter2", "extra": ["hunter2"]}
    entry = build(record, redactions=redacting(hide), found={RULE}, vault=VAULT)
    assert is_sealed(entry.payload)
    assert opened(entry) == record
    assert entry.replayable
    assert entry.payload_digest == VAULT.digest(entry.payload)


def test_withheld_fields_are_withheld_from_what_is_sealed_too():
    entry = build({"query": "a", "email": "b", "page": 1}, withheld={"email": "masked", "page": "omit"}, vault=VAULT)
    assert opened(entry) == {"query": "a", "email": "[masked]"}
    assert not entry.replayable


# Subjects


def test_an_entry_names_its_subjects_by_digest():
    entry = build({"email": "a@b.example"}, subject_fields=("email", "mail"))
    assert entry.subjects == (subject_digest("n", "a@b.example"),)


def test_a_sealed_entry_names_them_by_digests_of_the_key_and_holds_the_bare_ones():
    entry = build({"email": "a@b.example"}, subject_fields=("email",), vault=VAULT)
    bare = subject_digest("n", "a@b.example")
    assert entry.subjects == VAULT.subjects([bare])
    assert subjects_of(VAULT.open(entry.id, entry.payload)) == (bare,)


def test_a_subject_is_known_though_its_field_is_withheld():
    entry = build({"email": "a@b.example"}, subject_fields=("email",), withheld={"email": "omit"})
    assert entry.subjects == (subject_digest("n", "a@b.example"),)
    assert b"a@b" not in entry.payload


@pytest.mark.parametrize("record", [{}, {"email": None}, "a@b.example", ["a@b.example"], {"email": []}])
def test_an_input_may_have_no_subject(record):
    assert build(record, subject_fields=("email",)).subjects == ()


def test_a_list_is_of_several_subjects_each_once():
    entry = build({"to": ["a", "b", "a"], "from": date(2026, 1, 31)}, subject_fields=("to", "from"))
    assert entry.subjects == tuple(subject_digest("n", value) for value in ("a", "b", date(2026, 1, 31)))
    assert len(build({"to": list(range(1000))}, subject_fields=("to",)).subjects) == MAX_SUBJECTS
