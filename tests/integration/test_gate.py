"""A whole gate on real stores: what passes, what is kept, and what it lets in no log line."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, OrderedDict, UserDict
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from dq_gate import events as catalogue
from dq_gate.errors import InputQuarantined
from dq_gate.quarantine.codec import decode
from dq_gate.signals import windows as windows_module
from tests.fakes import eventually
from tests.integration.gating import (
    CALM_NO_MORE,
    CLEAN,
    FAILING,
    REPAIRABLE,
    arefusal,
    counts,
    entries,
    lines,
    named,
    refusal,
    spooled,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dq_gate import Gate
    from tests.redis_server import RedisServer

MARK = "Zq7Marker"
WITHHOLDING = """\
pack: withholding
version: 1
fields:
  query: {type: str}
  email: {type: str, required: false, store: masked, aliases: [e_mail, mail]}
  token: {type: str, required: false, store: omit, aliases: [key]}
rules:
  - {id: query.text.present, field: query, check: not_blank}
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the gates' events go."""
    return tmp_path / "events.jsonl"


def test_a_failing_input_is_kept_with_its_reasons(load: Callable[..., Gate], quarantine: str | None) -> None:
    gate = load(quarantine=quarantine, source="support-bot")
    error = refusal(gate)
    (entry,) = entries(gate.settings)
    assert error.stored == "store"
    assert entry.id == error.entry_id
    assert decode(entry.payload) == FAILING
    assert entry.violations == error.decision.violations
    assert [violation.rule_id for violation in entry.violations] == ["query.text.deny"]
    assert (entry.source, entry.pack, entry.pack_version) == ("support-bot", "small", 3)
    assert (entry.namespace, entry.pack_digest) == (gate.settings.namespace, gate.pack.id.digest)
    assert (entry.state, entry.replayable, entry.seen) == ("pending", True, 1)


@pytest.mark.parametrize("kind", [MappingProxyType, UserDict, OrderedDict])
def test_any_mapping_is_kept_as_the_record_it_is(load: Callable[..., Gate], kind: Any) -> None:
    gate = load()
    refusal(gate, kind(FAILING))
    (entry,) = entries(gate.settings)
    assert (decode(entry.payload), entry.replayable) == (FAILING, True)


def test_a_withheld_field_is_withheld_under_all_its_names(load: Callable[..., Gate], tmp_path: Path) -> None:
    path = tmp_path / "withholding.yaml"
    path.write_text(WITHHOLDING, encoding="utf-8")
    gate = load(path)
    for record in (
        {"query": " ", "email": MARK, "token": MARK},
        {"query": " ", "e_mail": MARK, "key": MARK},
        MappingProxyType({"query": " ", "mail": MARK}),
    ):
        refusal(gate, record)
    kept = [decode(entry.payload) for entry in entries(gate.settings)]
    assert kept == [
        {"query": " ", "email": "[masked]"},
        {"query": " ", "e_mail": "[masked]"},
        {"query": " ", "mail": "[masked]"},
    ]
    assert not any(entry.replayable for entry in entries(gate.settings))


def test_what_passes_leaves_nothing_behind(load: Callable[..., Gate], quarantine: str | None) -> None:
    gate = load(quarantine=quarantine)
    assert gate.admit(CLEAN) is CLEAN
    assert gate.admit(REPAIRABLE) == {"query": "caf\u00e9", "top_k": 5}
    assert asyncio.run(gate.aadmit(CLEAN)) is CLEAN
    assert entries(gate.settings) == []


def test_the_same_key_is_the_same_entry_and_was_seen_again(load: Callable[..., Gate], quarantine: str | None) -> None:
    gate = load(quarantine=quarantine)
    first = refusal(gate, key="topic/3/1542")
    again = asyncio.run(arefusal(gate, key="topic/3/1542"))
    other = refusal(gate, key="topic/3/1543")
    assert first.entry_id == again.entry_id != other.entry_id
    assert {entry.id: entry.seen for entry in entries(gate.settings)} == {first.entry_id: 2, other.entry_id: 1}


def test_the_same_key_in_another_source_is_another_entry(load: Callable[..., Gate], quarantine: str | None) -> None:
    ids = {refusal(load(quarantine=quarantine, source=source), key="1").entry_id for source in ("one", "two")}
    assert len(ids) == 2
    assert {entry.id for entry in entries(load(quarantine=quarantine).settings)} == ids


def test_two_gates_share_one_quarantine(load: Callable[..., Gate], quarantine: str | None) -> None:
    ids = {refusal(load(quarantine=quarantine)).entry_id for _ in range(2)}
    assert {entry.id for entry in entries(load(quarantine=quarantine).settings)} == ids


