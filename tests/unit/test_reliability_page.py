"""The page on reliability names every fault that is tested, and has the table of what came of it."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.faults.record import BEGIN, END, Finding, name_of, write_table

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/explanation/reliability.md"


def names_in(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (node.name for node in tree.body if isinstance(node, ast.FunctionDef))
    return [f"{path.name}::{name}" for name in functions if name.startswith("test_")]


def test_the_page_names_every_fault_test():
    page = PAGE.read_text(encoding="utf-8")
    files = sorted((ROOT / "tests/faults").glob("test_*.py"))
    missing = [name for path in files for name in names_in(path) if f"`{name}`" not in page]
    assert missing == [], "run: make faults"


def test_the_table_takes_its_place_and_leaves_the_page_around_it(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    found = Finding("test_a.py::test_it", "a fault", 12_345, 0, 1, 0.1234)
    write_table(page, [found], ["test_a.py::test_it", "test_a.py::test_other"])
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{BEGIN}\n| fault |")
    assert "| a fault | 12,345 | 0 | 1 | 123 ms | `test_a.py::test_it` |" in text
    assert "- `test_a.py::test_other`\n" in text
    assert "old" not in text
    assert text.endswith(f"{END}\nafter\n")


def test_a_test_is_named_without_its_parameters():
    assert name_of("tests/faults/test_a.py::test_it[1/2]") == "test_a.py::test_it"
