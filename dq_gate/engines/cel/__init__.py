"""One expression of the Common Expression Language over the whole record.

`parse` reads it, `resolve` settles names and types and refuses what is not supported, `closure` and `columns` make of
the resulting terms one function over a record and one expression over columns.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, StrictStr

from dq_gate.checks.base import CompiledRecord, Context, Options, check
from dq_gate.core.model import Finding
from dq_gate.engines.cel.closure import compile_closure
from dq_gate.engines.cel.columns import suspects
from dq_gate.engines.cel.parse import read_expression
from dq_gate.engines.cel.resolve import resolve_types

if TYPE_CHECKING:
    from collections.abc import Mapping

_QUOTED = 120
"""Characters of the expression that a finding quotes."""
_AFFORDABLE = {"expr": "top_k <= 20 || tenant == 'acme'"}
_REACHABLE = {"expr": "email != null || phone != null"}


class CelOptions(Options):
    """What has to be true.

    Attributes:
        expr: In CEL, over the pack's fields.
    """

    expr: Annotated[StrictStr, Field(min_length=1)]


@check(
    "cel",
    CelOptions,
    accepts=(),
    subject="record",
    with_context=True,
    passes=(
        (_AFFORDABLE, {"top_k": 20, "tenant": "globex"}),
        (_AFFORDABLE, {"top_k": 50, "tenant": "acme"}),
        (_REACHABLE, {"phone": "1"}),
    ),
    fails=((_AFFORDABLE, {"top_k": 21, "tenant": "globex"}), (_REACHABLE, {})),
)
def cel(options: CelOptions, context: Context) -> CompiledRecord:
    r"""An expression over the record is true.

    Options:
        expr: the expression, in CEL (Common Expression Language), over the pack's fields by their names; required.

    Supported are `&& || ! ?:`, `== != < <= > >=`, `in` (a list that is written out, a list[str] field, a key in an
    object field), `+ - * / %`, and text with `+`; `size(x)` of text (in code points), lists and vectors;
    `contains`, `startsWith`, `endsWith`, `matches` (RE2, as in the check `matches`); `list[0]`; `all` and `exists`
    over a list[str] field (`tags.all(t, t.size() < 20)`); `double(x)`; `timestamp('2026-01-31T12:00:00Z')` to compare
    datetime fields with; `object.key` and `has(object.key)`. Names, functions and types are checked when the pack is
    loaded: anything else is refused then, with the reason.

    The rule is skipped for a record in which a field that it reads is null, unless the expression compares that field
    with null somewhere: `email == null || email.contains('@')`. What CEL has no answer for is an error, which the
    rule's `on_error` decides on: a whole number beyond 64 bits, a division by zero, an index or a key that is not
    there. As in CEL, `&&` and `||` do not mind an error on one side when the other side settles the answer. Whole and
    broken numbers compare exactly, but do not mix in arithmetic without `double`. A datetime without a time zone is
    taken as UTC. A key of an object, or a field of type any, can be anything: it compares by `==`, `!=` and `in` only,
    with text, numbers and booleans.
    """
    term = resolve_types(read_expression(options.expr), context.fields)
    read = [part for part in term.walk() if part.op in ("field", "nullable")]
    if not read:
        raise ValueError("the expression names no field of the pack")
    needs = tuple(dict.fromkeys(part.value for part in read if part.op == "field"))
    holds = compile_closure(term)
    finding = Finding(f"is not true: {_shortened(options.expr)}")

    def judge(record: Mapping[str, Any]) -> Finding | None:
        return None if holds(record) else finding

    return CompiledRecord(judge, needs, partial(suspects, term, needs))


def _shortened(expression: str) -> str:
    words = " ".join(expression.split())
    return words if len(words) <= _QUOTED else f"{words[:_QUOTED]}…"
