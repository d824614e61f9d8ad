"""Batches judged by a pandera schema that the user has already: polars or pandas, in Python or in YAML."""

from __future__ import annotations

import warnings
from contextlib import suppress
from copy import deepcopy
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import yaml
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

_ROW_BY_ROW = frozenset({
    "equal_to", "not_equal_to", "greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to",
    "in_range", "isin", "notin", "str_matches", "str_contains", "str_startswith", "str_endswith", "str_length",
})  # fmt: skip
"""Pandera's own checks of which each row's verdict is about that row alone."""

_OF_TYPES = frozenset({"WRONG_DATATYPE", "DATATYPE_COERCION"})

with warnings.catch_warnings():
    # Packs say `schema`, and nobody calls the deprecated method of that name that pydantic's models have.
    warnings.filterwarnings("ignore", message='Field name "schema"', category=UserWarning)

    class PanderaOptions(Options):
        """A schema.

        Attributes:
            schema: Where it is: `package.module:name`, or a YAML file beside the pack.
        """

        schema: StrictStr  # type: ignore[assignment]  # hides a deprecated method


@check(
    "pandera",
    PanderaOptions,
    accepts=(),
    passes=(),
    fails=(),
    subject="record",
    planes=("batch",),
    with_context=True,
)
def pandera(options: PanderaOptions, context: Context) -> CompiledFrame:
    """The batch is valid by a pandera schema.

    Options:
        schema: a `DataFrameSchema` or `DataFrameModel` of pandera's polars or pandas kind, as `package.module:name`,
            or a YAML file beside the pack, as pandera's `to_yaml` writes it; required. Its package stands in the
            setting `trusted_packages`.

    Rows fail by what the schema says of single rows. What it says of the whole, such as a missing column, a wrong
    type or an aggregate, fails the batch. The schema judges and changes nothing: with `coerce` or a `default` it
    judges what it makes of the rows, and the rows are passed on as they came. Rows are never dropped and columns
    never added. Findings name columns and checks of the schema, up to three of them, and no value. A check that
    raises is a crash. Validation is always on and complete, whatever pandera's environment variables say.

    A schema with `unique`, checks of the whole table or checks of your own that are not element-wise needs all rows
    at once. Refused are parsers, schemas of an index, and checks that only warn (use `on_fail: warn`). `to_yaml`
    leaves out lambda checks without a trace in the file: name such a schema as code. For a pandas schema, columns
    come in pandas' types, with nullable ones for ints and bools that have nulls; a column of the same kind that only
    pandas tells apart (`Int64`, `object` text, nanoseconds) is taken in the schema's type.
    """
    try:
        import pandera as _  # noqa: F401 - before code that needs it is imported
    except ImportError:
        raise MissingExtraError("check pandera", "batch") from None
    schema = _ours(_load(options.schema, context), options.schema)
    _refuse_unfit(schema, options.schema)
    frames: _Frames = _PolarsFrames() if _is_of_polars(schema) else _PandasFrames()
    return CompiledFrame(lambda: _Pass(deepcopy(schema), frames), needs_whole=_needs_whole(schema))


def _load(reference: str, context: Context) -> Any:
    """The schema that an option names."""
    if reference.endswith((".yaml", ".yml")):
        return _from_yaml(context.read(reference), reference)
    found = context.load(reference)
    if isinstance(found, type) and hasattr(found, "to_schema"):
        return found.to_schema()
    return found


def _from_yaml(content: bytes, name: str) -> Any:
    """A schema as pandera writes it; everything in it must have been understood.

    Raises:
        ValueError: it is no schema, or pandera would leave out part of it.
    """
    from pandera.io import pandas_io, polars_io

    try:
        written = yaml.load(content, _UniqueKeys)  # noqa: S506 - a safe loader
        io = polars_io if "polars" in str(written.get("api") or written.get("schema_type")) else pandas_io
        source = deepcopy(written)
        schema = io.deserialize_schema(written)
        kept = io.serialize_schema(schema, minimal=False)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"{name} is no schema that pandera can read: {reason}") from error
    lost = _lost(source, kept)
    if lost:
        raise ValueError(f"{name}: pandera does not know, and would leave out: {', '.join(sorted(lost))}")
    return schema


def _lost(source: Mapping[str, Any], kept: Mapping[str, Any]) -> set[str]:
    """Keys of a written schema, and of its columns, that are gone once pandera has read it."""
    lost = {str(key) for key in source.keys() - kept.keys() - {"checks", "metadata"}}
    columns = source.get("columns") or {}
    if isinstance(columns, dict):
        for name, column in columns.items():
            lost |= {f"{name}.{key}" for key in (column or {}).keys() - kept["columns"][name].keys() - {"checks"}}
    return lost


