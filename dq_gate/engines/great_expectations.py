"""Batches judged by a Great Expectations suite that the user has already."""

from __future__ import annotations

import json
import os
import threading
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import StrictStr

from dq_gate.checks.base import CompiledFrame, Options, check
from dq_gate.engines.as_pandas import as_pandas
from dq_gate.engines.failures import Failures
from dq_gate.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import polars as pl

    from dq_gate.checks.base import Context
    from dq_gate.core.model import Finding

_NUMBER = "dq_gate_number"
"""Under this key of its metadata an expectation carries its number: results come back in another order."""
_KEYS = frozenset({"type", "kwargs", "meta", "id", "notes", "severity", "description", "rendered_content"})
_NOT_OURS = frozenset({"batch_id", "catch_exceptions", "include_config", "result_format"})
"""Arguments about how a suite was run once; here they could only hide rows."""
_COLUMN_KEYS = ("column", "column_A", "column_B", "column_list")
_one_at_a_time = threading.Lock()
"""Great Expectations keeps its current project in a global variable."""


class GreatExpectationsOptions(Options):
    """A suite.

    Attributes:
        suite: A JSON file beside the pack.
    """

    suite: StrictStr


@dataclass(frozen=True, slots=True)
class _Expectation:
    """One expectation of a suite, as written.

    Attributes:
        columns: The columns that it reads.
    """

    type: str
    kwargs: Mapping[str, Any]
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """What findings call it."""
        return ": ".join(filter(None, (", ".join(self.columns), self.type)))


@check(
    "great_expectations",
    GreatExpectationsOptions,
    accepts=(),
    passes=(),
    fails=(),
    subject="record",
    planes=("batch",),
    with_context=True,
)
def great_expectations(options: GreatExpectationsOptions, context: Context) -> CompiledFrame:
    """The batch meets a suite of Great Expectations.

    Options:
        suite: the suite, as a JSON file beside the pack; required.

    Where an expectation that fails knows the rows, these rows fail; otherwise, as with averages and row counts, the
    batch does. With `mostly`, rows fail only where too many of them are unexpected. Findings name columns and
    expectations, up to three of them, and no value. An expectation that raises is a crash; one about a column that
    the batch lacks fails the batch.

    An expectation that this version of Great Expectations does not know, arguments that it refuses and suite
    parameters are errors when the pack is loaded. The suite sees the whole batch at once, in pandas, where ints and
    bools with nulls stay ints and bools. Passes take turns, at about 30 ms each and more for large batches: for
    requests use a `window`. Great Expectations sends nothing anywhere.
    """
    _library()
    expectations = _read(context.read(options.suite), options.suite)
    for number, expectation in enumerate(expectations):
        _refuse_unfit(expectation, f"{options.suite}: expectation {number + 1} of {len(expectations)}")
    return CompiledFrame(lambda: _Pass(expectations), needs_whole=True)


def _library() -> Any:
    """Great Expectations, imported so that it reports to nobody."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    try:
        with _deprecations_ignored():
            import great_expectations as gx
    except ImportError:
        raise MissingExtraError("check great_expectations", "batch") from None
    return gx


@contextmanager
def _deprecations_ignored() -> Iterator[None]:
    """It imports modules that Python has deprecated, and deprecates what written suites hold: nobody's news here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _read(content: bytes, name: str) -> tuple[_Expectation, ...]:
    """The expectations of a suite.

    Raises:
        ValueError: it is no suite, or an empty one.
    """
    try:
        suite = json.loads(content)
    except ValueError as error:
        raise ValueError(f"{name} is no JSON: {error}") from None
    expectations = suite.get("expectations") if isinstance(suite, dict) else None
    if not isinstance(expectations, list) or not expectations:
        raise ValueError(f"{name} is no suite: it has no list of `expectations`")
    return tuple(_expectation(entry, f"{name}: expectation {place}") for place, entry in enumerate(expectations, 1))


def _expectation(entry: Any, place: str) -> _Expectation:
    if not isinstance(entry, dict):
        raise ValueError(f"{place} is no mapping")  # noqa: TRY004 - a pack's error
    entry = {"type" if key == "expectation_type" else key: value for key, value in entry.items()}
    unknown = entry.keys() - _KEYS
    kwargs = entry.get("kwargs", {})
    if unknown or not isinstance(entry.get("type"), str) or not isinstance(kwargs, dict):
        raise ValueError(f"{place} is not written as a `type`, `kwargs` and, at most, {', '.join(sorted(_KEYS))}")
    kwargs = {key: value for key, value in kwargs.items() if key not in _NOT_OURS}
    return _Expectation(entry["type"], kwargs, tuple(_columns(kwargs)))


