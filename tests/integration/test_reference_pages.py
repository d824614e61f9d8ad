"""The reference pages say what the code does."""

from __future__ import annotations

from dataclasses import fields

import pytest

from docs.generate import REFERENCE, _documented, pages
from dq_gate.events import CATALOGUE


@pytest.mark.parametrize("name", ["checks.md", "cli.md", "events.md", "pack.schema.json", "packs.md", "settings.md"])
def test_page_is_as_the_code_makes_it(name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == pages()[name], "run `make docs`"


@pytest.mark.parametrize("event", CATALOGUE.values(), ids=CATALOGUE.keys())
def test_every_event_documents_exactly_its_fields(event: type) -> None:
    _, described = _documented(event)

    assert list(described) == [field.name for field in fields(event)]


@pytest.mark.parametrize("page", sorted(path.name for path in REFERENCE.glob("*.md")))
def test_no_page_speaks_of_a_field_without_meaning(page: str) -> None:
    assert "|  |" not in (REFERENCE / page).read_text(encoding="utf-8")
