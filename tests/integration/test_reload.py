"""A gate at work takes up changed rules whole or not at all."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from dq_gate import InputQuarantined
from dq_gate.gate import reload
from dq_gate.signals import windows as windows_module
from tests.fakes import eventually
from tests.integration.gating import CLEAN, entries, lines, named, refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


PACK = """\
pack: live
version: {version}
fields:
  query: {{type: str}}
  {field}: {{type: int, required: {required}}}
rules:
  - {{id: query.text.v{version}, field: query, check: not_matches, patterns: [{word}]}}
"""


def text(word: str, version: int, *, field: str = "top_k", required: str = "false") -> str:
    return PACK.format(word=word, version=version, field=field, required=required)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(windows_module, "WINDOW_SECONDS", 0.01)
    monkeypatch.setattr(reload, "SETTLE_SECONDS", 0.0)
    path = tmp_path / "live.yaml"
    path.write_text(text("alpha", 1))
    return path


@pytest.fixture
def events(tmp_path: Path) -> Callable[[str], list[dict[str, object]]]:
    return lambda name: named(lines(tmp_path / "events.jsonl"), name)


def put_in_place(path: Path, content: str) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(content)
    draft.replace(path)


def test_changed_rules_are_taken_up_and_named_in_events(load, path, events):
    gate = load(path)
    assert gate.admit({"query": "beta"})
    put_in_place(path, text("beta", 2))
    eventually(lambda: len(events("pack.loaded")) == 2)
    assert [event["pack_version"] for event in events("pack.loaded")] == [1, 2]
    assert refusal(gate, {"query": "beta"}).decision.violations[0].rule_id == "query.text.v2"
    assert gate.admit({"query": "alpha"})
    assert gate.pack.id.version == 2


def test_a_mounted_volume_that_swaps_its_link_is_followed(load, path, events, tmp_path):
    for folder, content in (("first", text("alpha", 1)), ("second", text("beta", 2))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "live.yaml").write_text(content)
    (tmp_path / "..data").symlink_to("first")
    path.unlink()
    path.symlink_to("..data/live.yaml")
    gate = load(path)
    refusal(gate, {"query": "alpha"})
    (tmp_path / "..next").symlink_to("second")
    (tmp_path / "..next").rename(tmp_path / "..data")
    eventually(lambda: len(events("pack.loaded")) == 2)
    refusal(gate, {"query": "beta"})


def test_a_file_of_expressions_beside_the_pack_is_watched_too(load, path, events, tmp_path):
    (tmp_path / "deny.txt").write_text("alpha\n")
    path.write_text(text("x", 1).replace("patterns: [x]", "patterns_file: deny.txt"))
    gate = load(path)
    refusal(gate, {"query": "alpha"})
    put_in_place(tmp_path / "deny.txt", "beta\n")
    eventually(lambda: len(events("pack.loaded")) == 2)
    refusal(gate, {"query": "beta"})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("pack: live\nversion: [\n", "live.yaml"),
        (text("beta", 2).replace("not_matches", "not_matchs"), "did you mean 'not_matches'"),
        (None, "no such pack file"),
    ],
    ids=["not YAML", "unknown check", "gone"],
)
def test_a_pack_that_cannot_be_used_is_told_once_and_the_old_one_stays(load, path, events, content, reason):
    gate = load(path)
    refusal(gate, {"query": "alpha"})
    if content is None:
        path.unlink()
    else:
        put_in_place(path, content)
    eventually(lambda: events("pack.rejected"))
    closed = len(events("window.closed"))
    eventually(lambda: len(events("window.closed")) > closed + 2)
    (rejected,) = events("pack.rejected")
    assert reason in rejected["reason"]
    refusal(gate, {"query": "alpha"})
    put_in_place(path, text("beta", 3))
    eventually(lambda: len(events("pack.loaded")) == 2)
    refusal(gate, {"query": "beta"})


def test_a_pack_that_no_longer_fits_a_guarded_function_is_rejected(load, path, events):
    gate = load(path)

    @gate.guard
    def retrieve(query: str, top_k: int = 5) -> str:
        return query

    retrieve("beta")
    put_in_place(path, text("beta", 2, field="tenant", required="true"))
    eventually(lambda: events("pack.rejected"))
    assert "tenant" in events("pack.rejected")[0]["reason"]
    assert retrieve("beta") == "beta"


def test_a_guarded_function_is_bound_to_new_fields(load, path, events):
    gate = load(path)

    @gate.guard
    def retrieve(query: str, page: int = 1) -> tuple[str, int]:
        return query, page

    retrieve("x", page=-1)
    put_in_place(path, text("beta", 2, field="page").replace("type: int,", "type: int, ge: 0,"))
    eventually(lambda: len(events("pack.loaded")) == 2)
    assert retrieve("x", page=1) == ("x", 1)
    with pytest.raises(InputQuarantined):
        retrieve("x", page=-1)


def test_without_the_setting_nothing_is_taken_up(load, path, events):
    gate = load(path, reload=False)
    gate.admit(CLEAN)
    put_in_place(path, text("beta", 2))
    eventually(lambda: len(events("window.closed")) > 3)
    assert gate.admit({"query": "beta"})


def test_under_load_every_input_is_judged_by_one_pack_and_kept_under_its_name(load, path, events):
    gate = load(path)
    is_over = threading.Event()
    refused: list[int] = []

    def call() -> None:
        while not is_over.is_set():
            refusal(gate, {"query": "alpha and beta"})
            refused.append(1)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for version in range(2, 8):
        put_in_place(path, text("beta" if version % 2 == 0 else "alpha", version))
        eventually(lambda: len(events("pack.loaded")) == version)  # noqa: B023 - called at once
    is_over.set()
    for thread in threads:
        thread.join()
    gate.close()
    kept = entries(gate.settings)
    assert len(kept) == len(refused)
    for entry in kept:
        assert [violation.rule_id for violation in entry.violations] == [f"query.text.v{entry.pack_version}"]
    quarantined = events("input.quarantined")
    assert {(e["pack_version"], *e["rules"]) for e in quarantined} <= {(v, f"query.text.v{v}") for v in range(1, 8)}


def test_a_pack_whose_code_fails_in_a_way_of_its_own_is_rejected_and_windows_go_on(load, path, events, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("an engine's own")

    gate = load(path)
    gate.admit(CLEAN)
    with monkeypatch.context() as broken:
        broken.setattr(reload, "compile_pack", fail)
        put_in_place(path, text("beta", 2))
        eventually(lambda: events("pack.rejected"))
    assert events("pack.rejected")[0]["reason"] == "RuntimeError"
    put_in_place(path, text("beta", 3))
    eventually(lambda: len(events("pack.loaded")) == 2)
    refusal(gate, {"query": "beta"})
