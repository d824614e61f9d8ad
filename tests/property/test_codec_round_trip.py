"""Whatever can be stored comes back equal; whatever cannot never raises."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dq_gate.quarantine.codec import MAX_BYTES, decode, encode

TEXT = st.text(st.characters(exclude_categories=())) | st.from_regex(r"\A\$[a-z]{0,8}\Z")
HASHABLE_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | TEXT
    | st.binary()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.dates()
    | st.times(timezones=st.none() | st.timezones())
    | st.decimals(allow_nan=False)
    | st.uuids()
)
HASHABLE = st.recursive(
    HASHABLE_SCALARS, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=5
)
VALUES = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.sets(HASHABLE, max_size=4)
        | st.dictionaries(HASHABLE, inner, max_size=4)
        | st.dictionaries(TEXT, inner, max_size=4)
    ),
    max_leaves=20,
)


@given(VALUES)
def test_every_value_comes_back_equal_and_of_its_types(value):
    encoded = encode(value)
    back = decode(encoded.payload)
    assert encoded.complete
    assert back == value
    assert shape(back) == shape(value)


@given(st.recursive(HASHABLE | st.builds(object), lambda inner: st.lists(inner) | st.tuples(inner)))
def test_opaque_parts_never_raise_and_make_the_value_incomplete(value):
    encoded = encode(value)
    decode(encoded.payload)
    assert encoded.complete == ("object" not in shape(value))


@given(st.lists(TEXT, max_size=3), st.integers(0, 3), st.sampled_from(["\0", "a", "é", "€", "\ud800", '"']))
def test_size_is_bounded_whatever_the_characters(texts, place, character):
    texts.insert(place, character * MAX_BYTES)
    encoded = encode(texts)
    assert len(encoded.payload) <= MAX_BYTES + 100
    assert encoded.complete == (decode(encoded.payload) == texts)


def shape(value) -> str:
    """Types all the way down, in an order that equal values share."""
    name = type(value).__name__
    if isinstance(value, dict):
        return f"{name}({sorted(shape(key) + ':' + shape(item) for key, item in value.items())})"
    if isinstance(value, (set, frozenset)):
        return f"{name}({sorted(map(shape, value))})"
    if isinstance(value, (list, tuple)):
        return f"{name}({[shape(item) for item in value]})"
    return name
