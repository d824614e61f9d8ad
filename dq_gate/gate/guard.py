"""The decorator: a wrapper of the function's own kind that lets no unjudged argument through."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from dq_gate.core.flow import FallBack, Proceed
from dq_gate.errors import BindingError, InputQuarantined
from dq_gate.gate.binding import Binding

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Mapping

    from dq_gate.core.flow import Ending
    from dq_gate.core.model import Decision
    from dq_gate.gate.rules import Rules
    from dq_gate.packs.compile import CompiledPack

F = TypeVar("F")


class Gate(Protocol):
    """What a wrapper needs of a gate: the rules in force, and the two ways through."""

    rules: Rules

    def add_guard(self, call: GuardedCall) -> None:
        """Remember a guarded function."""
        ...

    def run(self, record: Any, *, has_fallback: bool, rules: Rules) -> Ending:
        """Send a record through the flow, waiting."""
        ...

    async def arun(self, record: Any, *, has_fallback: bool, rules: Rules) -> Ending:
        """Send a record through the flow, awaiting."""
        ...


def guard(gate: Gate, target: F, bind: Mapping[str, str], fallback: Callable[[Decision], Any] | None) -> F:
    """Wrap a function, coroutine function, generator function, async generator function, method or classmethod."""
    if isinstance(target, (classmethod, staticmethod)):
        return cast("F", type(target)(guard(gate, target.__func__, bind, fallback)))
    if not callable(target):
        raise BindingError(f"@gate.guard wraps functions; {type(target).__name__} cannot be called")
    call = GuardedCall(gate, target, bind, fallback)
    return cast("F", functools.wraps(target)(call.wrapper()))


class GuardedCall:
    """What the wrappers of every kind share: arguments in, verdict, arguments out."""

    def __init__(
        self,
        gate: Gate,
        function: Callable[..., Any],
        bind: Mapping[str, str],
        fallback: Callable[[Decision], Any] | None,
    ) -> None:
        self._gate = gate
        self._function = function
        self._bind = bind
        self._fallback = fallback
        self._bound = self._bind_to(gate.rules)
        gate.add_guard(self)

    def refuse_unless_fits(self, pack: CompiledPack) -> None:
        """Raise where a pack does not fit the function.

        Raises:
            BindingError: says what does not fit.
        """
        Binding(self._function, pack.plan.fields, self._bind)

    def _bind_to(self, rules: Rules) -> tuple[Rules, Binding]:
        return rules, Binding(self._function, rules.pack.plan.fields, self._bind)

    def _in_force(self) -> tuple[Rules, Binding]:
        """The gate's rules as they are now, with the binding to their fields."""
        bound = self._bound
        if bound[0] is not self._gate.rules:
            bound = self._bound = self._bind_to(self._gate.rules)
        return bound

    def wrapper(self) -> Callable[..., Any]:
        """A wrapper of the function's own kind."""
        function = self._function
        if not inspect.isroutine(function) and not isinstance(function, functools.partial):
            function = type(function).__call__
        if inspect.isasyncgenfunction(function):
            return self._async_generator_wrapper()
        if inspect.iscoroutinefunction(function):
            return self._coroutine_wrapper()
        if inspect.isgeneratorfunction(function):
            return self._generator_wrapper()
        return self._function_wrapper()

    def _function_wrapper(self) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            rules, binding = self._in_force()
            record = binding.record(args, kwargs)
            ending = self._gate.run(record, has_fallback=self._fallback is not None, rules=rules)
            if type(ending) is Proceed:
                args, kwargs = binding.replace(args, kwargs, record, ending.record)
                return self._function(*args, **kwargs)
            return self._answer(ending)

        return wrapper

    def _coroutine_wrapper(self) -> Callable[..., Any]:
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            rules, binding = self._in_force()
            record = binding.record(args, kwargs)
            ending = await self._gate.arun(record, has_fallback=self._fallback is not None, rules=rules)
            if type(ending) is Proceed:
                args, kwargs = binding.replace(args, kwargs, record, ending.record)
                return await self._function(*args, **kwargs)
            answer = self._answer(ending)
            return await answer if inspect.isawaitable(answer) else answer

        return wrapper

    def _generator_wrapper(self) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            rules, binding = self._in_force()
            record = binding.record(args, kwargs)
            ending = self._gate.run(record, has_fallback=self._fallback is not None, rules=rules)
            if type(ending) is Proceed:
                args, kwargs = binding.replace(args, kwargs, record, ending.record)
                return (yield from self._function(*args, **kwargs))
            return (yield from self._answer(ending))

        return wrapper

    def _async_generator_wrapper(self) -> Callable[..., Any]:
        async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            rules, binding = self._in_force()
            record = binding.record(args, kwargs)
            ending = await self._gate.arun(record, has_fallback=self._fallback is not None, rules=rules)
            if type(ending) is Proceed:
                args, kwargs = binding.replace(args, kwargs, record, ending.record)
                stream = self._function(*args, **kwargs)
            else:
                answer = self._answer(ending)
                stream = answer if inspect.isasyncgen(answer) else _as_async_generator(answer)
            step = anext(stream)
            while True:
                try:
                    item = await step
                except StopAsyncIteration:
                    return
                try:
                    step = stream.asend((yield item))
                except GeneratorExit:
                    await stream.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 - thrown in by the consumer; the wrapped one decides
                    step = stream.athrow(error)

        return wrapper

    def _answer(self, ending: Ending) -> Any:
        """What a failing call gets: the fallback's answer, or `InputQuarantined`."""
        if isinstance(ending, FallBack):
            assert self._fallback is not None
            return self._fallback(ending.decision)
        assert not isinstance(ending, Proceed)
        raise InputQuarantined(ending.decision, ending.receipt.entry_id, ending.receipt.stored)


async def _as_async_generator(answer: Any) -> AsyncGenerator[Any, Any]:
    """A fallback's answer as a stream: it may be an awaitable, an async iterable or a plain iterable."""
    if inspect.isawaitable(answer):
        answer = await answer
    if hasattr(answer, "__aiter__"):
        async for item in answer:
            yield item
    else:
        for item in answer:
            yield item
