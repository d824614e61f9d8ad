"""What state stores write, as JSON: where a watch stands, notes of the history, alert events."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson

from dq_gate.alerts.state.contract import GivenUp, Saved, Transition

KEEP_DAYS = 90
"""Days that the history goes back."""
KEEP_NOTES = 100_000
"""Notes that it holds at the most."""

_KINDS: dict[str, type[Transition | GivenUp]] = {"transition": Transition, "given_up": GivenUp}


def to_json(value: Any) -> bytes:
    """Plain data as JSON."""
    return orjson.dumps(value)


def note_to_json(note: Transition | GivenUp) -> bytes:
    """A note of the history, with its kind."""
    kind = "given_up" if isinstance(note, GivenUp) else "transition"
    return to_json({"kind": kind, **asdict(note)})


def note_from_json(text: str | bytes) -> Transition | GivenUp:
    """Read what `note_to_json` made.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    fields = orjson.loads(text)
    return _KINDS[fields.pop("kind")](**fields)


def saved_from_json(positions: str | bytes | None, engine: str | bytes | None) -> Saved:
    """Read where a watch stands; None stands for nothing.

    Raises:
        ValueError: it is no JSON.
    """
    return Saved(orjson.loads(positions or "{}"), orjson.loads(engine) if engine else None)
