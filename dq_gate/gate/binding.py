"""How a guarded function's arguments become a record, and how repaired values get back in; decided at decoration."""

from __future__ import annotations

import inspect
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.errors import BindingError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dq_gate.core.decide import FieldPlan

_MISSING = inspect.Parameter.empty
_BY_POSITION_ONLY = frozenset({inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL})


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where one field's value stands in a call.

    Attributes:
        field: The pack's field.
        keyword: The name it may be passed by, also one that ends up in `**kwargs`; None when there is none.
        index: Position among positional arguments, or None for keyword-only.
        default: The function's default; it beats the pack's.
        takes_rest: The parameter is `*args`: the field's value is all of it.
        is_optional: It is looked up in `**kwargs`, where it may be missing.
    """

    field: str
    keyword: str | None
    index: int | None
    default: Any
    takes_rest: bool = False
    is_optional: bool = False


class Binding:
    """The way between a function's arguments and a pack's fields.

    Args:
        function: What is guarded.
        fields: The pack's fields.
        bind: Parameter name to field name, where they differ.

    Raises:
        BindingError: an unknown parameter or field, a required field without a parameter, or a parameter that
            cannot carry its field.
    """

    def __init__(self, function: Callable[..., Any], fields: tuple[FieldPlan, ...], bind: Mapping[str, str]) -> None:
        self._name = getattr(function, "__qualname__", type(function).__qualname__)
        self._signature = self._signature_of(function)
        self._bind = bind
        parameters = self._signature.parameters.values()
        self._takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
        self._defaults = [parameter.default for parameter in parameters]
        self._check_bind(fields)
        names = {field: parameter for parameter, field in bind.items()}
        slots = (self._slot(field, names.get(field.name)) for field in fields)
        self._slots = tuple(slot for slot in slots if slot is not None)

    def record(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The record that a call's arguments make; fields without argument and default are left out.

        Raises:
            TypeError: a required argument is missing, as the function itself would say.
        """
        record = {}
        for slot in self._slots:
            if slot.takes_rest:
                record[slot.field] = args[slot.index :]
            elif slot.keyword in kwargs:
                record[slot.field] = kwargs[slot.keyword]
            elif slot.index is not None and slot.index < len(args):
                record[slot.field] = args[slot.index]
            elif slot.default is not _MISSING:
                record[slot.field] = slot.default
            elif not slot.is_optional:
                self._refuse(args, kwargs)
        return record

    def replace(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with changed values put in, each in its own kind; the caller's objects stay as they are."""
        if after is before:
            return args, kwargs
        new_args, new_kwargs = list(args), dict(kwargs)
        for slot in self._slots:
            if slot.field not in after or after[slot.field] is before.get(slot.field, _MISSING):
                continue
            value = after[slot.field]
            if slot.takes_rest:
                new_args[slot.index :] = value
            elif slot.keyword not in kwargs and slot.index is not None and slot.index < len(new_args):
                new_args[slot.index] = value
            elif slot.keyword is not None:
                new_kwargs[slot.keyword] = value
            else:
                assert slot.index is not None
                new_args += [*self._defaults[len(new_args) : slot.index], value]
        return tuple(new_args), new_kwargs

    def _refuse(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self._name}() {error}") from None

    def _signature_of(self, function: Callable[..., Any]) -> inspect.Signature:
        try:
            return inspect.signature(function)
        except (TypeError, ValueError):
            raise BindingError(f"{self._name}: its parameters are not known; guard a function that calls it") from None

    def _check_bind(self, fields: tuple[FieldPlan, ...]) -> None:
        known = {field.name for field in fields}
        parameters = self._signature.parameters
        for parameter, field in self._bind.items():
            if field not in known:
                hint = did_you_mean(field, known)
                raise BindingError(f"{self._name}: bind names no field of the pack: {field!r}{hint}")
            if parameter not in parameters and not self._takes_any:
                hint = did_you_mean(parameter, parameters)
                raise BindingError(f"{self._name}: bind names no parameter: {parameter!r}{hint}")
        for field, times in Counter(self._bind.values()).items():
            if times > 1:
                raise BindingError(f"{self._name}: bind gives the field {field!r} {times} parameters; give it one")

    def _slot(self, field: FieldPlan, bound_to: str | None) -> _Slot | None:
        name = bound_to or field.name
        parameter = self._signature.parameters.get(name)
        if parameter is not None and (bound_to is not None or name not in self._bind):
            return self._slot_of(parameter, field)
        if parameter is None and self._takes_any:
            return _Slot(field.name, name, None, _MISSING, is_optional=True)
        if field.null_rule is None:
            return None
        names = ", ".join(self._signature.parameters) or "none"
        raise BindingError(
            f"{self._name}: no parameter for the required field {field.name!r} (parameters: {names}); "
            f"name one with @gate.guard(bind={{'parameter': {field.name!r}}})"
        )

    def _slot_of(self, parameter: inspect.Parameter, field: FieldPlan) -> _Slot:
        kind = parameter.kind
        takes_rest = kind is inspect.Parameter.VAR_POSITIONAL
        if kind is inspect.Parameter.VAR_KEYWORD or (takes_rest and not field.accepts(())):
            stars, carried = ("*", "a tuple") if takes_rest else ("**", "all other keywords")
            raise BindingError(
                f"{self._name}: {stars}{parameter.name} carries {carried}, which cannot be the field {field.name!r} "
                f"({field.type_name}); name another with @gate.guard(bind={{'parameter': {field.name!r}}})"
            )
        keyword = None if kind in _BY_POSITION_ONLY else parameter.name
        is_keyword_only = kind is inspect.Parameter.KEYWORD_ONLY
        index = None if is_keyword_only else list(self._signature.parameters).index(parameter.name)
        return _Slot(field.name, keyword, index, parameter.default, takes_rest)
