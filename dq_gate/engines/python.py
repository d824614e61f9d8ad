"""Values and records judged by a function of the user's own."""

from __future__ import annotations

import inspect
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import Field, StrictStr

from dq_gate.checks.base import AnyCompiled, Compiled, CompiledRecord, Options, check
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dq_gate.checks.base import Context

_MAX_MESSAGE = 200
_REFUSED = (
    (inspect.iscoroutinefunction, "is async"),
    (inspect.isasyncgenfunction, "is an async generator"),
    (inspect.isgeneratorfunction, "is a generator"),
)


class PythonOptions(Options):
    """A function.

    Attributes:
        function: Where it is, as `package.module:name`.
        options: Keyword arguments for it.
    """

    function: StrictStr
    options: dict[StrictStr, Any] = Field(default_factory=dict)


@check(
    "python",
    PythonOptions,
    accepts=("str", "int", "float", "bool", "datetime", "list[str]", "vector", "object", "any"),
    passes=(),
    fails=(),
    subject="either",
    with_context=True,
)
def python(options: PythonOptions, context: Context) -> AnyCompiled:
    """A Python function passes the value, or the record.

    Options:
        function: the function, as `package.module:name`; required. Its package stands in the setting
            `trusted_packages`.
        options: a mapping of keyword arguments that it is called with; default none.

    With `field`, the function is called with the field's value; without, with a read-only view of the whole record,
    null and unknown fields included. It must not change what is nested in them. It returns None or True when all is
    well, and False, a message or a `dq_gate.core.model.Finding` when not; anything else is a crash, as is anything
    it raises. A message is for operators and must not repeat the input; it is cut to one line of 200 characters.

    The function is called for every input, from several threads at once, and on frames row by row.
    """
    function = context.load(options.function)
    _refuse_unfit(function, options)
    name = options.function.partition(":")[2]
    judge = _judge(partial(function, **options.options) if options.options else function, name)
    if context.field is not None:
        return Compiled(judge, suspects=None)

    def judge_record(record: Mapping[str, Any]) -> Finding | None:
        return judge(MappingProxyType(record))

    return CompiledRecord(judge_record, needs=None)


def _refuse_unfit(function: Any, options: PythonOptions) -> None:
    """Refuse what could not judge a single input.

    Raises:
        ValueError: says what is wrong with the function, or with the options for it.
    """
    if not callable(function):
        kind = type(function).__name__
        raise ValueError(f"{options.function} cannot be called: it is of type {kind}")  # noqa: TRY004 - a pack's error
    for is_refused, what in _REFUSED:
        if is_refused(function) or is_refused(getattr(function, "__call__", None)):  # noqa: B004 - the method itself
            raise ValueError(f"{options.function} {what}; a check is a plain function")
    try:
        signature = inspect.signature(function)
    except ValueError:
        raise ValueError(f"{options.function} does not tell its parameters; wrap it in a function") from None
    try:
        signature.bind(object(), **options.options)
    except TypeError as error:
        raise ValueError(f"{options.function} does not take one input and these options: {error}") from None


def _judge(function: Callable[[Any], Any], name: str) -> Callable[[Any], Finding | None]:
    refused = Finding(f"{name} refuses it")

    def judge(value: Any) -> Finding | None:
        answer = function(value)
        if answer is None or answer is True:
            return None
        if answer is False:
            return refused
        if isinstance(answer, str):
            return Finding(_one_line(answer) or refused.message)
        if isinstance(answer, Finding):
            return Finding(_one_line(answer.message) or refused.message, answer.span)
        raise TypeError(f"{name} returned a {type(answer).__name__}; None, a bool, a message or a Finding is expected")

    return judge


def _one_line(message: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in message).split())[:_MAX_MESSAGE]