class _UniqueKeys(yaml.SafeLoader):
    """YAML as pandera reads it, but a second key of the same name is an error instead of the only one that counts."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - its signature
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"key {key!r} stands twice")
        return super().construct_mapping(node, deep)


def _ours(schema: Any, reference: str) -> Any:
    """A copy of the schema that drops no rows: dropped rows hide missing columns and wrong types.

    Raises:
        ValueError: it is no schema of polars or pandas frames.
    """
    from pandera.api.pandas.container import DataFrameSchema

    if not _is_of_polars(schema) and not isinstance(schema, DataFrameSchema):
        raise ValueError(f"{reference} is no DataFrameSchema or DataFrameModel of pandera's polars or pandas kind")
    ours = deepcopy(schema)
    for part in (ours, *ours.columns.values()):
        part.drop_invalid_rows = False
    return ours


def _is_of_polars(schema: Any) -> bool:
    from pandera.api.polars.container import DataFrameSchema

    return isinstance(schema, DataFrameSchema)


def _refuse_unfit(schema: Any, reference: str) -> None:
    """Refuse what cannot be judged row by row of the frame as it came, and what would pass silently.

    Raises:
        ValueError: says what to change.
    """
    from pandera.config import get_config_global

    parts = (schema, *schema.columns.values())
    if any(getattr(part, "parsers", None) for part in parts):
        raise ValueError(f"{reference}: parsers change rows before they are judged; parse before the gate")
    if getattr(schema, "index", None) is not None:
        raise ValueError(f"{reference}: a schema of the index judges nothing here; make the index a column")
    if any(one.raise_warning for one in chain.from_iterable(part.checks for part in parts)):
        raise ValueError(f"{reference}: a check with raise_warning never fails; use a rule with `on_fail: warn`")
    if get_config_global().use_narwhals_backend:
        raise ValueError(f"{reference}: unset PANDERA_USE_NARWHALS_BACKEND; its failures do not tell rows")


def _needs_whole(schema: Any) -> bool:
    """Whether part of the schema cannot be judged in one part of the rows."""
    columns = schema.columns.values()
    if schema.unique or any(column.unique for column in columns):
        return True
    return not all(_is_row_by_row(one) for one in chain(schema.checks, *(column.checks for column in columns)))


def _is_row_by_row(one: Any) -> bool:
    """Whether a check judges each row by itself; a check of the user's own may be called as one of pandera's."""
    from pandera.api.function_dispatch import Dispatcher

    function = one._check_fn  # noqa: SLF001 - nothing public tells pandera's own checks
    return one.element_wise or (isinstance(function, Dispatcher) and function.__name__ in _ROW_BY_ROW)


class _Pass:
    """A `FrameJudge`. The schema is its own: pandera writes into schemas while it validates."""

    def __init__(self, schema: Any, frames: _Frames) -> None:
        self._schema = schema
        self._frames = frames
        self._failures = Failures()

    def look(self, frame: pl.DataFrame) -> Mapping[int, Finding]:
        return self._failures.of_rows(self._failing(frame))

    def end(self) -> Finding | None:
        return self._failures.of_batch()

    def _failing(self, frame: pl.DataFrame) -> Iterator[tuple[str, list[int]]]:
        """What failed, and in which rows; without rows, it is the batch that failed."""
        missing = _required(self._schema) - set(frame.columns)
        if missing:  # nothing else can be judged, though pandera would try
            yield from ((f"{name}: no such column", []) for name in sorted(missing))
            return
        converted = self._frames.convert(frame, self._schema)
        errors = _errors(self._schema, converted)
        of_types = any(error.reason_code.name in _OF_TYPES for error in errors)
        for error in errors:
            what = _what(error, self._schema)
            if error.reason_code.name != "CHECK_ERROR":
                yield what, self._frames.failing_rows(error, converted)
            elif of_types:  # the check could not be carried out on values of a wrong type: no row is known to pass
                yield what, []
            else:
                raise RuntimeError(f"{what} raised")


def _required(schema: Any) -> set[str]:
    """Columns without which a schema cannot be judged."""
    return {name for name, column in schema.columns.items() if column.required and not column.regex}.union(
        chain.from_iterable(_unique_sets(schema))
    )


def _unique_sets(schema: Any) -> list[list[str]]:
    """The sets of columns that are unique together."""
    unique = schema.unique or []
    return [unique] if all(isinstance(name, str) for name in unique) else unique


def _errors(schema: Any, frame: Any) -> list[Any]:
    """What is wrong with a frame, in full: whatever the environment says of validation."""
    from pandera.config import ValidationDepth, config_context
    from pandera.errors import SchemaError, SchemaErrors

    with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        try:
            schema.validate(frame, lazy=True)
        except SchemaErrors as errors:
            return list(errors.schema_errors)
        except SchemaError as error:
            return [error]
    return []


def _what(error: Any, schema: Any) -> str:
    """What failed, in the schema's own words; never a value, nor a column's name that only the frame has."""
    name = (error.check if isinstance(error.check, str) else error.check.name) or "check"
    check_name = name.partition("(")[0]
    column = error.schema.name
    return f"{column}: {check_name}" if column in schema.columns else check_name


class _Frames(Protocol):
    """What differs between pandera's kinds of frame."""

    def convert(self, frame: pl.DataFrame, schema: Any) -> Any: ...

    def failing_rows(self, error: Any, frame: Any) -> list[int]:
        """The rows of a converted frame that failed; none when it is not about single rows."""


