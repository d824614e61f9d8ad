"""Every kind of guarded function is judged alike: one table of scenes, four kinds of function, two shells."""

from __future__ import annotations

import asyncio
import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from dq_gate.errors import BindingError, InputQuarantined
from tests.unit.gate.stage import BAD, CLEAN, COMPOSED, DECOMPOSED, put_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate import Decision, Gate
    from dq_gate.core.flow import Counted
    from dq_gate.core.model import GateMode
    from tests.unit.gate.kinds import Kind
    from tests.unit.gate.stage import FakeRuntime

REFUSED = "refused"
WORDY = "where is my card " * 3
SHADOWED = "where is my card!!"


@dataclass(frozen=True)
class Scene:
    """A call in a mode, and what becomes of it.

    Attributes:
        answer: The query and top_k that came through to the function, or `REFUSED`.
        kept: Rules of the entry that is quarantined; none when nothing is.
    """

    mode: GateMode
    query: Any
    counted: Counted
    answer: Any
    kept: tuple[str, ...] = ()
    top_k: Any = 5


SCENES = {
    "clean": Scene("enforce", CLEAN, "clean", (CLEAN, 5)),
    "clean with a warning": Scene("enforce", WORDY, "clean", (WORDY, 5)),
    "clean but for a rule in shadow mode": Scene("enforce", SHADOWED, "clean", (SHADOWED, 5)),
    "repaired": Scene("enforce", DECOMPOSED, "repaired", (COMPOSED, 5)),
    "failing": Scene("enforce", BAD, "quarantined", REFUSED, ("query.text.present",)),
    "of the wrong type": Scene("enforce", b"bytes", "quarantined", REFUSED, ("field.query.type",)),
    "null": Scene("enforce", None, "quarantined", REFUSED, ("field.query.required",)),
    "beyond a bound": Scene("enforce", CLEAN, "quarantined", REFUSED, ("field.top_k.le",), top_k=101),
    "clean, in shadow mode": Scene("shadow", CLEAN, "clean", (CLEAN, 5)),
    "repairable, in shadow mode": Scene("shadow", DECOMPOSED, "shadowed", (DECOMPOSED, 5)),
    "failing, in shadow mode": Scene("shadow", BAD, "shadowed", (BAD, 5)),
    "clean, in mode off": Scene("off", CLEAN, "unjudged", (CLEAN, 5)),
    "failing, in mode off": Scene("off", BAD, "unjudged", (BAD, 5)),
}


@pytest.fixture(params=SCENES.values(), ids=SCENES.keys())
def scene(request: pytest.FixtureRequest) -> Scene:
    return request.param


def test_a_call_passes_is_repaired_or_is_refused(
    scene: Scene, kind: Kind, gate: Gate, runtime: FakeRuntime, calls: list[Any]
) -> None:
    runtime.mode = scene.mode
    guarded = gate.guard(kind.make(calls))
    if scene.answer == REFUSED:
        with pytest.raises(InputQuarantined) as caught:
            kind.run(guarded, scene.query, top_k=scene.top_k)
        assert (caught.value.entry_id, caught.value.stored) == ("entry-1", "store")
        assert tuple(violation.rule_id for violation in caught.value.decision.violations) == scene.kept
        assert calls == []
    else:
        assert kind.run(guarded, scene.query, top_k=scene.top_k) == scene.answer
        assert calls == [(*scene.answer, 1.0)]
    assert runtime.counted == [scene.counted]
    assert [(rules, key) for _, rules, key in runtime.kept] == ([(scene.kept, None)] if scene.kept else [])
    assert [report.fallback for report in runtime.reports] == ([False] if scene.kept else [])


def test_a_fallback_answers_a_refused_call_and_no_other(
    scene: Scene, kind: Kind, gate: Gate, runtime: FakeRuntime, calls: list[Any]
) -> None:
    runtime.mode = scene.mode
    decisions: list[Decision] = []

    def fallback(decision: Decision) -> tuple[str, str]:
        decisions.append(decision)
        return ("fall", "back")

    guarded = gate.guard(fallback=fallback)(kind.make(calls))
    answer = kind.run(guarded, scene.query, top_k=scene.top_k)
    assert answer == (("fall", "back") if scene.kept else scene.answer)
    assert [decision.outcome for decision in decisions] == ["quarantined"] * bool(scene.kept)
    assert [report.fallback for report in runtime.reports] == [True] * bool(scene.kept)
    assert runtime.counted == [scene.counted]


