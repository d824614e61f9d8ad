"""Batches judged without a gate."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from dq_gate.checks import CATALOGUE
from dq_gate.checks.base import CompiledFrame

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from dq_gate.checks.base import AnyCompiled, FieldType
    from dq_gate.core.model import Finding


@dataclasses.dataclass
class FakeContext:
    """A pack's fields, and the files beside it."""

    field: str | None = None
    fields: Mapping[str, FieldType] = dataclasses.field(default_factory=dict)
    files: dict[str, bytes] = dataclasses.field(default_factory=dict)

    def read(self, name: str) -> bytes:
        if name not in self.files:
            raise ValueError(f"{name}: cannot be read: no such file")
        return self.files[name]

    def load(self, reference: str) -> Any:
        raise ValueError(f"code of {reference} is not imported")


def compiled(
    name: str,
    options: dict[str, Any],
    *,
    field: str | None = None,
    fields: Mapping[str, FieldType] | None = None,
    files: dict[str, bytes] | None = None,
) -> AnyCompiled:
    """A check with its options, as in a pack of these fields."""
    check = CATALOGUE[name]
    return check.compile(check.options.model_validate(options), FakeContext(field, fields or {}, files or {}))


def judge(rules: AnyCompiled, *frames: pl.DataFrame) -> tuple[dict[int, Finding], Finding | None]:
    """What is wrong with rows, numbered through all frames, and with the batch."""
    assert isinstance(rules, CompiledFrame)
    batch = rules.begin()
    found, before = {}, 0
    for frame in frames:
        found |= {before + row: finding for row, finding in batch.look(frame).items()}
        before += frame.height
    return found, batch.end()


def failing_rows(rules: AnyCompiled, *frames: pl.DataFrame) -> list[int]:
    """Numbers of the rows that fail, through all frames, in the order they were reported."""
    return list(judge(rules, *frames)[0])
