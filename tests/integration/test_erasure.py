"""A subject's data is gone from where this machine can reach, and what is late of it is not taken."""

from __future__ import annotations

import base64
import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import pytest

from dq_gate.core.lifecycle import CLAIM, EDIT, ERASE
from dq_gate.events import EntryErased
from dq_gate.gate import recording
from dq_gate.gate.recording import folder_of, recorded
from dq_gate.gate.runtime import connect, spool_target
from dq_gate.quarantine.codec import Erased, decode
from dq_gate.quarantine.entry import Act, HistoryItem, Lease
from dq_gate.quarantine.payload import edited_entry
from dq_gate.quarantine.vault import Vault, vault_of
from dq_gate.review.erasure import clean_spools, count_spooled, digests_of, erase, find
from tests.fakes import Reports, eventually
from tests.integration.damaging import damage
from tests.integration.gating import entries, refusal, spooled
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dq_gate import Gate

JO, ANN = "jo@customer.example", "ann@customer.example"
PACK = """\
pack: people
version: 1
fields:
  query: {type: str}
  email: {type: str, required: false, aliases: [mail], subject: true, store: masked}
  to: {type: "list[str]", required: false, subject: true}
rules:
  - {id: query.text.deny, field: query, check: not_matches, patterns: [forbidden]}
"""
KEY = f"2026-01:{base64.b64encode(bytes(32)).decode()}"
NEXT = f"2026-07:{base64.b64encode(bytes(range(32))).decode()}"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack with fields that say whose data a record is."""
    path = tmp_path / "people.yaml"
    path.write_text(PACK, encoding="utf-8")
    return path


@pytest.fixture(params=[None, KEY], ids=["plain", "sealed"])
def people(request, load, pack, quarantine) -> Callable[..., Gate]:
    """Loads gates on either store, with a key or without."""

    def people(**settings) -> Gate:
        return load(pack, **{"quarantine": quarantine, "sealing_keys": request.param} | settings)

    return people


def record(subject, query="a forbidden word"):
    return {"query": f"{query} of {subject}", "email": subject}


def erased(settings, subject, report=lambda _: None, clock=time.time):
    vault, store = vault_of(settings), connect(settings)
    digests = digests_of(subject, settings.namespace, vault)
    outcomes = erase(store, digests, vault=vault, who="dpo", reason="request 4711", emit=report, clock=clock)
    found = Counter(outcome.result for outcome in outcomes)
    store.close()
    return found


def contents(settings):
    return [decode(vault_of(settings).open(entry.id, entry.payload)) for entry in entries(settings)]


def test_the_subjects_entries_are_erased_and_no_others(people):
    gate = people()
    for subject in (JO, ANN, JO):
        refusal(gate, record(subject))
    reports = Reports()
    assert erased(gate.settings, f" {JO} ", reports) == {"done": 2}
    assert contents(gate.settings) == [Erased(), {"query": f"a forbidden word of {ANN}", "email": "[masked]"}, Erased()]
    (event,) = reports.of(EntryErased)
    assert (len(event.entry_ids), event.who) == (2, "dpo")
    assert JO not in repr(event)


def test_a_damaged_entry_is_told_and_the_others_are_erased(people):
    gate = people()
    first = refusal(gate, record(JO)).entry_id
    refusal(gate, record(JO))
    store = connect(gate.settings)
    damage(store, first)
    assert erased(gate.settings, JO) == {"damaged": 1, "done": 1}
    store.close()


def test_an_erased_entry_keeps_its_history_and_is_of_nobody(people):
    gate = people()
    refusal(gate, record(JO))
    before = entries(gate.settings)[0]
    erased(gate.settings, JO)
    (after,) = entries(gate.settings)
    assert (after.state, after.violations, after.subjects, after.replayable) == (
        "pending",
        before.violations,
        (),
        False,
    )
    assert [(item.who, item.action, item.why) for item in after.history] == [("dpo", ERASE.name, "request 4711")]
    assert erased(gate.settings, JO) == {}


def test_edits_are_erased_with_the_rest_whatever_the_entry_is_about(people):
    gate = people()
    refusal(gate, {"query": "forbidden", "to": [ANN, JO]})
    (entry,) = entries(gate.settings)
    store = connect(gate.settings)
    store.act([entry.id], Act(CLAIM, HistoryItem(1.0, "ann", CLAIM.name), lease=Lease("token", "ann", 9e9)))
    rewrite = edited_entry(entry, {"query": "fine"}, vault_of(gate.settings), who="ann", at=2.0)
    assert store.act([entry.id], Act(EDIT, HistoryItem(2.0, "ann", "edit"), token="token", rewrite=rewrite)) == ["done"]
    store.close()
    assert erased(gate.settings, JO) == {"done": 1}
    assert contents(gate.settings) == [Erased()]
    assert entries(gate.settings)[0].state == "leased"


def test_what_is_late_is_refused_and_what_comes_anew_is_kept(people):
    gate = people()
    refusal(gate, record(JO))
    (entry,) = entries(gate.settings)
    erased(gate.settings, JO)
    store = connect(gate.settings)
    late = replace(entry, id="late", revision=0, history=())
    new = replace(late, id="new", created_at=time.time() + 60)
    assert store.put([late, new]) == ["erased", "created"]
    store.close()
    assert [found.id for found in entries(gate.settings) if found.replayable or found.subjects] == ["new"]


def test_an_entry_under_an_older_key_is_found_too(load, pack, quarantine):
    refusal(load(pack, quarantine=quarantine), record(JO))
    refusal(load(pack, quarantine=quarantine, sealing_keys=KEY), record(JO))
    settings = load(pack, quarantine=quarantine, sealing_keys=f"{NEXT},{KEY}").settings
    assert erased(settings, JO) == {"done": 2}


def test_looking_changes_nothing(people):
    gate = people()
    refusal(gate, record(JO))
    store = connect(gate.settings)
    digests = digests_of(JO, gate.settings.namespace, vault_of(gate.settings))
    found = find(store, digests, gate.settings.state_dir / "spool")
    store.close()
    (entry,) = entries(gate.settings)
    assert (found.entry_ids, entry.subjects != ()) == ((entry.id,), True)


def test_no_store_learns_whom_it_forgets(people):
    gate = people()
    erased(gate.settings, JO)
    store = connect(gate.settings)
    assert JO not in repr(store.forgotten())
    store.close()


@pytest.mark.parametrize("keys", [None, KEY], ids=["plain", "sealed"])
def test_what_a_dead_process_spooled_is_removed(load, pack, tmp_path, keys):
    gate = load(pack, quarantine=RedisServer(tmp_path / "away").url, sealing_keys=keys)
    for subject in (JO, ANN):
        assert refusal(gate, record(subject)).stored == "spool"
    gate.close()
    digests = digests_of(JO, gate.settings.namespace, vault_of(gate.settings))
    spools = gate.settings.state_dir / "spool"
    assert count_spooled(spools, digests) == 1
    clean_spools(spools, spool_target(gate.settings), digests, time.time())
    assert count_spooled(spools, digests) == 0
    assert count_spooled(spools, digests_of(ANN, gate.settings.namespace, vault_of(gate.settings))) == 1


# Recordings


@pytest.fixture
def recording_gate(load, pack):
    return load(pack, record="full", record_rate=1.0)


def queries(settings):
    return sorted(found["query"] for found in recorded(settings))


def forget(settings, subject=JO, at=None):
    digests = digests_of(subject, settings.namespace, vault_of(settings))
    return recording.forget(settings, digests, time.time() if at is None else at)


def test_the_subjects_recordings_are_erased_and_no_others(recording_gate):
    for subject in (JO, ANN, JO):
        recording_gate.admit(record(subject, "a word"))
    recording_gate.close()
    settings = recording_gate.settings
    (piece,) = folder_of(settings).glob("*.jsonl")
    age = piece.stat().st_mtime_ns
    assert recording.count(settings, digests_of(JO, settings.namespace, Vault())) == 2
    assert forget(settings) == 2
    assert queries(settings) == [f"a word of {ANN}"]
    assert (piece.stat().st_mode & 0o777, piece.stat().st_mtime_ns) == (0o600, age)
    assert forget(settings) == 0


def test_a_process_goes_on_recording_and_forgets_what_it_had_in_memory(recording_gate):
    settings = recording_gate.settings
    recording_gate.admit(record(ANN, "first"))
    recording_gate.runtime()._flush_recording()
    recording_gate.admit(record(JO, "second"))
    assert forget(settings) == 0
    recording_gate.admit(record(ANN, "third"))
    recording_gate.admit(record(JO, "fourth"))
    recording_gate.runtime()._flush_recording()
    assert queries(settings) == [f"first of {ANN}", f"fourth of {JO}", f"third of {ANN}"]
    assert forget(settings) == 1
    recording_gate.admit(record(ANN, "fifth"))
    recording_gate.runtime()._flush_recording()
    assert queries(settings) == [f"fifth of {ANN}", f"first of {ANN}", f"third of {ANN}"]


def test_a_process_that_records_loses_nothing_of_others_to_an_erasure(recording_gate):
    settings, is_done = recording_gate.settings, threading.Event()

    def forget_over_and_over():
        while not is_done.is_set():
            forget(settings)

    with ThreadPoolExecutor(1) as pool:
        forgetting = pool.submit(forget_over_and_over)
        for number in range(300):
            recording_gate.admit(record(ANN, str(number)))
            recording_gate.admit(record(JO, str(number)))
            recording_gate.runtime()._flush_recording()
        is_done.set()
        forgetting.result()
    forget(settings)
    assert queries(settings) == sorted(f"{number} of {ANN}" for number in range(300))


def test_a_line_of_an_older_release_is_known_by_its_values(recording_gate):
    settings = recording_gate.settings
    folder_of(settings).mkdir(parents=True)
    lines = [{"at": 1.0, "pack": "p", "record": {"v": 1, "value": {"query": "a", "who": who}}} for who in (JO, ANN)]
    piece = folder_of(settings) / f"{settings.namespace}.{settings.source}.1.abc.jsonl"
    piece.write_bytes(b"\n".join(map(orjson.dumps, lines)) + b'\n{"cut')
    assert forget(settings) == 1
    assert [found["who"] for found in recorded(settings)] == [ANN]


def test_a_recording_names_no_subject(recording_gate):
    recording_gate.admit(record(JO, "word"))
    recording_gate.close()
    (piece,) = folder_of(recording_gate.settings).glob("*.jsonl")
    assert orjson.dumps({"email": JO})[1:-1] not in piece.read_bytes()
    assert len(orjson.loads(piece.read_bytes())["subjects"]) == 1


def test_what_a_killed_erasure_left_is_removed_in_time(recording_gate):
    folder = folder_of(recording_gate.settings)
    folder.mkdir(parents=True)
    drafts = [folder / "old.draft", folder / "new.draft"]
    for draft in drafts:
        draft.touch()
    os.utime(drafts[0], (1.0, 1.0))
    recording_gate.runtime()._flush_recording()
    assert list(folder.glob("*.draft")) == drafts[1:]


def test_without_recordings_there_is_nothing_to_do(load):
    settings = load().settings
    assert forget(settings) == 0
    assert not folder_of(settings).exists()


# Other machines, and living processes


@pytest.mark.parametrize("keys", [None, KEY], ids=["plain", "sealed"])
def test_what_another_machine_spooled_is_not_delivered_any_more(load, pack, tmp_path, keys):
    with RedisServer(tmp_path / "redis") as server:
        away = load(pack, quarantine=server.url, sealing_keys=keys, state_dir=tmp_path / "other")
        server.stop()
        for subject in (JO, ANN):
            assert refusal(away, record(subject)).stored == "spool"
        away.close()
        server.cont()
        here = load(pack, quarantine=server.url, sealing_keys=keys)
        assert erased(here.settings, JO) == {}
        back = load(pack, quarantine=server.url, sealing_keys=keys, state_dir=tmp_path / "other")
        refusal(back, {"query": "forbidden"})
        eventually(lambda: spooled(back.settings) == 0)
        assert sorted(found["query"] for found in contents(back.settings)) == [
            f"a forbidden word of {ANN}",
            "forbidden",
        ]
        for gate in (here, back):
            gate.close()


def test_what_a_living_process_mirrors_is_counted_and_left_to_it(load, pack, tmp_path):
    with RedisServer(tmp_path / "redis", "--appendonly", "no") as server:
        gate = load(pack, quarantine=server.url)
        refusal(gate, record(JO))
        spools, digests = gate.settings.state_dir / "spool", digests_of(JO, gate.settings.namespace, Vault())
        eventually(lambda: count_spooled(spools, digests) == 1)
        assert erased(gate.settings, JO) == {"done": 1}
        clean_spools(spools, spool_target(gate.settings), digests, time.time())
        assert count_spooled(spools, digests) == 1
        gate.close()
        clean_spools(spools, spool_target(gate.settings), digests, time.time())
        assert count_spooled(spools, digests) == 0
