"""Records judged by a pydantic model that the user has already."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import StrictStr, TypeAdapter, ValidationError

from dq_gate.checks.base import CompiledRecord, Options, check
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic_core import ErrorDetails

    from dq_gate.checks.base import Context

_SHOWN = 3
"""Problems that a finding lists; more are counted."""
_TYPE_CODE = re.compile(r"[a-z0-9_]{1,64}")
_WRAPPERS = frozenset({"model", "dataclass", "function-before", "function-after", "function-wrap"})
_FIELD_LISTS = frozenset({"model-fields", "typed-dict", "dataclass-args"})


class PydanticOptions(Options):
    """A model.

    Attributes:
        model: Where it is, as `package.module:name`.
        strict: Whether pydantic converts nothing; None leaves it to the model.
    """

    model: StrictStr
    strict: bool | None = None


@check("pydantic", PydanticOptions, accepts=(), passes=(), fails=(), subject="record", with_context=True)
def pydantic(options: PydanticOptions, context: Context) -> CompiledRecord:
    """The record is valid by a pydantic model.

    Options:
        model: a model class, `TypedDict`, dataclass or other type that pydantic can validate, as
            `package.module:name`; required. Its package stands in the setting `trusted_packages`.
        strict: true forbids pydantic to convert anything, false lets it; default: as the model is configured.

    The model judges and changes nothing: what it converts, fills in or strips is not passed on. A model that is not
    strict lets "5" pass for an int, and the input stays "5"; the pack's own field types are always strict. Missing,
    None and NaN are one and the same, as everywhere in a pack: a field with a default is then left to it, and a field
    without one gets None. The model sees the whole record, fields that the pack does not name included. Validators
    get a copy of the record, but not of what is nested in it, which they must leave as it is.

    The finding lists up to three problems by location and pydantic's type of error; `*` stands for a key that is no
    field of the model. A validator that raises anything but a ValueError or an AssertionError is a crash. `Iterable`
    and `Generator` fields are refused, for pydantic would not look into them.
    """
    adapter = _adapter(context.load(options.model), options.model)
    schema = adapter.core_schema
    if any(node.get("type") == "generator" for node in _nodes(schema)):
        raise ValueError(f"{options.model}: pydantic checks no item of an Iterable or Generator field; make it a list")
    names = frozenset(_names(schema))
    validate, strict, with_nulls = adapter.validator.validate_python, options.strict, _null_handling(schema)

    def judge(record: Mapping[str, Any]) -> Finding | None:
        values = with_nulls(record)
        try:
            validate(values, strict=strict)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
            return Finding(_message(problems, names, values))
        return None

    return CompiledRecord(judge, needs=None)


def _adapter(model: Any, reference: str) -> TypeAdapter[Any]:
    """Builds everything now: a model that is not complete would only crash on its first record.

    Raises:
        ValueError: pydantic cannot validate records by it.
    """
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(model)
        adapter.rebuild(raise_errors=True)
        root = _root(adapter.core_schema)["type"]
    except Exception as error:  # the user's own code may take part in building, and raise anything
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"{reference}: pydantic cannot validate by it: {reason}") from error
    if root == "call":
        raise ValueError(f"{reference} is a function; name a model, or use `check: python`")
    if root == "any":
        raise ValueError(f"{reference} lets everything pass")
    return adapter


def _message(problems: list[ErrorDetails], names: frozenset[str], values: Mapping[str, Any]) -> str:
    shown = "; ".join(f"{_place(problem, names)}: {_kind(problem, values)}" for problem in problems[:_SHOWN])
    more = len(problems) - _SHOWN
    return f"{shown}; and {more} more" if more > 0 else shown


def _place(problem: ErrorDetails, names: frozenset[str]) -> str:
    """Where the problem is. Keys that an input chose are not repeated."""
    parts = (str(part) if isinstance(part, int) or part in names else "*" for part in problem["loc"])
    return ".".join(parts) or "record"


def _kind(problem: ErrorDetails, values: Mapping[str, Any]) -> str:
    """Pydantic's code for the problem; the code of a validator of the user's own only when it looks like one."""
    place = problem["loc"]
    if len(place) == 1 and values.get(str(place[0]), place) is None:
        return "missing"
    return problem["type"] if _TYPE_CODE.fullmatch(problem["type"]) else "custom"


def _null_handling(schema: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Makes a copy of the record in which nulls and missing fields are the same.

    Fields with an alias stay as they are: what they are called depends on the model's configuration.
    """
    fields = [(name, field) for name, field in _fields_of(_root(schema)) if "validation_alias" not in field]
    optional = tuple(name for name, field in fields if not _is_required(field))
    required = tuple(name for name, field in fields if _is_required(field))

    def with_nulls(record: Mapping[str, Any]) -> dict[str, Any]:
        values = dict(record)
        for name in optional:
            if _is_null(values.get(name)):
                values.pop(name, None)
        for name in required:
            if _is_null(values.get(name)):
                values[name] = None
        return values

    return with_nulls


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)  # noqa: PLR0124 - NaN


def _is_required(field: Mapping[str, Any]) -> bool:
    required = field.get("required")
    return field["schema"]["type"] != "default" if required is None else bool(required)


def _root(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of pydantic's schema that the record itself meets, without what is wrapped around it."""
    shared: dict[str, Mapping[str, Any]] = {}
    while True:
        kind = schema["type"]
        if kind == "definitions":
            shared |= {part["ref"]: part for part in schema["definitions"]}
        elif kind == "definition-ref":
            schema = shared[schema["schema_ref"]]
            continue
        elif kind not in _WRAPPERS:
            return schema
        schema = schema["schema"]


def _fields_of(node: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    fields = node["fields"] if node.get("type") in _FIELD_LISTS else ()
    yield from fields.items() if isinstance(fields, Mapping) else ((field["name"], field) for field in fields)


def _names(schema: Mapping[str, Any]) -> Iterator[str]:
    """Every name that the model gives a field anywhere."""
    for node in _nodes(schema):
        for name, field in _fields_of(node):
            yield name
            yield from _texts(field.get("validation_alias"))


def _texts(alias: Any) -> Iterator[str]:
    """The names in an alias, which may be a text, a path or several paths."""
    if isinstance(alias, str):
        yield alias
    elif isinstance(alias, list):
        for part in alias:
            yield from _texts(part)


def _nodes(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Every part of a pydantic schema; a tree, for what repeats in it is referred to by name."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            yield node
            waiting += (part for key, part in node.items() if key not in ("metadata", "default"))
        elif isinstance(node, list | tuple):
            waiting += node
