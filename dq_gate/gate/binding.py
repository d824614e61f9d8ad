"""How a guarded function's arguments become a record, and how repaired values get back in; decided at decoration."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.errors import BindingError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dq_gate.core.decide import FieldPlan

_MISSING = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where one field's value stands in a call.

    Attributes:
        field: The pack's field.
        name: The parameter's name; for `**kwargs`, the keyword looked up in it.
        index: Position among positional arguments, or None for keyword-only.
        default: The function's default; it beats the pack's.
        takes_rest: The parameter is `*args`: the field's value is all of it.
        is_optional: It is looked up in `**kwargs`, where it may be missing.
    """

    field: str
    name: str
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
        BindingError: an unknown parameter or field, or a required field without a parameter.
    """

    def __init__(self, function: Callable[..., Any], fields: tuple[FieldPlan, ...], bind: Mapping[str, str]) -> None:
        self.signature = inspect.signature(function)
        self._name = getattr(function, "__qualname__", repr(function))
        self._bind = bind
        self._takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in self.signature.parameters.values())
        self._check_bind(fields)
        names = {field: parameter for parameter, field in bind.items()}
        slots = (self._slot(field, names.get(field.name)) for field in fields)
        self._slots = tuple(slot for slot in slots if slot is not None)

    def record(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The record that a call's arguments make; fields without argument and default are left out.

        Raises:
            TypeError: the function's own, when a required argument is missing.
        """
        record = {}
        for slot in self._slots:
            if slot.takes_rest:
                record[slot.field] = args[slot.index :]
            elif slot.name in kwargs:
                record[slot.field] = kwargs[slot.name]
            elif slot.index is not None and slot.index < len(args):
                record[slot.field] = args[slot.index]
            elif slot.default is not _MISSING:
                record[slot.field] = slot.default
            elif not slot.is_optional:
                self.signature.bind(*args, **kwargs)
        return record

    def replace(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with changed values put in, each in its own kind; the caller's objects stay as they are."""
        new_args, new_kwargs = list(args), dict(kwargs)
        for slot in self._slots:
            if slot.field not in after or after[slot.field] is before.get(slot.field, _MISSING):
                continue
            value = after[slot.field]
            if slot.takes_rest:
                new_args[slot.index :] = value
            elif slot.name not in kwargs and slot.index is not None and slot.index < len(args):
                new_args[slot.index] = value
            else:
                new_kwargs[slot.name] = value
        return tuple(new_args), new_kwargs

    def _check_bind(self, fields: tuple[FieldPlan, ...]) -> None:
        known = {field.name for field in fields}
        for parameter, field in self._bind.items():
            if field not in known:
                hint = did_you_mean(field, known)
                raise BindingError(f"{self._name}: bind names no field of the pack: {field!r}{hint}")
            if parameter not in self.signature.parameters and not self._takes_any:
                hint = did_you_mean(parameter, self.signature.parameters)
                raise BindingError(f"{self._name}: bind names no parameter: {parameter!r}{hint}")

    def _slot(self, field: FieldPlan, bound_to: str | None) -> _Slot | None:
        name = bound_to or field.name
        parameter = self._parameter(name, is_bound=bound_to is not None)
        if parameter is not None:
            position = list(self.signature.parameters).index(name)
            index = None if parameter.kind is inspect.Parameter.KEYWORD_ONLY else position
            takes_rest = parameter.kind is inspect.Parameter.VAR_POSITIONAL
            return _Slot(field.name, name, index, parameter.default, takes_rest)
        if self._takes_any:
            return _Slot(field.name, name, None, _MISSING, is_optional=True)
        if field.null_rule is None:
            return None
        names = ", ".join(self.signature.parameters) or "none"
        raise BindingError(
            f"{self._name}: no parameter for the required field {field.name!r} (parameters: {names}); "
            f"name one with @gate.guard(bind={{'parameter': {field.name!r}}})"
        )

    def _parameter(self, name: str, *, is_bound: bool) -> inspect.Parameter | None:
        """The parameter that carries a field: one that `bind` names, or one of the field's own name."""
        parameter = self.signature.parameters.get(name)
        if parameter is None or parameter.kind is inspect.Parameter.VAR_KEYWORD:
            return None
        belongs_elsewhere = name in self._bind or parameter.kind is inspect.Parameter.VAR_POSITIONAL
        return None if belongs_elsewhere and not is_bound else parameter