def test_the_whole_input_is_kept_as_it_came(kind: Kind, gate: Gate, runtime: FakeRuntime, calls: list[Any]) -> None:
    with pytest.raises(InputQuarantined):
        kind.run(gate.guard(kind.make(calls)), DECOMPOSED, top_k=0)
    ((record, _, _),) = runtime.kept
    assert record == {"query": DECOMPOSED, "top_k": 0}


def test_a_clean_value_comes_through_as_the_same_object(kind: Kind, gate: Gate, calls: list[Any]) -> None:
    query = str(bytes(CLEAN, "ascii"), "ascii")
    kind.run(gate.guard(kind.make(calls)), query)
    assert calls[0][0] is query


@pytest.mark.parametrize("how", [{"query": DECOMPOSED}, {}], ids=["by keyword", "by position"])
def test_a_repaired_value_is_passed_as_it_came(kind: Kind, gate: Gate, calls: list[Any], how: dict[str, Any]) -> None:
    args = () if how else (DECOMPOSED,)
    kind.run(gate.guard(kind.make(calls)), *args, deadline=2.0, **how)
    assert calls == [(COMPOSED, 5, 2.0)]


def test_the_packs_default_fills_a_parameter_that_got_nothing(gate: Gate) -> None:
    @gate.guard
    def retrieve(query, **options):
        return options

    assert retrieve(CLEAN) == {"top_k": 10}
    assert retrieve(CLEAN, top_k=7) == {"top_k": 7}


def test_the_functions_default_beats_the_packs(kind: Kind, gate: Gate, calls: list[Any]) -> None:
    kind.run(gate.guard(kind.make(calls)), CLEAN)
    assert calls == [(CLEAN, 5, 1.0)]


def test_a_default_that_fails_is_refused_like_an_argument(gate: Gate) -> None:
    @gate.guard
    def retrieve(query=BAD): ...

    with pytest.raises(InputQuarantined):
        retrieve()


def test_all_of_args_is_one_field(gate: Gate, runtime: FakeRuntime) -> None:
    @gate.guard
    def retrieve(query, *tags):
        return tags

    assert retrieve(CLEAN, "x", DECOMPOSED) == ("x", COMPOSED)
    with pytest.raises(InputQuarantined):
        retrieve(CLEAN, "x", BAD)


def test_a_positional_only_parameter_is_judged_and_its_namesake_in_keywords_is_not(gate: Gate) -> None:
    @gate.guard
    def retrieve(query, /, **rest):
        return query, rest["query"]

    assert retrieve(CLEAN, query=BAD) == (CLEAN, BAD)
    with pytest.raises(InputQuarantined):
        retrieve(BAD, query=CLEAN)