class _PolarsFrames:
    """For schemas of polars. A frame is never lazy here: pandera would check its schema only."""

    def convert(self, frame: pl.DataFrame, schema: Any) -> pl.DataFrame:  # noqa: ARG002 - it fits as it is
        return frame

    def failing_rows(self, error: Any, frame: pl.DataFrame) -> list[int]:
        import polars as pl
        from pandera.constants import CHECK_OUTPUT_KEY

        output = error.check_output
        if not isinstance(output, pl.DataFrame) or output.height != frame.height or _tells_too_little(error):
            return []
        rows: list[int] = output[CHECK_OUTPUT_KEY].ne_missing(other=True).arg_true().to_list()
        return rows


class _PandasFrames:
    """For schemas of pandas."""

    def convert(self, frame: pl.DataFrame, schema: Any) -> Any:
        converted = as_pandas(frame)
        for name, column in schema.columns.items():
            if name in frame.columns and column.dtype is not None:
                with suppress(TypeError, ValueError):  # left as it is, and fails by its type
                    if _is_of_kind(frame.schema[name], column.dtype.type):
                        converted[name] = converted[name].astype(column.dtype.type)
        return converted

    def failing_rows(self, error: Any, frame: Any) -> list[int]:
        if _tells_too_little(error):
            return []
        rows = {int(label) for label in chain(_labels(error), _duplicates(error, frame))}
        return sorted(rows) if rows <= set(range(len(frame))) else []


def _tells_too_little(error: Any) -> bool:
    """Whether rows may be duplicates in more columns than pandera tells.

    It stops at the first set of columns that has some, and gives all columns of a pattern the last one's name.
    """
    if error.reason_code.name == "DUPLICATES":
        return len(_unique_sets(error.schema)) > 1
    return error.reason_code.name == "SERIES_CONTAINS_DUPLICATES" and bool(error.schema.regex)


def _is_of_kind(dtype: pl.DataType, wanted: Any) -> bool:
    """Whether pandas has several types for what is one in polars, and the schema wants one of these."""
    import polars as pl
    from pandas.api import types

    wanted = types.pandas_dtype(wanted)
    if dtype == pl.String:
        return bool(types.is_string_dtype(wanted))
    if dtype == pl.Boolean:
        return bool(types.is_bool_dtype(wanted))
    if isinstance(dtype, pl.Datetime):
        return str(wanted).startswith("datetime64[ns")
    return dtype.is_integer() and str(wanted).lower() == str(dtype).lower()


def _labels(error: Any) -> Iterator[Any]:
    """The index labels, which are row numbers, of the rows that failed."""
    import pandas as pd

    if isinstance(error.check_output, pd.Series):
        yield from error.check_output.index[~error.check_output.fillna(True).astype(bool)]
    cases = error.failure_cases
    if isinstance(cases, pd.DataFrame) and "index" in cases:
        yield from cases["index"].dropna()


def _duplicates(error: Any, frame: Any) -> Iterator[Any]:
    """The rows that a failure of uniqueness is about: pandera leaves out those that consist of nulls."""
    if error.reason_code.name == "DUPLICATES":
        [columns] = _unique_sets(error.schema)
    elif error.reason_code.name == "SERIES_CONTAINS_DUPLICATES":
        columns = [error.schema.name]
    else:
        return
    keep = {"exclude_first": "first", "exclude_last": "last"}.get(error.schema.report_duplicates, False)
    yield from frame.index[frame.duplicated(subset=columns, keep=keep)]
