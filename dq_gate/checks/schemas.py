"""What columns a batch has, as something that can be stored and compared: the references of schema rules.

A reference is plain JSON, made by `schema_of`:

    {"version": 1, "columns": {"id": {"type": "int"}, "seen": {"type": "str", "form": "9/9/9999 9:9"}}}

`type` is a field type of the pack language, "date" or "other"; a column that had no value has none. `form` is how most
values of a text column are written, when they are written alike: "int", "float", or a pattern in which `a` stands for
letters, `9` for one to three digits and `9999` for four. Text in words has no form.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

ColumnType = Literal[
    "str", "int", "float", "bool", "datetime", "list[str]", "vector", "object", "any", "date", "other"
]  # fmt: skip
_SAMPLED = 1000
"""Values of a frame whose form is looked at."""
_LONGEST_FORM = 40
_FEWEST = 5
"""Fewer values than this show no form."""
_ALIKE = 0.9
"""The share of values that have to be written alike for a column to have a form."""
_NUMBER = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$"


class ColumnSchema(BaseModel):
    """A column.

    Attributes:
        type: Of its values; None when it had none.
        form: How its text is written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: ColumnType | None = None
    form: str | None = None


class Schema(BaseModel):
    """The columns of a batch, by name. See the module's docstring.

    Attributes:
        version: Of this format.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    columns: dict[str, ColumnSchema]


def parse_schema(content: bytes | Mapping[str, Any]) -> Schema:
    """A schema as it was stored, or as it is written in a pack: `{column: type}`.

    Raises:
        ValueError: it is none.
    """
    try:
        given = json.loads(content) if isinstance(content, bytes) else dict(content)
        if isinstance(given, dict) and all(isinstance(value, str) for value in given.values()):
            given = {"columns": {name: {"type": type_} for name, type_ in given.items()}}
        schema = Schema.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise ValueError(f"reference: {'.'.join(map(str, problem['loc']))}: {problem['msg']}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"reference: no JSON: {error}") from None
    if not schema.columns:
        raise ValueError("reference: names no column")
    return schema


def schema_of(frame: pl.DataFrame) -> dict[str, Any]:
    """Sum up the columns of a frame, to hold later batches against.

    Returns:
        A reference, fit for JSON and the option `reference` of the check `schema_drift`.
    """
    seen = {name: ColumnCounts() for name in frame.columns}
    for name, counts in seen.items():
        counts.add(frame[name])
    columns = {name: ColumnSchema(type=counts.type(), form=counts.form()) for name, counts in seen.items()}
    return Schema(columns=columns).model_dump(exclude_none=True)


class ColumnCounts:
    """What a column's values were, over the frames of a batch.

    Attributes:
        types: Values by type.
        forms: Values of text by form, of a sample.
    """

    def __init__(self) -> None:
        self.types: Counter[ColumnType] = Counter()
        self.forms: Counter[str] = Counter()

    def add(self, values: pl.Series) -> None:
        """Count the values of a frame."""
        import polars as pl

        if values.dtype == pl.Object:
            present = [value for value in values if value is not None]
            self.types.update(map(_type_of_value, present))
            return
        column_type = _type_of_column(values.dtype)
        if column_type is None:
            return
        self.types[column_type] += len(values) - values.null_count()
        if column_type == "str":
            self.forms.update(_forms(values.drop_nulls().head(_SAMPLED).cast(pl.String)))

    def type(self) -> ColumnType | None:
        """The type of all values: None if there are none, "any" if there are several."""
        seen = {column_type for column_type, count in self.types.items() if count}
        if seen == {"int", "float"}:
            return "float"
        return seen.pop() if len(seen) == 1 else ("any" if seen else None)

    def form(self) -> str | None:
        """The form of nearly all text."""
        total = self.forms.total()
        if total < _FEWEST:
            return None
        numbers = self.forms["int"] + self.forms["float"]
        if numbers >= _ALIKE * total:
            return "float" if self.forms["float"] else "int"
        form, count = self.forms.most_common(1)[0]
        return form if count >= _ALIKE * total and "9" in form else None

    def share_of_type(self, expected: ColumnType | None) -> float:
        """The share of values that are of a type; whole numbers are of type float too. 1 if there are none."""
        total = self.types.total()
        if not total or expected in (None, "any"):
            return 1.0
        fitting = self.types[expected] + (self.types["int"] if expected == "float" else 0)
        return fitting / total

    def share_of_form(self, expected: str | None) -> float:
        """The share of text that is written in a form. 1 if there are too few to say."""
        total = self.forms.total()
        if expected is None or total < _FEWEST:
            return 1.0
        fitting = self.forms[expected] + (self.forms["int"] if expected == "float" else 0)
        return fitting / total


def _forms(text: pl.Series) -> dict[str, int]:
    """How texts are written, with their number; what is long, or in words, is of the form "text"."""
    import polars as pl

    value = pl.col("v")
    is_int = value.str.contains(r"^[-+]?[0-9]+$")
    pattern = (
        value.str.replace_all(r"\p{L}+", "a")
        .str.replace_all("[0-9]{4}", "Y")
        .str.replace_all("[0-9]+", "9")
        .str.replace_all("Y", "9999", literal=True)
        .str.replace_all(r"\s+", " ")
    )
    form = (
        pl.when(value.str.len_chars() > _LONGEST_FORM).then(pl.lit("text"))
        .when(is_int).then(pl.lit("int"))
        .when(value.str.contains(_NUMBER)).then(pl.lit("float"))
        .when(pattern.str.contains("9", literal=True)).then(pattern)
        .otherwise(pl.lit("text"))
    )  # fmt: skip
    counted = text.alias("v").to_frame().select(form.alias("form")).to_series().value_counts()
    return dict(counted.iter_rows())


def _type_of_column(dtype: pl.DataType) -> ColumnType | None:
    import polars as pl

    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return "str"
    if dtype.is_integer():
        return "int"
    if dtype.is_float():
        return "float"
    if isinstance(dtype, (pl.List, pl.Array)):
        inner = dtype.inner
        return "list[str]" if inner == pl.String else ("vector" if inner.is_numeric() else None)
    if isinstance(dtype, pl.Datetime):
        return "datetime"
    others: dict[Any, ColumnType] = {pl.Boolean: "bool", pl.Date: "date", pl.Struct: "object"}
    return None if dtype == pl.Null else others.get(type(dtype), "other")


def _type_of_value(value: Any) -> ColumnType:
    for kind, column_type in _VALUE_TYPES:
        if isinstance(value, kind):
            return column_type
    if isinstance(value, (list, tuple)):
        return "list[str]" if all(isinstance(item, str) for item in value) else "vector"
    return "vector" if getattr(value, "ndim", 0) == 1 else "other"


_VALUE_TYPES: tuple[tuple[type, ColumnType], ...] = (
    (str, "str"),
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (datetime, "datetime"),
    (dict, "object"),
)
