"""No input forges, splits or hides an event. `make accuracy` shows it on more texts than tests/data has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.accuracy import events

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(scope="module")
def emitted():
    return events.emitted(DATA)


def test_every_event_of_hostile_inputs_is_one_valid_line_without_a_word_of_theirs(emitted):
    assert emitted.problems() == []
    assert emitted.content["file"] == emitted.content["stdout"]
    assert len(emitted.texts) > 250
    assert emitted.events > 500


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda content: content.replace(b"\n", b"", 1), "lines of"),
        (lambda content: content[:-1], "lines of"),
        (lambda content: content.replace(b"query", b"qu\x1bry", 1), "printable"),
        (lambda content: content.replace(b"query", b"qu\xc3\xa9ry", 1), "printable"),
        (lambda content: content.replace(b"hostile", b"forged", 1), "not of this gate"),
    ],
    ids=["joined", "cut", "escape", "é", "forged"],
)
def test_what_is_wrong_with_the_bytes_shows(emitted, change, problem):
    content = change(emitted.content["file"])
    try:
        found = replace(emitted, content={"file": content}).problems()
    except ValueError:  # no JSON any more
        return
    assert any(problem in line for line in found)


def test_a_text_that_is_let_through_shows(emitted):
    secret = "a text to be kept secret"
    content = emitted.content["file"].replace(b'"query"', f'"{secret}"'.encode(), 1)
    found = replace(emitted, texts=(secret,), content={"file": content}).problems()
    assert found == ["file: text 0 is in it"]
