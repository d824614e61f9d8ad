"""Long work waits for a store that is away for a moment, and for nothing else."""

from __future__ import annotations

import pytest

from dq_gate.errors import BackendUnavailableError, UnreadableEntryError
from dq_gate.review.patience import WAITS_S, patiently


def failing(*errors):
    """A question that fails so, then is answered."""
    left = list(errors)

    def ask():
        if left:
            raise left.pop(0)
        return "answer"

    return ask


def test_a_store_that_comes_back_answers():
    waits = []
    assert patiently(failing(BackendUnavailableError(), BackendUnavailableError()), pause=waits.append) == "answer"
    assert waits == list(WAITS_S[:2])


def test_a_store_that_stays_away_fails_in_the_end():
    waits = []
    with pytest.raises(BackendUnavailableError):
        patiently(failing(*[BackendUnavailableError() for _ in range(5)]), pause=waits.append)
    assert waits == list(WAITS_S)


@pytest.mark.parametrize("error", [UnreadableEntryError(), ValueError()], ids=["damage", "a mistake"])
def test_what_waiting_does_not_mend_fails_at_once(error):
    with pytest.raises(type(error)):
        patiently(failing(error), pause=lambda _: pytest.fail("waited"))
