"""The four kinds of function that a gate guards, and how each is called to its end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Kind:
    """A kind of function.

    Attributes:
        make: Makes a function of this kind that notes each call and answers with its query and top_k.
        run: Calls a function of this kind to its end; what it answered.
    """

    make: Callable[[list[Any]], Callable[..., Any]]
    run: Callable[..., Any]


def _function(calls: list[Any]) -> Callable[..., Any]:
    def retrieve(query, top_k=5, *, deadline=1.0):
        """Find what fits a query."""
        calls.append((query, top_k, deadline))
        return query, top_k

    return retrieve


def _coroutine(calls: list[Any]) -> Callable[..., Any]:
    async def retrieve(query, top_k=5, *, deadline=1.0):
        """Find what fits a query."""
        calls.append((query, top_k, deadline))
        await asyncio.sleep(0)
        return query, top_k

    return retrieve


def _generator(calls: list[Any]) -> Callable[..., Any]:
    def retrieve(query, top_k=5, *, deadline=1.0):
        """Find what fits a query."""
        calls.append((query, top_k, deadline))
        yield query
        yield top_k

    return retrieve


def _async_generator(calls: list[Any]) -> Callable[..., Any]:
    async def retrieve(query, top_k=5, *, deadline=1.0):
        """Find what fits a query."""
        calls.append((query, top_k, deadline))
        yield query
        await asyncio.sleep(0)
        yield top_k

    return retrieve


def _run_coroutine(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    async def run() -> Any:
        return await function(*args, **kwargs)

    return asyncio.run(run())


def _run_async_generator(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, ...]:
    async def run() -> tuple[Any, ...]:
        return tuple([item async for item in function(*args, **kwargs)])

    return asyncio.run(run())


KINDS = {
    "function": Kind(_function, lambda function, *args, **kwargs: function(*args, **kwargs)),
    "coroutine": Kind(_coroutine, _run_coroutine),
    "generator": Kind(_generator, lambda function, *args, **kwargs: tuple(function(*args, **kwargs))),
    "async generator": Kind(_async_generator, _run_async_generator),
}
