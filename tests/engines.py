"""Checks of engines compiled on their own, and frames judged by them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq_gate.engines.plugins import find_check
from dq_gate.packs.context import PackContext

if TYPE_CHECKING:
    import polars as pl

    from dq_gate.checks.base import AnyCompiled, CompiledFrame


def compile_check(
    name: str,
    options: dict[str, Any],
    *,
    field: str | None = None,
    folder: Path = Path(),
    trusted: tuple[str, ...] = ("tests",),
) -> AnyCompiled:
    """A rule's check, compiled as for a pack in `folder`."""
    context = PackContext(field, {}, folder, trusted, {})
    check = find_check(name, context.load)
    assert check is not None
    return check.compile(check.options.model_validate(options), context)


def judge_batch(compiled: CompiledFrame, *frames: pl.DataFrame) -> tuple[list[dict[int, str]], str | None]:
    """One pass: what is wrong with rows, frame by frame, and with the batch."""
    judge = compiled.begin()
    by_row = [{row: finding.message for row, finding in judge.look(frame).items()} for frame in frames]
    end = judge.end()
    return by_row, end and end.message
