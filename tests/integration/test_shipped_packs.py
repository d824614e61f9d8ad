"""The shipped packs on the real text in tests/data, and on the examples they carry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dq_gate import Gate
from dq_gate.packs.compile import compile_pack
from dq_gate.packs.examine import run_examples
from dq_gate.packs.shipped import shipped_packs

DATA = Path(__file__).parent.parent / "data"


def texts(name, **labels):
    with (DATA / f"{name}.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    found = [row["text"] for row in rows if labels.items() <= row.items()]
    assert found
    return found


def outcomes(pack, name, **labels):
    gate = Gate.load(pack)
    (field_name,) = (field.name for field in gate.pack.plan.fields if field.null_rule)
    return [(gate.check({field_name: text}).outcome, text) for text in texts(name, **labels)]


@pytest.mark.parametrize("pack", shipped_packs())
def test_every_example_of_a_shipped_pack_holds(pack):
    results = list(run_examples(compile_pack(pack)))
    assert results
    assert [result for result in results if not result.holds] == []


@pytest.mark.parametrize("pack", ["query", "document"])
@pytest.mark.parametrize("name", ["banking77", "clinc150", "wands", "emoji", "right_to_left"])
def test_clean_text_is_untouched(pack, name):
    assert [text for outcome, text in outcomes(pack, name) if outcome != "clean"] == []


@pytest.mark.parametrize("name", ["ftfy_cases", "xss"])
def test_nine_in_ten_damaged_texts_do_not_pass_as_they_are(name):
    clean = [text for outcome, text in outcomes("query", name, expect="quarantine") if outcome == "clean"]
    assert len(clean) <= len(texts(name, expect="quarantine")) // 10


@pytest.mark.parametrize("pack", ["query", "document"])
def test_naughty_strings_crash_no_rule(pack):
    gate = Gate.load(pack)
    (field_name,) = (field.name for field in gate.pack.plan.fields if field.null_rule)
    assert [text for text in texts("blns") if gate.check({field_name: text}).crashes] == []
