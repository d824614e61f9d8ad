"""Whatever a sample holds, its profile is a pack that loads, holds its own examples, and admits the whole sample."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dq_gate.core.decide import decide
from dq_gate.packs.compile import compile_pack
from dq_gate.packs.examine import run_examples
from dq_gate.packs.profile import profile, take_sample
from tests.property.nasty_text import texts

NAMES = [
    "id",
    "City",
    "zip code",
    "yes",
    "#",
    "naïve",
    "",
    "9",
    "x" * 70,
    "a: b",
    "{}",
    "batch",
    "columns",
    "by_id",
    "text",
    "Text",
]
CELLS = st.sampled_from(
    ["a", "b", "A1", "12", "-3", "007", "1.5", "yes", "2026-01-31", "2026-01-31T12:00:00Z", "01/02/2026", "x y", "true"]
)
NUMBERS = st.integers(-3, 9) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.one_of(
    CELLS, texts(surrogates=True), NUMBERS, st.booleans(), st.lists(CELLS, max_size=3), st.lists(NUMBERS, max_size=3)
)


@st.composite
def tables(draw, values):
    """Rows over a few columns, each of which draws from a few values, so that much repeats."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    pools = [draw(st.lists(values | st.none(), min_size=1, max_size=6)) for _ in names]
    rows = draw(st.sampled_from([2, 20, 40, 100, 210]))
    picks = [draw(st.lists(st.integers(0, len(pool) - 1), min_size=rows, max_size=rows)) for pool in pools]
    columns = [[pool[i] for i in pick] for pool, pick in zip(pools, picks, strict=True)]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def compiled(made):
    with tempfile.TemporaryDirectory() as place:
        for name, content in made.files.items():
            (Path(place) / name).parent.mkdir(exist_ok=True)
            (Path(place) / name).write_bytes(content.encode())
        path = Path(place) / "p.yaml"
        path.write_bytes(made.yaml.encode())
        return compile_pack(path)


def hold(rows, records, *, has_cells, folder):
    sample = take_sample(rows, at_most=1000, has_cells=has_cells)
    made = profile(sample, name="p", source="s", folder=folder)
    pack = compiled(made)
    assert [result for result in run_examples(pack) if not result.holds] == []
    for record in records(pack):
        assert decide(pack.plan, record).violations == ()


@settings(max_examples=150, deadline=None)
@given(rows=tables(VALUES), folder=st.sampled_from([None, "refs"]))
def test_a_profile_of_records_admits_them(rows, folder):
    hold(rows, lambda _: rows, has_cells=False, folder=folder)


@settings(max_examples=150, deadline=None)
@given(rows=tables(CELLS | texts(surrogates=False).filter(bool)), folder=st.sampled_from([None, "refs"]))
def test_a_profile_of_cells_admits_them(rows, folder):
    def records(pack):
        from dq_gate.intake.records import Shape

        specs = pack.specs.items()
        types = {spelling: spec.type for name, spec in specs for spelling in (name, *spec.aliases)}
        shape = Shape(types, {}, None)
        return [shape.from_cells({name: cell or "" for name, cell in row.items()}) for row in rows]

    hold(rows, records, has_cells=True, folder=folder)
