"""A guarded function stays what it was: its kind, signature, name and place in a class."""

from __future__ import annotations

import abc
import asyncio
import functools
import inspect
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from dq_gate.errors import InputQuarantined
from tests.unit.gate.stage import BAD, CLEAN, COMPOSED, DECOMPOSED, make_gate

if TYPE_CHECKING:
    from dq_gate import Gate
    from tests.unit.gate.kinds import Kind

KIND_TESTS = (
    inspect.isfunction,
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
)

module_gate = make_gate()[0]


@module_gate.guard
def retrieve_from_module(query):
    return query


def test_it_keeps_kind_signature_and_name(kind: Kind, gate: Gate, calls: list[Any]) -> None:
    function = kind.make(calls)
    function.weight = 3
    guarded: Any = gate.guard(function)
    assert [test(guarded) for test in KIND_TESTS] == [test(function) for test in KIND_TESTS]
    assert inspect.signature(guarded) == inspect.signature(function)
    for name in ("__name__", "__qualname__", "__module__", "__doc__", "__annotations__", "weight"):
        assert getattr(guarded, name) == getattr(function, name)
    assert guarded.__wrapped__ is function


def test_it_can_be_pickled_by_name() -> None:
    copy = pickle.loads(pickle.dumps(retrieve_from_module))
    assert copy is retrieve_from_module


def test_a_guarded_abstract_method_stays_abstract(gate: Gate) -> None:
    class Retriever(abc.ABC):
        @gate.guard
        @abc.abstractmethod
        def retrieve(self, query): ...

    with pytest.raises(TypeError, match="abstract"):
        Retriever()


class Methods:
    """One of each, guarded below by each test's gate."""

    name = "class"

    def __init__(self) -> None:
        self.name = "instance"

    def plain(self, query):
        return self.name, query

    async def coroutine(self, query):
        return self.name, query

    def generator(self, query):
        yield self.name
        yield query

    async def async_generator(self, query):
        yield self.name
        yield query


async def _collect(stream: Any) -> tuple[Any, ...]:
    return tuple([item async for item in stream])


@pytest.mark.parametrize(
    ("name", "finish"),
    [
        ("plain", lambda answer: answer),
        ("coroutine", asyncio.run),
        ("generator", tuple),
        ("async_generator", lambda stream: asyncio.run(_collect(stream))),
    ],
)
def test_methods_of_every_kind_get_their_instance(gate: Gate, name: str, finish: Any) -> None:
    guarded = type("Guarded", (Methods,), {name: gate.guard(getattr(Methods, name))})
    method = getattr(guarded(), name)
    assert finish(method(DECOMPOSED)) == ("instance", COMPOSED)
    assert finish(method(query=DECOMPOSED)) == ("instance", COMPOSED)
    with pytest.raises(InputQuarantined):
        finish(method(BAD))
    assert str(inspect.signature(method)) == "(query)"


@pytest.mark.parametrize("outside", [True, False], ids=["guard outside", "guard inside"])
def test_classmethods_get_their_class(gate: Gate, outside: bool) -> None:
    def retrieve(cls, query):
        return cls.name, query

    method: Any = gate.guard(classmethod(retrieve)) if outside else classmethod(gate.guard(retrieve))
    guarded = type("Guarded", (Methods,), {"retrieve": method})
    assert guarded.retrieve(DECOMPOSED) == ("class", COMPOSED)
    assert guarded().retrieve(query=DECOMPOSED) == ("class", COMPOSED)
    with pytest.raises(InputQuarantined):
        guarded.retrieve(BAD)


@pytest.mark.parametrize("outside", [True, False], ids=["guard outside", "guard inside"])
def test_staticmethods_get_neither(gate: Gate, outside: bool) -> None:
    def retrieve(query):
        return query

    method: Any = gate.guard(staticmethod(retrieve)) if outside else staticmethod(gate.guard(retrieve))
    guarded = type("Guarded", (Methods,), {"retrieve": method})
    assert guarded.retrieve(DECOMPOSED) == COMPOSED
    assert guarded().retrieve(DECOMPOSED) == COMPOSED
    with pytest.raises(InputQuarantined):
        guarded.retrieve(BAD)


def test_an_async_classmethod_stays_a_coroutine_function(gate: Gate) -> None:
    class Retriever:
        @gate.guard
        @classmethod
        async def retrieve(cls, query):
            return cls.__name__, query

    assert inspect.iscoroutinefunction(Retriever.retrieve)
    assert asyncio.run(Retriever.retrieve(DECOMPOSED)) == ("Retriever", COMPOSED)


def test_a_bound_method_can_be_guarded(gate: Gate) -> None:
    retrieve = gate.guard(Methods().plain)
    assert retrieve(DECOMPOSED) == ("instance", COMPOSED)
    assert gate.guard(Methods().coroutine).__name__ == "coroutine"
    assert inspect.iscoroutinefunction(gate.guard(Methods().coroutine))


def test_an_object_that_can_be_called_can_be_guarded(gate: Gate) -> None:
    class Retriever:
        """Finds."""

        def __call__(self, query):
            return query

    class AsyncRetriever:
        async def __call__(self, query):
            return query

    guarded: Any = gate.guard(Retriever())
    assert guarded(DECOMPOSED) == COMPOSED
    assert guarded.__doc__ == "Finds."
    assert str(inspect.signature(guarded)) == "(query)"
    guarded = gate.guard(AsyncRetriever())
    assert inspect.iscoroutinefunction(guarded)
    assert asyncio.run(guarded(DECOMPOSED)) == COMPOSED


def test_a_partial_keeps_its_kind(kind: Kind, gate: Gate, calls: list[Any]) -> None:
    guarded: Any = gate.guard(functools.partial(kind.make(calls), deadline=2.0))
    assert kind.run(guarded, DECOMPOSED) == (COMPOSED, 5)
    assert calls == [(COMPOSED, 5, 2.0)]
    with pytest.raises(InputQuarantined):
        kind.run(guarded, BAD)


def test_a_partials_own_field_is_judged_and_repaired(gate: Gate) -> None:
    def retrieve(tenant, query):
        return tenant, query

    assert gate.guard(functools.partial(retrieve, query=DECOMPOSED))("acme") == ("acme", COMPOSED)


def test_a_cached_function_caches_repaired_calls(gate: Gate) -> None:
    @gate.guard
    @functools.lru_cache
    def retrieve(query):
        return [query]

    assert retrieve(DECOMPOSED) is retrieve(COMPOSED)
    assert retrieve(CLEAN) == [CLEAN]