def _columns(kwargs: Mapping[str, Any]) -> Iterator[str]:
    for key in _COLUMN_KEYS:
        value = kwargs.get(key)
        yield from (str(name) for name in (value if isinstance(value, list) else [value]) if name is not None)


def _refuse_unfit(expectation: _Expectation, place: str) -> None:
    """Refuse what the library would leave out, with a line in its log, or fail on at every batch.

    Raises:
        ValueError: says what is wrong.
    """
    if "$PARAMETER" in json.dumps(expectation.kwargs):
        raise ValueError(f"{place}: suite parameters have no value here; write the value")
    try:
        _build(expectation, 0)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{place}: {expectation.type}: {type(error).__name__}: {reason}") from error


def _build(expectation: _Expectation, number: int) -> Any:
    """The library's own object; made anew for every pass, for it changes while it is used."""
    from great_expectations.expectations.registry import get_expectation_impl

    with _deprecations_ignored():
        return get_expectation_impl(expectation.type)(**expectation.kwargs, meta={_NUMBER: number})


class _Pass:
    """A `FrameJudge`."""

    def __init__(self, expectations: tuple[_Expectation, ...]) -> None:
        self._expectations = expectations
        self._failures = Failures()

    def look(self, frame: pl.DataFrame) -> Mapping[int, Finding]:
        return self._failures.of_rows(self._failing(frame))

    def end(self) -> Finding | None:
        return self._failures.of_batch()

    def _failing(self, frame: pl.DataFrame) -> Iterator[tuple[str, list[int]]]:
        answerable = []
        for expectation in self._expectations:
            if expectation.type == "expect_column_to_exist" or set(expectation.columns) <= set(frame.columns):
                answerable.append(expectation)
            else:
                yield f"{expectation.name} (no such column)", []
        for expectation, rows in _failures(answerable, frame):
            yield expectation.name, rows


def _failures(expectations: list[_Expectation], frame: pl.DataFrame) -> Iterator[tuple[_Expectation, list[int]]]:
    """The expectations that failed, each with its rows; none when it is not about single rows.

    Raises:
        RuntimeError: an expectation raised, or has no result.
    """
    results = _results(expectations, _converted(frame, expectations))
    for number, expectation in enumerate(expectations):
        result = results.get(number)
        if result is None:
            raise RuntimeError(f"{expectation.name} has no result")
        if _raised(result.exception_info):
            raise RuntimeError(f"{expectation.name} raised")
        if not result.success:
            yield expectation, [int(row) for row in result.result.get("unexpected_index_list") or ()]


def _converted(frame: pl.DataFrame, expectations: list[_Expectation]) -> Any:
    """The frame in pandas. What compares columns with each other cannot take pandas' nullable types."""
    compared = {name for expectation in expectations if len(expectation.columns) > 1 for name in expectation.columns}
    return as_pandas(frame, as_objects=compared)


def _results(expectations: list[_Expectation], frame: Any) -> dict[int, Any]:
    """The library's results, by the expectation's number."""
    if not expectations:
        return {}
    gx = _library()
    with _project(gx) as project:
        source = project.data_sources.add_pandas("batch").add_dataframe_asset("batch")
        batch = source.add_batch_definition_whole_dataframe("batch").get_batch({"dataframe": frame})
        suite = gx.ExpectationSuite(
            name="suite", expectations=[_build(expectation, number) for number, expectation in enumerate(expectations)]
        )
        results = batch.validate(
            suite, result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False}
        ).results
    return {result.expectation_config.meta[_NUMBER]: result for result in results}


@contextmanager
def _project(gx: Any) -> Iterator[Any]:
    """A project of the library's that holds nothing but this pass; then gives the application its own back.

    The library would otherwise keep the last batch in memory.
    """
    from great_expectations.data_context.data_context.context_factory import project_manager
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.exceptions.exceptions import DataContextRequiredError

    with _one_at_a_time, _deprecations_ignored():
        try:
            before = project_manager.get_current_project()
        except DataContextRequiredError:
            before = None
        try:
            project = gx.get_context(mode="ephemeral")
            project.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
            yield project
        finally:
            project_manager.set_project(before)


def _raised(info: Mapping[str, Any]) -> bool:
    """Whether the library says that an expectation raised: in one of two forms, flat or by metric."""
    parts = (info, *(part for part in info.values() if isinstance(part, dict)))
    return any(part.get("raised_exception") for part in parts)