def test_callers_in_threads_and_tasks_each_get_their_own_entry(
    load: Callable[..., Gate], quarantine: str | None
) -> None:
    gate = load(quarantine=quarantine)
    answers: list[InputQuarantined] = []

    async def in_tasks() -> None:
        answers.extend(await asyncio.gather(*(arefusal(gate) for _ in range(50))))

    threads = [threading.Thread(target=lambda: answers.extend(refusal(gate) for _ in range(25))) for _ in range(4)]
    threads.append(threading.Thread(target=lambda: asyncio.run(in_tasks())))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gate.close()
    ids = [answer.entry_id for answer in answers]
    assert len(ids) == len(set(ids)) == 150
    assert {entry.id: entry.seen for entry in entries(gate.settings)} == dict.fromkeys(ids, 1)


def test_a_batch_is_in_the_store_once_the_gate_is_closed(load: Callable[..., Gate], quarantine: str | None) -> None:
    with load(quarantine=quarantine) as gate:
        with gate.batch() as batch:
            for number in range(1000):
                batch.admit(FAILING | {"top_k": number % 90 + 1}, key=str(number))
        assert batch.report.stored.keys() <= {"store", "spool"}
        assert batch.report.stored.total() == 1000
    assert Counter(entry.seen for entry in entries(gate.settings)) == {1: 1000}
    assert spooled(gate.settings) == 0


def test_checking_leaves_no_trace(load: Callable[..., Gate], tmp_path: Path) -> None:
    gate = load()
    before = threading.active_count()
    assert [gate.check(record).outcome for record in (CLEAN, REPAIRABLE, FAILING)] == [
        *("clean", "repaired", "quarantined"),
    ]

    @gate.guard
    def retrieve(query, top_k=5): ...

    gate.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.yaml"]
    assert threading.active_count() == before


def test_the_lines_tell_the_whole_story_in_the_catalogues_words(load: Callable[..., Gate], log: Path) -> None:
    with load(admitted_sample_rate=1.0, source="support-bot", release="2026.11") as gate:
        gate.admit(CLEAN)
        gate.admit(REPAIRABLE)
        gate.admit(CALM_NO_MORE)
        error = refusal(gate)
        gate.guard(fallback=lambda _: [])(lambda query: query)("a forbidden word")
    written = lines(log)
    assert [line["event"].removeprefix("dq_gate.") for line in written] == [
        *("gate.started", "pack.loaded", "store.local"),
        *("input.admitted", "input.repaired", "rule.shadowed", "input.admitted"),
        *("input.quarantined", "input.quarantined", "fallback.used", "window.closed", "gate.stopped"),
    ]
    for line in written:
        own = catalogue.CATALOGUE[line["event"]].__dataclass_fields__
        assert line.keys() <= catalogue.CONTEXT_FIELDS.keys() | own.keys()
        assert line["level"] == catalogue.CATALOGUE[line["event"]].level
    assert {(line["pack"], line["pack_version"], line["pack_digest"]) for line in written} == {
        ("small", 3, gate.pack.id.digest)
    }
    assert {(line["source"], line["release"], line["namespace"]) for line in written} == {
        ("support-bot", "2026.11", gate.settings.namespace)
    }
    assert len({line["process"] for line in written}) == 1
    quarantined, with_fallback = named(written, "input.quarantined")
    (fallback,) = named(written, "fallback.used")
    assert (quarantined["entry_id"], quarantined["stored"]) == (error.entry_id, "store")
    assert (quarantined["rules"], quarantined["fields"]) == (["query.text.deny"], ["query"])
    assert (quarantined["fallback"], with_fallback["fallback"]) == (False, True)
    assert fallback["entry_id"] == with_fallback["entry_id"]
    assert {entry.fingerprint for entry in entries(gate.settings)} == {quarantined["group"]}


