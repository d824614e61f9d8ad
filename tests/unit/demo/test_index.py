"""The demo's search takes any string, as an ordinary retriever does."""

from __future__ import annotations

from contextlib import closing

import pytest

from dq_gate.demo.index import Index
from dq_gate.demo.traffic import Document

DOCUMENTS = [
    Document("1", "card arrival", "When will my new card arrive?"),
    Document("2", "exchange rate", "What rate do you give for euros?"),
    Document("3", "pin blocked", "My card is blocked after three wrong PINs."),
]


@pytest.fixture
def index():
    with closing(Index(DOCUMENTS)) as built:
        yield built


def found(index, query, **options):
    return [hit.document_id for hit in index.search(query, **options).hits]


def test_documents_with_the_most_telling_words_come_first(index):
    assert found(index, "has my new card arrived, when will it arrive") == ["1", "3"]


def test_no_more_than_top_k_are_found(index):
    assert len(found(index, "my card", top_k=1)) == 1


def test_results_name_the_query_they_answer(index):
    assert index.search("euros").query == "euros"


@pytest.mark.parametrize("query", ["", " ", "?!", "\ufffd"])
def test_a_query_without_words_finds_nothing(index, query):
    assert found(index, query) == []


@pytest.mark.parametrize("query", ['euros" OR "', "euros AND (", "NEAR(euros", "title:euros*", "euros\x00"])
def test_full_text_syntax_in_a_query_is_only_words(index, query):
    assert "2" in found(index, query)
