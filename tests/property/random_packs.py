"""Random packs over every check of the catalogue, and records that may or may not suit them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from tests.catalogue import BUILTIN
from tests.packs import make_pack
from tests.property.nasty_text import texts

NAMES = ("query", "top_k", "tags", "other")
TYPES = ("str", "str", "int", "float", "bool", "datetime", "list[str]", "vector", "object", "any")
MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)

OF_MORE_THAN_THEIR_FIELD = {"foreign_key", "depends_on"}
"""Checks that need a file beside the pack, or another field."""
OPTIONS = {
    "length": [{"min": 2}, {"max": 3}, {"min": 1, "max": 4}],
    "matches": [{"pattern": "^[a-z ]*$"}, {"pattern": "é", "ignore_case": True}],
    "not_matches": [{"patterns": ["pass", r"\d"]}, {"patterns": ["(?i)WORD"], "ignore_case": True}],
    "one_of": {"str": [{"allow": ["a", "word", "é"]}], "int": [{"allow": [1, 2]}]},
    "denylist": [{"phrases": ["word", "é"]}],
    "known_words": [{"words": ["plain", "text"]}],
    "language": [{"allow": ["en"]}],
    "tokens": [{"max": 3}, {"min": 1, "max": 2}],
    "vector": [{"dimension": 2}],
    "freshness": [{"days": 30}],
    "range": {
        "int": [{"ge": 1, "le": 3}, {"gt": 0}],
        "float": [{"ge": 0.5}, {"lt": 2}],
        "datetime": [{"ge": "2026-01-01T00:00:00Z"}, {"lt": "2026-01-31"}],
    },
}
CONSTRAINTS = {
    "str": [{"one_of": ["a", "word"]}],
    "int": [{"ge": 1}, {"le": 2}, {"one_of": [1, 2]}],
    "float": [{"gt": 0}, {"le": 1.5}],
    "datetime": [{"ge": "2026-01-31T12:00:00+01:00"}],
    "list[str]": [{"one_of": ["a", "word"]}],
}
DEFAULTS = {"int": 2, "float": 1.0, "str": "word", "list[str]": ["word"], "bool": True, "object": {"a": [1]}}


def options_of(check, field_type):
    """Option sets that suit a check on a field."""
    sets = OPTIONS.get(check.name, [{}])
    return sets if isinstance(sets, list) else sets["str" if field_type == "list[str]" else field_type]


def checks_for(field_type):
    """Checks that a field of this type may have."""
    item_type = "str" if field_type == "list[str]" else field_type
    on_both_planes = [check for check in BUILTIN.values() if "request" in check.planes]
    judging_alone = [check for check in on_both_planes if check.name not in OF_MORE_THAN_THEIR_FIELD]
    return [check for check in judging_alone if {field_type, item_type} & check.accepts]


@st.composite
def rules_for(draw, field, field_type, number, *, warns_and_repairs):
    """One rule of a field."""
    check = draw(st.sampled_from(checks_for(field_type)))
    rule = {"id": f"{field}.rule.n{number}", "field": field, "check": check.name}
    rule |= draw(st.sampled_from(options_of(check, field_type)))
    if check.repairs and draw(st.booleans()):
        rule["repair"] = draw(st.sampled_from(sorted(check.repairs)))
    if "repair" not in rule or warns_and_repairs:
        rule["on_fail"] = draw(st.sampled_from(["quarantine", "quarantine", "warn"]))
    rule["mode"] = draw(st.sampled_from(["enforce", "enforce", "shadow"]))
    return rule


@st.composite
def packs(draw, *, warns_and_repairs=True, limits=(1024 * 1024,)):
    """A compiled pack of one to four fields."""
    fields, rules = {}, []
    for name in NAMES[: draw(st.integers(1, len(NAMES)))]:
        field_type = draw(st.sampled_from(TYPES))
        spec = {"type": field_type, "required": draw(st.booleans())}
        own_rules = [
            draw(rules_for(name, field_type, number, warns_and_repairs=warns_and_repairs))
            for number in range(draw(st.integers(0, 3)))
        ]
        if field_type in CONSTRAINTS and draw(st.integers(0, 3)) == 0:
            spec |= draw(st.sampled_from(CONSTRAINTS[field_type]))
        elif not own_rules and field_type in DEFAULTS and draw(st.booleans()):
            spec["default"] = DEFAULTS[field_type]
        if draw(st.integers(0, 3)) == 0:
            spec["aliases"] = [f"{name}_alias"]
        fields[name] = spec
        rules += own_rules
    unknown = draw(st.sampled_from(["allow", "warn", "quarantine"]))
    return make_pack(fields, rules, unknown_fields=unknown, max_bytes=draw(st.sampled_from(limits)))


MOMENTS = st.sampled_from(
    [
        MOMENT,
        MOMENT.replace(tzinfo=None),
        MOMENT + timedelta(days=1),
        MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30))),
    ]
)


class Text(str):
    """A subclass as frameworks make them."""

    __slots__ = ()


class Number(float):
    """A subclass as numpy makes them."""

    __slots__ = ()


FITTING = {
    "str": texts(surrogates=True) | texts(surrogates=True).map(Text) | st.sampled_from(["a", "word", "two words"]),
    "int": st.integers(-2, 4) | st.integers() | st.just(10**400),
    "float": st.floats() | st.integers(-2, 4) | st.floats().map(Number),
    "bool": st.booleans(),
    "datetime": MOMENTS,
    "list[str]": st.lists(texts(surrogates=True) | st.sampled_from(["a", "word"]), max_size=3)
    | st.tuples(texts(surrogates=True)),
    "vector": st.lists(st.floats() | st.integers(), max_size=3),
    "object": st.dictionaries(st.text(max_size=3), st.none() | st.integers() | texts(surrogates=True), max_size=3),
}
ANY_VALUE = st.one_of(st.none(), st.binary(max_size=4), *FITTING.values())


@st.composite
def records_for(draw, pack):
    """A record for a pack: fields there, missing, null, under an alias, of another type; and fields of its own."""
    record = {}
    for field in pack.plan.fields:
        fitting = FITTING.get(field.type_name, ANY_VALUE)
        value = draw(st.one_of(fitting, fitting, fitting, ANY_VALUE))
        for name in (field.name, *field.aliases):
            if draw(st.integers(0, 5)) != 0:
                record[name] = value
    if draw(st.integers(0, 4)) == 0:
        record[draw(st.sampled_from(["unknown", "", 7, "\ud800"]))] = draw(ANY_VALUE)
    return record
