"""Pandera schemas of pandas frames, such as a team has already."""

from __future__ import annotations

import pandera.pandas as pa


class OfferModel(pa.DataFrameModel):
    name: str
    price: pa.typing.Series[pa.Int64] = pa.Field(gt=0, nullable=True)


def _crash(_: object) -> bool:
    raise KeyError("secret input")


offers = pa.DataFrameSchema({"name": pa.Column(str), "price": pa.Column("Int64", pa.Check.gt(0), nullable=True)})
crashing = pa.DataFrameSchema({"name": pa.Column(str, pa.Check(_crash))})
several = pa.DataFrameSchema(
    {
        "name": pa.Column(str, pa.Check.str_length(2, 9), nullable=False),
        "price": pa.Column(int, [pa.Check.gt(0), pa.Check.lt(100), pa.Check.ne(13), pa.Check.isin([*range(-5, 50)])]),
    }
)
unique = pa.DataFrameSchema({"name": pa.Column(str, unique=True)})
unique_together = pa.DataFrameSchema({"name": pa.Column(str), "price": pa.Column(int)}, unique=["name", "price"])
unique_nullable = pa.DataFrameSchema({"name": pa.Column(str, unique=True, nullable=True)})
unique_together_nullable = pa.DataFrameSchema(
    {"name": pa.Column(str, nullable=True), "price": pa.Column("Int64", nullable=True)}, unique=["name", "price"]
)
unique_twice = pa.DataFrameSchema({"name": pa.Column(str), "price": pa.Column(int)}, unique=[["name"], ["price"]])
unique_unknown = pa.DataFrameSchema({"name": pa.Column(str)}, unique=["code"])
average = pa.DataFrameSchema({"price": pa.Column(int, pa.Check(lambda price: price.mean() > 5))})
scalar = pa.DataFrameSchema({"price": pa.Column(int, pa.Check(lambda price: bool(price.sum() > 5)))})
own_rows = pa.DataFrameSchema({"price": pa.Column(int, pa.Check(lambda price: price > 0, element_wise=True))})
between_columns = pa.DataFrameSchema(checks=pa.Check(lambda frame: frame["price"] < frame["limit"]))
dropping = pa.DataFrameSchema({"name": pa.Column(str), "price": pa.Column(int, pa.Check.gt(0))}, drop_invalid_rows=True)
dropping_column = pa.DataFrameSchema({"price": pa.Column(int, pa.Check.gt(0), drop_invalid_rows=True)})
adding = pa.DataFrameSchema({"name": pa.Column(str, default="x"), "price": pa.Column(int)}, add_missing_columns=True)
strict = pa.DataFrameSchema({"price": pa.Column(int)}, strict=True)
coercing = pa.DataFrameSchema({"price": pa.Column(int, pa.Check.gt(0), coerce=True)})
pattern = pa.DataFrameSchema({"^price_.*$": pa.Column(int, pa.Check.gt(0), regex=True)})
pattern_unique = pa.DataFrameSchema({"^price_.*$": pa.Column(float, unique=True, nullable=True, regex=True)})
named_as_builtin = pa.DataFrameSchema(
    {"price": pa.Column(int, pa.Check(lambda price: price > price.mean(), name="greater_than"))}
)
few_cases = pa.DataFrameSchema({"price": pa.Column(int, pa.Check.gt(0, n_failure_cases=1))})
warning_only = pa.DataFrameSchema({"price": pa.Column(int, pa.Check.gt(0, raise_warning=True))})
parsing = pa.DataFrameSchema({"price": pa.Column(int)}, parsers=pa.Parser(lambda frame: frame.head(1)))
parsing_column = pa.DataFrameSchema({"price": pa.Column(int, parsers=pa.Parser(abs))})
indexed = pa.DataFrameSchema({"price": pa.Column(int)}, index=pa.Index(int))
in_groups = pa.DataFrameSchema(
    {
        "name": pa.Column(str),
        "price": pa.Column(int, pa.Check(lambda groups: all(g.sum() > 0 for g in groups.values()), groupby="name")),
    }
)
types = pa.DataFrameSchema(
    {
        "whole": pa.Column("Int64"),
        "small": pa.Column("int32"),
        "flag": pa.Column("boolean"),
        "text": pa.Column(object),
        "at": pa.Column("datetime64[ns]"),
    }
)
wide = pa.DataFrameSchema({"small": pa.Column("int64")})
text = pa.DataFrameSchema({"text": pa.Column(str)})
relabelled = pa.DataFrameSchema(
    {"price": pa.Column(int, pa.Check(lambda price: (price > 0).set_axis(price.index + 9)))}
)