def test_nothing_of_an_input_is_in_a_line_an_error_or_a_key_name(
    load: Callable[..., Gate], log: Path, redis_server: RedisServer, capfd: pytest.CaptureFixture[str]
) -> None:
    import redis

    gate = load(quarantine=redis_server.url, admitted_sample_rate=1.0)
    inputs: list[Any] = [
        {"query": f"a forbidden {MARK}", "top_k": 5},
        {"query": f"{MARK}e\u0301!!", "top_k": 5},
        {"query": f"{MARK} " * 100, "top_k": 5},
        {"query": 3, "top_k": MARK},
        {"query": "fine", "top_k": 5, MARK: MARK},
        {"query": "a forbidden word", MARK + "\n": MARK.encode()},
        {MARK: "all else is missing"},
        [MARK],
        MARK,
        _Hostile(),
    ]
    told: list[str] = []
    for number, record in enumerate(inputs):
        for key in (None, f"{MARK}/{number}"):
            try:
                gate.admit(record, key=key)
            except InputQuarantined as error:
                told += [str(error), repr(error), repr(error.decision), error.entry_id]
    with gate.batch() as batch:
        for record in inputs:
            batch.admit(record)
    gate.close()
    with redis.Redis(port=redis_server.port) as client:
        keys = [key.decode() for key in client.scan_iter(match="*", count=1000)]
    assert len(entries(gate.settings)) == 3 * 8
    assert [entry.fingerprint for entry in entries(gate.settings) if MARK in entry.fingerprint + entry.id] == []
    assert any(gate.settings.namespace in key for key in keys)
    for text in (log.read_text(), *told, *keys, *capfd.readouterr()):
        assert MARK not in text


class _Hostile(dict[str, Any]):
    """A mapping that raises its content."""

    def keys(self) -> Any:
        raise ValueError(MARK)

    def items(self) -> Any:
        raise ValueError(MARK)

    def __iter__(self) -> Any:
        raise ValueError(MARK)


def test_windows_count_every_input_of_every_thread_exactly(
    load: Callable[..., Gate], log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows_module, "WINDOW_SECONDS", 0.02)
    with load(admitted_sample_rate=0.0) as gate:

        def call() -> None:
            for _ in range(500):
                gate.admit(CLEAN)
                gate.admit(REPAIRABLE)
            for _ in range(10):
                refusal(gate)

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with gate.batch() as batch:
            batch.admit(FAILING)
            batch.count_clean(1000)
        eventually(lambda: len(named(lines(log), "window.closed")) >= 3)
    windows = named(lines(log), "window.closed")
    assert counts(windows) == {"clean": 4 * 500 + 1000, "repaired": 4 * 500, "quarantined": 4 * 10 + 1}
    assert [window["seq"] for window in windows] == list(range(len(windows)))
    assert all(before["closed_at"] == after["opened_at"] for before, after in pairwise(windows))
    rules: Counter[tuple[str, str]] = Counter()
    for window in windows:
        for row in window["rules"]:
            rules[row["rule_id"], row["mode"]] += row["count"]
    assert rules == {("query.text.deny", "enforce"): 41}
    assert {window["dropped"] for window in windows} == {0}
    assert len(named(lines(log), "input.quarantined")) == 40


def test_a_window_closes_though_nothing_came(
    load: Callable[..., Gate], log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows_module, "WINDOW_SECONDS", 0.005)
    with load() as gate:
        gate.runtime()
        eventually(lambda: len(named(lines(log), "window.closed")) >= 3)
    window = named(lines(log), "window.closed")[0]
    assert (window["inputs"], window["rules"], window["mode"]) == ([], [], "enforce")
    assert (window.get("latency_us"), window.get("put_ms")) == (None, None)


def test_closing_reports_the_window_that_is_open(load: Callable[..., Gate], log: Path) -> None:
    with load() as gate:
        gate.admit(CLEAN)
        refusal(gate)
    (window,) = named(lines(log), "window.closed")
    assert counts([window]) == {"clean": 1, "quarantined": 1}
    assert window["latency_us"].keys() == window["put_ms"].keys() == {"p50", "p95", "p99"}
    assert lines(log)[-1]["event"] == "dq_gate.gate.stopped"
    assert lines(log)[-1]["unwritten"] == 0


@pytest.mark.parametrize(("mode", "outcome"), [("shadow", "shadowed"), ("off", "unjudged")])
def test_a_gate_that_does_not_enforce_lets_all_through_and_says_so(
    load: Callable[..., Gate], log: Path, mode: str, outcome: str
) -> None:
    with load(mode=mode) as gate:
        assert gate.admit(FAILING) is FAILING
        assert gate.admit(REPAIRABLE) is REPAIRABLE
        assert asyncio.run(gate.aadmit(FAILING)) is FAILING
        assert gate.guard(lambda query: query)("a forbidden word") == "a forbidden word"
    assert entries(gate.settings) == []
    (window,) = named(lines(log), "window.closed")
    assert window["mode"] == mode
    assert counts([window]) == {outcome: 4}
    shadowed = named(lines(log), "rule.shadowed")
    assert [line["rules"] for line in shadowed] == ([["query.text.deny"]] * 3 if mode == "shadow" else [])


