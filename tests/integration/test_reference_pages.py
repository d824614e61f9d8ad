"""The reference pages say what the code does."""

from __future__ import annotations

from dataclasses import fields
from functools import cache

import pytest

from docs.generate import REFERENCE, pages
from dq_gate.events import CATALOGUE
from dq_gate.events.schema import documented


@cache
def made() -> dict[str, str]:
    return pages()


@pytest.mark.parametrize("name", sorted(path.name for path in REFERENCE.iterdir()))
def test_page_is_as_the_code_makes_it(name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == made()[name], "run `make docs`"


def test_no_page_is_missing() -> None:
    assert {path.name for path in REFERENCE.iterdir()} == made().keys(), "run `make docs`"


@pytest.mark.parametrize("event", CATALOGUE.values(), ids=CATALOGUE.keys())
def test_every_event_documents_exactly_its_fields(event: type) -> None:
    _, described = documented(event)

    assert list(described) == [field.name for field in fields(event)]


@pytest.mark.parametrize("page", sorted(path.name for path in REFERENCE.glob("*.md")))
def test_no_page_speaks_of_a_field_without_meaning(page: str) -> None:
    assert "|  |" not in (REFERENCE / page).read_text(encoding="utf-8")
