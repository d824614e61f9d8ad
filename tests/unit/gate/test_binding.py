"""Arguments become fields and repaired fields become arguments again, each where the function takes it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

from dq_gate.errors import BindingError
from dq_gate.gate.binding import Binding
from dq_gate.packs.schema import FieldSpec
from tests.unit.gate.stage import make_pack

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate.packs.compile import CompiledPack


def bind(function: Callable[..., Any], pack: CompiledPack | None = None, **names: str) -> Binding:
    return Binding(function, (pack or make_pack()).plan.fields, names)


def call(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, kwargs


def plain(query, top_k=5): ...
def with_other_parameters(tenant, query, deadline=1.0): ...
def keyword_only(*, query, top_k=5): ...
def positional_only(query, /, top_k=5): ...
def positional_only_beside_rest(query, /, **rest): ...
def with_rest(query, *tags): ...
def with_keywords(query, **options): ...
def only_keywords(**options): ...


@pytest.mark.parametrize(
    ("function", "arguments", "record"),
    [
        (plain, call("a"), {"query": "a", "top_k": 5}),
        (plain, call("a", 7), {"query": "a", "top_k": 7}),
        (plain, call(top_k=7, query="a"), {"query": "a", "top_k": 7}),
        (plain, call(None), {"query": None, "top_k": 5}),
        (with_other_parameters, call("acme", "a"), {"query": "a"}),
        (with_other_parameters, call(deadline=2.0, tenant="acme", query="a"), {"query": "a"}),
        (keyword_only, call(query="a"), {"query": "a", "top_k": 5}),
        (positional_only, call("a", top_k=7), {"query": "a", "top_k": 7}),
        (positional_only_beside_rest, call("a", query="b"), {"query": "a"}),
        (with_rest, call("a"), {"query": "a", "tags": ()}),
        (with_rest, call("a", "x", "y"), {"query": "a", "tags": ("x", "y")}),
        (with_keywords, call("a", top_k=7, other=1), {"query": "a", "top_k": 7}),
        (with_keywords, call("a"), {"query": "a"}),
        (only_keywords, call(query="a", tags=["x"]), {"query": "a", "tags": ["x"]}),
        (only_keywords, call(), {}),
    ],
)
def test_arguments_become_fields(
    function: Callable[..., Any], arguments: tuple[tuple[Any, ...], dict[str, Any]], record: dict[str, Any]
) -> None:
    assert bind(function).record(*arguments) == record


def test_a_value_is_handed_over_as_the_same_object() -> None:
    tags = ["x"]
    assert bind(only_keywords).record((), {"query": "a", "tags": tags})["tags"] is tags


def test_bind_says_which_parameter_carries_a_field() -> None:
    def search(q, limit=3): ...

    record = bind(search, q="query", limit="top_k").record(("a",), {})
    assert record == {"query": "a", "top_k": 3}


def test_bind_may_swap_names() -> None:
    def search(query, tags): ...

    pack = make_pack(query=FieldSpec(type="str"), tags=FieldSpec(type="str"))
    record = bind(search, pack, query="tags", tags="query").record(("a", "b"), {})
    assert record == {"query": "b", "tags": "a"}


def test_a_parameter_bound_elsewhere_is_not_its_own_fields_too() -> None:
    def search(query, **options): ...

    pack = make_pack(query=FieldSpec(type="str", required=False), text=FieldSpec(type="str"))
    assert bind(search, pack, query="text").record((), {"query": "a"}) == {"text": "a"}


def test_bind_reaches_into_keywords() -> None:
    assert bind(only_keywords, q="query").record((), {"q": "a"}) == {"query": "a"}


def test_the_first_parameter_of_a_method_is_no_field() -> None:
    class Retriever:
        def search(self, query): ...

    assert bind(Retriever.search).record((Retriever(), "a"), {})["query"] == "a"


def test_partials_and_callables_are_bound_by_what_is_left_to_pass() -> None:
    class Search:
        def __call__(self, query): ...

    assert bind(functools.partial(with_other_parameters, "acme")).record(("a",), {}) == {"query": "a"}
    assert bind(Search()).record(("a",), {}) == {"query": "a"}


@pytest.mark.parametrize(
    ("function", "arguments", "after", "replaced"),
    [
        (plain, call("a", 7), {"query": "b", "top_k": 7}, call("b", 7)),
        (plain, call(query="a"), {"query": "b", "top_k": 5}, call(query="b")),
        (plain, call("a"), {"query": "a", "top_k": 9}, call("a", top_k=9)),
        (keyword_only, call(query="a"), {"query": "b", "top_k": 5}, call(query="b")),
        (positional_only, call("a"), {"query": "b", "top_k": 5}, call("b")),
        (positional_only_beside_rest, call("a", query="c"), {"query": "b"}, call("b", query="c")),
        (with_rest, call("a", "x", "y"), {"query": "a", "tags": ["x", "z"]}, call("a", "x", "z")),
        (with_keywords, call("a", top_k=7), {"query": "b", "top_k": 7}, call("b", top_k=7)),
        (with_keywords, call("a", other=1), {"query": "a", "top_k": 9}, call("a", other=1, top_k=9)),
    ],
)
def test_a_repaired_value_is_passed_in_its_parameters_own_kind(
    function: Callable[..., Any], arguments: Any, after: dict[str, Any], replaced: Any
) -> None:
    binding = bind(function)
    before = binding.record(*arguments)
    assert binding.replace(*arguments, before, before | after) == replaced
    function(*replaced[0], **replaced[1])


def test_a_repaired_default_of_a_positional_only_parameter_is_passed_by_position() -> None:
    def search(tenant="acme", query="a", /): ...

    binding = bind(search)
    before = binding.record((), {})
    assert binding.replace((), {}, before, before | {"query": "b"}) == call("acme", "b")
    assert binding.replace(("globex",), {}, before, before | {"query": "b"}) == call("globex", "b")


def test_replacing_leaves_the_callers_objects_alone() -> None:
    args, kwargs = ("a",), {"tags": ["x"]}
    binding = bind(with_keywords)
    before = binding.record(args, kwargs)
    new_args, new_kwargs = binding.replace(args, kwargs, before, before | {"query": "b", "tags": ["y"]})
    assert (new_args, new_kwargs) == call("b", tags=["y"])
    assert (args, kwargs) == call("a", tags=["x"])


def test_an_unchanged_record_gives_back_the_arguments_themselves() -> None:
    args, kwargs = ("a",), {"top_k": 7}
    binding = bind(plain)
    record = binding.record(args, kwargs)
    new_args, new_kwargs = binding.replace(args, kwargs, record, record)
    assert new_args is args
    assert new_kwargs is kwargs


@pytest.mark.parametrize("function", [plain, keyword_only, positional_only, with_rest])
def test_a_call_without_a_required_argument_is_a_type_error_of_the_functions_own(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=rf"^{function.__name__}\(\) missing a required .*argument: 'query'$"):
        bind(function).record((), {})


def search(text, limit=3): ...


def drop_of_a_field(*query): ...


def all_other_keywords(query, **tags): ...


@pytest.mark.parametrize(
    ("function", "names", "message"),
    [
        (
            search,
            {},
            (
                "search: no parameter for the required field 'query' (parameters: text, limit); "
                "name one with @gate.guard(bind={'parameter': 'query'})"
            ),
        ),
        (
            search,
            {"text": "qeury"},
            "search: bind names no field of the pack: 'qeury'; did you mean 'query'? Allowed: query, tags, top_k",
        ),
        (
            search,
            {"txt": "query"},
            "search: bind names no parameter: 'txt'; did you mean 'text'? Allowed: limit, text",
        ),
        (
            search,
            {"text": "query", "limit": "query"},
            "search: bind gives the field 'query' 2 parameters; give it one",
        ),
        (
            drop_of_a_field,
            {},
            (
                "drop_of_a_field: *query carries a tuple, which cannot be the field 'query' (str); "
                "name another with @gate.guard(bind={'parameter': 'query'})"
            ),
        ),
        (
            all_other_keywords,
            {},
            (
                "all_other_keywords: **tags carries all other keywords, which cannot be the field 'tags' (list[str]); "
                "name another with @gate.guard(bind={'parameter': 'tags'})"
            ),
        ),
        (
            all_other_keywords,
            {"query": "tags", "tags": "query"},
            (
                "all_other_keywords: **tags carries all other keywords, which cannot be the field 'query' (str); "
                "name another with @gate.guard(bind={'parameter': 'query'})"
            ),
        ),
        (iter, {}, "iter: its parameters are not known; guard a function that calls it"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_way_out(
    function: Callable[..., Any], names: dict[str, str], message: str
) -> None:
    with pytest.raises(BindingError) as caught:
        bind(function, **names)
    assert str(caught.value) == message


def test_fields_that_need_no_value_need_no_parameter() -> None:
    def search(query): ...

    assert bind(search).record(("a",), {}) == {"query": "a"}