def test_the_control_file_overrides_the_mode_and_is_read_again(
    load: Callable[..., Gate], tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows_module, "WINDOW_SECONDS", 0.005)
    control = tmp_path / "mode"
    gate = load(control_file=control, mode="shadow")
    assert gate.admit(FAILING) is FAILING
    for word, mode in (("enforce\n", "enforce"), ("off", "off"), ("nonsense", "shadow"), ("\xff\0", "shadow")):
        control.write_bytes(word.encode("latin-1"))
        eventually(lambda mode=mode: gate.runtime().mode == mode)
    control.write_text("enforce")
    eventually(lambda: gate.runtime().mode == "enforce")
    refusal(gate)
    control.unlink()
    eventually(lambda: gate.runtime().mode == "shadow")
    assert gate.admit(FAILING) is FAILING
    gate.close()
    assert {window["mode"] for window in named(lines(log), "window.closed")} == {"enforce", "shadow", "off"}


def test_a_control_file_counts_from_the_first_input(load: Callable[..., Gate], tmp_path: Path) -> None:
    (tmp_path / "mode").write_text("off")
    assert load(control_file=tmp_path / "mode").admit(FAILING) is FAILING


def test_a_context_manager_closes_the_gate(load: Callable[..., Gate]) -> None:
    before = threading.active_count()
    with load() as gate:
        refusal(gate)
        assert threading.active_count() > before
    assert threading.active_count() == before


def test_an_async_context_manager_closes_the_gate_and_holds_up_no_loop(load: Callable[..., Gate], log: Path) -> None:
    async def scene() -> None:
        async with load() as gate:
            await arefusal(gate)
            release = threading.Event()
            original, gate.close = gate.close, lambda: (release.wait(30), original())[1]  # type: ignore[method-assign]
            asyncio.get_running_loop().call_later(0.01, release.set)

    asyncio.run(scene())
    assert lines(log)[-1]["event"] == "dq_gate.gate.stopped"


def test_a_closed_gate_admits_nothing_and_says_why(load: Callable[..., Gate]) -> None:
    gate = load()
    guarded = gate.guard(lambda query: query)
    refusal(gate)
    for _ in range(2):
        gate.close()
        asyncio.run(gate.aclose())
    for call in (
        lambda: gate.admit(CLEAN),
        lambda: asyncio.run(gate.aadmit(CLEAN)),
        lambda: guarded("fine"),
        gate.batch,
    ):
        with pytest.raises(RuntimeError, match="this gate is closed; load a new one"):
            call()
    assert gate.check(FAILING).outcome == "quarantined"


def test_a_gate_that_was_never_used_closes_without_a_trace(load: Callable[..., Gate], tmp_path: Path) -> None:
    load().close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.yaml"]


def test_callers_that_meet_the_closing_lose_nothing_they_were_promised(
    load: Callable[..., Gate], quarantine: str | None
) -> None:
    gate = load(quarantine=quarantine)
    answers: list[InputQuarantined] = []
    errors: list[str] = []
    has_begun = threading.Semaphore(0)

    def call() -> None:
        try:
            while True:
                answers.append(refusal(gate))
                has_begun.release()
        except RuntimeError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(40):
        has_begun.acquire()
    gate.close()
    for thread in threads:
        thread.join()
    assert errors == ["this gate is closed; load a new one"] * 8
    stored = Counter(answer.stored for answer in answers)
    assert stored.keys() <= {"store", "spool", "none"}
    acknowledged = {answer.entry_id for answer in answers if answer.stored != "none"}
    assert {entry.id for entry in entries(gate.settings)} == acknowledged
    assert spooled(gate.settings) == 0


def test_rules_about_batches_are_named_in_one_warning_where_requests_come(
    load: Callable[..., Gate], tmp_path: Path
) -> None:
    path = tmp_path / "batches.yaml"
    path.write_text(
        "pack: p\nversion: 1\nfields: {query: {type: str}}\nrules:\n"
        "  - {id: query.text.unique, field: query, check: unique}\n"
        "  - {id: query.text.given, field: query, check: null_ratio, max: 0.1, window: {inputs: 5}}\n"
    )
    gate = load(path)
    with pytest.warns(UserWarning, match="judge whole batches only: .*: query.text.unique$"):
        gate.check({"query": "a"})
    gate.admit({"query": "a"})
    with gate.batch() as batch:
        batch.admit({"query": "a"})
    frames = load(path)
    assert frames.check_frame(pl.DataFrame({"query": ["a", "a"]})).report.by_rule == {"query.text.unique": 1}
    with pytest.warns(UserWarning, match="query.text.unique"):
        frames.guard(lambda query: query)
