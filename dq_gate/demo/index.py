"""The demo's retrieval system: full-text search (SQLite FTS5, ranked by BM25) over the documents it ships.

It is an ordinary one, written as one would without a gate: it takes any string and returns the best of what it has.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dq_gate.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dq_gate.demo.traffic import Document

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that search found."""

    document_id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Results:
    """What search answered, with the query it answered.

    Attributes:
        hits: Best first.
    """

    query: str
    hits: tuple[Hit, ...]


class Index:
    """Documents, searchable by their titles and texts. Lives in memory.

    Args:
        documents: What to index.

    Raises:
        ConfigurationError: this Python's SQLite has no full-text search.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self._db = sqlite3.connect(":memory:")
        try:
            self._db.execute("CREATE VIRTUAL TABLE documents USING fts5(id UNINDEXED, title, text)")
        except sqlite3.OperationalError as error:
            self._db.close()
            raise ConfigurationError(f"the demo needs SQLite's full-text search: {error}") from None
        rows = ((document.id, document.title, document.text) for document in documents)
        self._db.executemany("INSERT INTO documents VALUES (?, ?, ?)", rows)

    def __len__(self) -> int:
        (count,) = self._db.execute("SELECT count(*) FROM documents").fetchone()
        return int(count)

    def search(self, query: str, top_k: int = 3) -> Results:
        """The documents that share the most telling words with the query."""
        words = _WORD.findall(query)
        if not words:
            return Results(query, ())
        rows = self._db.execute(
            "SELECT id, title, text FROM documents WHERE documents MATCH ? ORDER BY rank LIMIT ?",
            (" OR ".join(f'"{word}"' for word in words), top_k),
        )
        return Results(query, tuple(Hit(*row) for row in rows))

    def close(self) -> None:
        """Let go of the memory."""
        self._db.close()
