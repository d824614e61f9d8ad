"""Every command's help says what it does, with an example to type."""

from __future__ import annotations

import re

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from dq_gate.cli.app import app


def commands():
    for name, command in get_command(app).commands.items():
        children = getattr(command, "commands", None)
        yield from [(name, child) for child in children] if children else [(name,)]


COMMANDS = tuple(commands())
DOCUMENTS = {
    ("alerts", "export"),
    ("demo",),
    ("quarantine", "new-key"),
    ("review",),
    ("rules", "profile"),
    ("rules", "schema"),
    ("signals", "schema"),
}
"""Commands that write one document of a form of its own, or fill the screen."""


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_has_an_example_of_the_very_command(path):
    shown = CliRunner().invoke(app, [*path, "--help"]).output

    assert re.search(rf"^  .*dq-gate {' '.join(path)}\b", shown, re.MULTILINE)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_what_is_listed_or_reported_can_be_had_as_json(path):
    shown = CliRunner().invoke(app, [*path, "--help"]).output

    assert path in DOCUMENTS or "--format" in shown
