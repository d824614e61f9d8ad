"""What the demo shows of an input cannot steer a terminal."""

from __future__ import annotations

import pytest

from dq_gate.demo.report import visible


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        ("naïve café", "naïve café"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\u202eb", "a\\u202eb"),
        ("\ud83d", "\\ud83d"),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
        (None, "None"),
        (["a", "\x1b"], "['a', '\\x1b']"),
    ],
)
def test_unprintable_characters_are_escaped(value, shown):
    assert visible(value).plain == shown


def test_long_queries_are_cut_and_say_how_long_they_are():
    assert visible("x" * 3_000).plain == "x" * 44 + "… (3,000 characters)"
