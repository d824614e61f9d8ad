"""A document's patches lead from what came to what is, whatever was edited."""

from __future__ import annotations

import copy

import orjson
from hypothesis import given
from hypothesis import strategies as st

from dq_gate.quarantine.codec import encode, parse
from dq_gate.quarantine.payload import edited, read

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(-2, 2)
    | st.text("ab~/$", max_size=3)
    | st.binary(max_size=2)
    | st.dates()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("ab~/$01", max_size=2), inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)


def applied(document, patch):
    """What RFC 6902 makes of a JSON document."""
    root = {"": copy.deepcopy(document)}
    for operation in patch:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")]
        holder = root
        for step in steps[:-1]:
            holder = holder[int(step)] if isinstance(holder, list) else holder[step]
        key = int(steps[-1]) if isinstance(holder, list) else steps[-1]
        match operation["op"]:
            case "remove":
                del holder[key]
            case "add" if isinstance(holder, list):
                assert key <= len(holder)
                holder.insert(key, operation["value"])
            case "replace":
                assert isinstance(holder, list) or key in holder
                holder[key] = operation["value"]
            case "add":
                holder[key] = operation["value"]
    return root[""]


def text_of(node):
    return orjson.dumps(node, option=orjson.OPT_SORT_KEYS)


@given(st.lists(VALUES, min_size=2, max_size=4))
def test_patches_lead_from_the_original_to_the_value(values):
    document = encode(values[0]).payload
    for number, value in enumerate(values[1:]):
        document = edited(document, value, who="a reviewer", at=float(number))
    found = read(document)
    assert [edit.at for edit in found.edits] == list(map(float, range(len(values) - 1)))
    node = parse(document)["original"]
    assert text_of(node) == text_of(parse(encode(values[0]).payload)["value"])
    for edit in found.edits:
        node = applied(node, edit.patch)
    assert text_of(node) == text_of(parse(encode(values[-1]).payload)["value"])


@given(VALUES)
def test_what_did_not_change_has_no_patch(value):
    (edit,) = read(edited(encode(value).payload, value, who="a", at=1.0)).edits
    assert edit.patch == ()