@pytest.mark.parametrize(
    ("arguments", "keywords", "message"),
    [
        ((), {}, r"retrieve\(\) missing a required argument: 'query'"),
        ((), {"top_k": 3}, r"retrieve\(\) missing a required argument: 'query'"),
        ((CLEAN, 3, 1.0), {}, "retrieve\\(\\) takes from 1 to 2 positional arguments but 3 "),
        ((CLEAN,), {"query": CLEAN}, "retrieve\\(\\) got multiple values for argument 'query'"),
        ((CLEAN,), {"nonsense": 1}, "retrieve\\(\\) got an unexpected keyword argument 'nonsense'"),
    ],
)
def test_a_wrong_call_is_the_functions_own_type_error_and_no_bad_input(
    kind: Kind,
    gate: Gate,
    runtime: FakeRuntime,
    calls: list[Any],
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(TypeError, match=message):
        kind.run(gate.guard(fallback=lambda _: "fallback")(kind.make(calls)), *arguments, **keywords)
    assert runtime.kept == []


def test_an_argument_that_a_decorator_brings_along_is_not_missing(gate: Gate) -> None:
    import functools

    def with_connection(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, connection="open", **kwargs)

        return wrapper

    @gate.guard
    @with_connection
    def retrieve(query, connection):
        return connection

    assert retrieve(CLEAN) == "open"
    with pytest.raises(InputQuarantined):
        retrieve(BAD)


def test_what_the_function_raises_comes_through(kind: Kind, gate: Gate, calls: list[Any]) -> None:
    with pytest.raises(ZeroDivisionError):
        kind.run(gate.guard(kind.make(_Raising())), CLEAN)


class _Raising(list[Any]):
    def append(self, _: Any) -> None:
        raise ZeroDivisionError


def test_what_a_fallback_raises_comes_through(kind: Kind, gate: Gate, calls: list[Any]) -> None:
    def fallback(_: Decision) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        kind.run(gate.guard(fallback=fallback)(kind.make(calls)), BAD)


def test_a_coroutines_fallback_may_be_a_coroutine(gate: Gate) -> None:
    async def fallback(decision: Decision) -> str:
        await asyncio.sleep(0)
        return decision.outcome

    @gate.guard(fallback=fallback)
    async def retrieve(query): ...

    assert asyncio.run(retrieve(BAD)) == "quarantined"


async def _stream_of(items: str) -> Any:
    for item in items:
        await asyncio.sleep(0)
        yield item


async def _list_of(items: str) -> list[str]:
    await asyncio.sleep(0)
    return list(items)


@pytest.mark.parametrize(
    "fallback",
    [lambda _: ["a", "b"], lambda _: iter("ab"), lambda _: _stream_of("ab"), lambda _: _list_of("ab")],
    ids=["a list", "an iterator", "an async generator", "a coroutine"],
)
def test_an_async_generators_fallback_may_be_any_iterable(gate: Gate, fallback: Callable[..., Any]) -> None:
    @gate.guard(fallback=fallback)
    async def retrieve(query):
        yield query

    async def collect() -> list[str]:
        return [item async for item in retrieve(BAD)]

    assert asyncio.run(collect()) == ["a", "b"]


@pytest.mark.parametrize("place", ["spool", "none", "unknown"])
def test_the_error_says_where_the_entry_went(
    kind: Kind, gate: Gate, runtime: FakeRuntime, calls: list[Any], place: str
) -> None:
    runtime.keep = put_in(place)
    with pytest.raises(InputQuarantined) as caught:
        kind.run(gate.guard(kind.make(calls)), BAD)
    assert caught.value.stored == place


def test_the_errors_text_tells_an_end_user_nothing_but_a_reference(gate: Gate) -> None:
    @gate.guard
    def retrieve(query): ...

    with pytest.raises(InputQuarantined) as caught:
        retrieve(BAD + "\n")
    assert str(caught.value) == (
        "This input could not be processed because of a data-quality problem. Reference: entry-1"
    )


def test_the_error_survives_a_process_boundary(gate: Gate) -> None:
    @gate.guard
    def retrieve(query): ...

    with pytest.raises(InputQuarantined) as caught:
        retrieve(BAD)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.decision, copy.entry_id, copy.stored) == (caught.value.decision, "entry-1", "store")


@pytest.mark.parametrize("target", ["retrieve", 3, property(lambda self: "a")])
def test_what_cannot_be_called_cannot_be_guarded(gate: Gate, target: Any) -> None:
    with pytest.raises(BindingError, match=f"wraps functions; {type(target).__name__} cannot be called"):
        gate.guard(target)


def test_a_function_that_does_not_fit_is_refused_at_decoration(gate: Gate) -> None:
    with pytest.raises(BindingError, match="no parameter for the required field 'query'"):

        @gate.guard
        def retrieve(text): ...


def test_bind_and_parentheses_without_arguments(gate: Gate) -> None:
    @gate.guard()
    def retrieve(query):
        return query

    @gate.guard(bind={"q": "query"})
    def search(q):
        return q

    assert (retrieve(DECOMPOSED), search(DECOMPOSED)) == (COMPOSED, COMPOSED)


def test_guards_stack(gate: Gate, runtime: FakeRuntime) -> None:
    @gate.guard
    @gate.guard
    def retrieve(query):
        return query

    assert retrieve(DECOMPOSED) == COMPOSED
    assert runtime.counted == ["repaired", "clean"]
