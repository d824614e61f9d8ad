"""Holds event lines to the published JSON Schema."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import orjson
from jsonschema import Draft202012Validator

from dq_gate.events.schema import event_schema

if TYPE_CHECKING:
    from collections.abc import Iterable


@cache
def _validator(event: str) -> Draft202012Validator:
    """Of one event's lines: a line is held to what its own name asks for, which is quicker than `oneOf`."""
    whole = event_schema()
    assert event in whole["$defs"], f"{event} is not in the catalogue"
    checks_moments = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator({"$defs": whole["$defs"]} | whole["$defs"][event], format_checker=checks_moments)


def assert_valid(events: Iterable[dict[str, Any]]) -> None:
    """Fail unless every event is as the schema says."""
    for event in events:
        problems = [f"{error.json_path}: {error.message}" for error in _validator(event["event"]).iter_errors(event)]
        assert problems == [], f"{event}"


@lru_cache(maxsize=50_000)
def assert_valid_line(line: bytes) -> None:
    """As `assert_valid`, of one line; tests read a log over and over as it grows."""
    assert_valid([orjson.loads(line)])
