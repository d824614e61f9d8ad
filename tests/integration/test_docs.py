"""The code in the docs runs, and what the docs link to exists."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from dq_gate import Gate
from dq_gate.packs.compile import compile_pack
from dq_gate.packs.examine import run_examples
from dq_gate.packs.lint import problems

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md"])


def ids(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


PYTHON_PAGES = [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", PYTHON_PAGES, ids=ids(PYTHON_PAGES))
def test_python_blocks_of_a_page_run_in_order(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    code = "\n".join(block for block in blocks if "redis://" not in block)

    namespace: dict[str, object] = {"__name__": "docs"}
    try:
        exec(compile(code, str(page), "exec"), namespace)  # the page's code is the subject
    finally:
        for value in namespace.values():
            if isinstance(value, Gate):
                value.close()


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


def packs_in(page: Path) -> list[str]:
    blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [block for block in blocks if re.search(r"^pack: ", block, re.MULTILINE)]


PACK_PAGES = [page for page in PAGES if packs_in(page)]


@pytest.mark.parametrize("page", PACK_PAGES, ids=ids(PACK_PAGES))
def test_packs_of_a_page_are_whole_and_their_examples_hold(page: Path, tmp_path: Path) -> None:
    (tmp_path / "deny.txt").write_text("# code names\nproject bluebird\n", encoding="utf-8")
    for number, text in enumerate(packs_in(page)):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text, encoding="utf-8")
        pack = compile_pack(path)

        assert list(problems(pack, date.min)) == []
        assert [result for result in run_examples(pack) if not result.holds] == []


def test_there_is_a_pack_in_the_docs() -> None:
    assert PACK_PAGES
