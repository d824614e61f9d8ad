"""Sealed at rest, from the gate to the reviewer: with the key all is there, without it nothing is."""

from __future__ import annotations

import base64
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dq_gate.core.lifecycle import CLAIM, EDIT, REWRAP
from dq_gate.errors import MissingExtraError, ReviewError, SealedPayloadError, UnreadableEntryError
from dq_gate.events import EntryRewrapped
from dq_gate.gate.runtime import connect
from dq_gate.quarantine import vault as vault_module
from dq_gate.quarantine.codec import decode
from dq_gate.quarantine.entry import Act, HistoryItem, Lease, Waiver
from dq_gate.quarantine.payload import edited_entry, read
from dq_gate.quarantine.vault import Vault, key_of, vault_of
from dq_gate.review.sealing import UNSEALED, keys_in_spools, keys_in_store, rotate
from tests.fakes import Reports, eventually
from tests.integration.gating import FAILING, entries, refusal, spooled
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate import Gate
    from dq_gate.settings import Settings

SECRET, CARD = "Zq7hunter22Marker", "4111 1111 1111 1111"
RECORD = {"query": f"why does password='{SECRET}' not pay with {CARD}?", "email": "jo@customer.example"}
PACK = """\
pack: sealing
version: 1
fields:
  query: {type: str}
  email: {type: str, required: false, subject: true}
  phone: {type: str, required: false, store: masked}
rules:
  - {id: query.text.secrets, field: query, check: no_secrets}
  - {id: query.text.pii, field: query, check: no_pii}
"""
OLD = f"2026-01:{base64.b64encode(bytes(range(32))).decode()}"
NEW = f"2026-07:{base64.b64encode(bytes(range(1, 33))).decode()}"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack with rules that redact where nothing is sealed."""
    path = tmp_path / "sealing.yaml"
    path.write_text(PACK, encoding="utf-8")
    return path


def opened(settings: Settings, entry):
    return decode(vault_of(settings).open(entry.id, entry.payload))


def rotated(settings: Settings, report=lambda _: None) -> Counter[str]:
    store = connect(settings)
    found = Counter(result for _, result in rotate(store, vault_of(settings), who="ann", emit=report))
    store.close()
    return found


def test_a_secret_is_kept_whole_and_can_be_replayed(load: Callable[..., Gate], pack, quarantine) -> None:
    gate = load(pack, quarantine=quarantine, sealing_keys=OLD)
    refusal(gate, RECORD)
    (entry,) = entries(gate.settings)
    assert opened(gate.settings, entry) == RECORD
    assert entry.replayable


def test_what_the_pack_withholds_stays_withheld(load, pack) -> None:
    gate = load(pack, sealing_keys=OLD)
    refusal(gate, RECORD | {"phone": "555 0100"})
    (entry,) = entries(gate.settings)
    assert opened(gate.settings, entry) == RECORD | {"phone": "[masked]"}
    assert not entry.replayable


def test_no_file_holds_anything_of_a_sealed_record_or_a_key(load, pack, tmp_path) -> None:
    gate = load(pack, sealing_keys=OLD)
    refusal(gate, RECORD)
    gate.close()
    sought = [SECRET, CARD, RECORD["email"], OLD.partition(":")[2]]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 2
    assert [path for path in files for text in sought if text.encode() in path.read_bytes()] == []


def test_what_is_spooled_is_sealed_too(load, pack, tmp_path) -> None:
    gate = load(pack, quarantine=RedisServer(tmp_path / "away").url, sealing_keys=OLD)
    assert refusal(gate, RECORD).stored == "spool"
    gate.close()
    assert keys_in_spools(gate.settings.state_dir / "spool") == {"2026-01": 1}
    assert [
        path for path in (tmp_path / "state").rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
    ] == []


def test_a_gate_with_keys_needs_the_extra_when_it_is_loaded(load, pack, monkeypatch) -> None:
    def missing():
        raise MissingExtraError("sealing payloads", "seal")

    monkeypatch.setattr(vault_module, "_aes_gcm", missing)
    load(pack)
    with pytest.raises(MissingExtraError, match=r"dq-gate\[seal\]"):
        load(pack, sealing_keys=OLD)


def test_a_bit_that_flips_in_the_append_only_file_is_noticed(load, pack, tmp_path) -> None:
    with RedisServer(tmp_path / "redis", "--appendfsync", "always") as server:
        gate = load(pack, quarantine=server.url, sealing_keys=OLD)
        refusal(gate, RECORD)
        (entry,) = entries(gate.settings)
        gate.close()
        server.kill()
        (log,) = Path(server.directory).rglob("*.incr.aof")
        content = log.read_bytes()
        place = content.rindex(entry.payload[-40:])
        log.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        server.start()
        (damaged,) = entries(gate.settings)
        with pytest.raises(SealedPayloadError, match="changed or cut"):
            opened(gate.settings, damaged)


# Rotation


def test_rotation_brings_every_entry_under_the_first_key(load, pack, quarantine) -> None:
    before = load(pack, quarantine=quarantine, sealing_keys=OLD)
    for number in range(5):
        refusal(before, RECORD | {"query": f"{RECORD['query']} {number}"})
    before.close()
    after = load(pack, quarantine=quarantine, sealing_keys=f"{NEW},{OLD}")
    reports = Reports()
    assert rotated(after.settings, reports) == {"done": 5}
    alone = load(pack, quarantine=quarantine, sealing_keys=NEW)
    found = entries(alone.settings)
    assert sorted(opened(alone.settings, entry)["query"][-1] for entry in found) == list("01234")
    assert {entry.payload_digest for entry in found} == {vault_of(alone.settings).digest(e.payload) for e in found}
    assert [item.action for item in found[0].history] == [REWRAP.name]
    (event,) = reports.of(EntryRewrapped)
    assert (sorted(event.entry_ids), event.who, event.key) == (sorted(e.id for e in found), "ann", "2026-07")


def test_a_rotation_that_is_done_again_changes_nothing(load, pack, quarantine) -> None:
    gate = load(pack, quarantine=quarantine, sealing_keys=OLD)
    refusal(gate, RECORD)
    assert rotated(gate.settings) == {"kept": 1}
    (entry,) = entries(gate.settings)
    assert entry.history == ()


def test_subjects_are_found_by_the_new_key_alone_after_rotation(load, pack, quarantine) -> None:
    refusal(load(pack, quarantine=quarantine, sealing_keys=OLD), RECORD)
    settings = load(pack, quarantine=quarantine, sealing_keys=f"{NEW},{OLD}").settings
    rotated(settings)
    (entry,) = entries(settings)
    bare = vault_module.subject_digest(settings.namespace, RECORD["email"])
    assert entry.subjects == Vault(settings.sealing_keys[:1]).subjects([bare])


def test_what_was_stored_before_there_was_a_key_is_sealed(load, quarantine) -> None:
    plain = load(quarantine=quarantine)
    refusal(plain, FAILING)
    settings = load(quarantine=quarantine, sealing_keys=OLD).settings
    assert rotated(settings) == {"done": 1}
    (entry,) = entries(settings)
    assert key_of(entry.payload) == "2026-01"
    assert opened(settings, entry) == FAILING


def test_waivers_outlive_the_sealing_of_what_they_are_about(load, quarantine) -> None:
    plain = load(quarantine=quarantine)
    refusal(plain, FAILING)
    (entry,) = entries(plain.settings)
    store = connect(plain.settings)
    note, lease = HistoryItem(1.0, "ann", CLAIM.name), Lease("token", "ann", 9e9)
    waiver = Waiver("query.text.deny", entry.payload_digest, "ann", "fine")
    assert store.act([entry.id], Act(CLAIM, note, lease=lease, waivers=(waiver,))) == ["done"]
    store.close()
    settings = load(quarantine=quarantine, sealing_keys=OLD).settings
    assert rotated(settings) == {"done": 1}
    (sealed,) = entries(settings)
    assert sealed.state == "leased"
    assert replace(waiver, payload_digest=sealed.payload_digest) in sealed.waivers


def test_an_edit_survives_rotation_with_its_history(load, pack, quarantine) -> None:
    gate = load(pack, quarantine=quarantine, sealing_keys=OLD)
    refusal(gate, RECORD)
    (entry,) = entries(gate.settings)
    store = connect(gate.settings)
    store.act([entry.id], Act(CLAIM, HistoryItem(1.0, "ann", CLAIM.name), lease=Lease("token", "ann", 9e9)))
    edited = edited_entry(entry, {"query": "fine"}, vault_of(gate.settings), who="ann", at=2.0)
    assert store.act([entry.id], Act(EDIT, HistoryItem(2.0, "ann", "edit"), token="token", rewrite=edited)) == ["done"]
    store.close()
    settings = load(pack, quarantine=quarantine, sealing_keys=f"{NEW},{OLD}").settings
    assert rotated(settings) == {"done": 1}
    (found,) = entries(settings)
    document = read(vault_of(settings).open(found.id, found.payload))
    assert (document.value, document.original) == ({"query": "fine"}, RECORD)


def test_an_entry_that_is_edited_meanwhile_is_read_anew(load, pack, quarantine) -> None:
    gate = load(pack, quarantine=quarantine, sealing_keys=OLD)
    refusal(gate, RECORD)
    settings = load(pack, quarantine=quarantine, sealing_keys=f"{NEW},{OLD}").settings
    store, vault = connect(settings), vault_of(settings)
    (entry,) = entries(settings)
    act, is_first = store.act, [True]

    def act_after_an_edit(ids, what):
        if is_first.pop() if is_first else False:
            act(ids, Act(CLAIM, HistoryItem(1.0, "bob", CLAIM.name), lease=Lease("token", "bob", 9e9)))
            edited = edited_entry(entry, {"query": "fine"}, Vault(settings.sealing_keys[1:]), who="bob", at=2.0)
            assert act(ids, Act(EDIT, HistoryItem(2.0, "bob", "edit"), token="token", rewrite=edited)) == ["done"]
        return act(ids, what)

    store.act = act_after_an_edit
    assert list(rotate(store, vault, who="ann", emit=lambda _: None)) == [(entry.id, "done")]
    (found,) = entries(settings)
    assert key_of(found.payload) == "2026-07"
    assert opened(settings, found) == {"query": "fine"}
    store.close()


def test_rotation_goes_on_beside_producers_and_where_it_was_cut_short(load, pack, quarantine) -> None:
    before = load(pack, quarantine=quarantine, sealing_keys=OLD)
    gate = load(pack, quarantine=quarantine, sealing_keys=f"{NEW},{OLD}")
    for number in range(110):
        refusal(before, RECORD | {"query": f"{RECORD['query']} {number}"})
    store, vault = connect(gate.settings), vault_of(gate.settings)
    reports = Reports()
    cut_short = rotate(store, vault, who="ann", emit=reports)
    assert [next(cut_short)[1] for _ in range(50)] == ["done"] * 50
    cut_short.close()
    with ThreadPoolExecutor(2) as pool:
        puts = [pool.submit(refusal, each, RECORD) for each in (before, gate) for _ in range(40)]
        found = Counter(result for _, result in rotate(store, vault, who="ann", emit=reports))
        assert all(put.result().stored in {"store", "spool"} for put in puts)
    eventually(lambda: spooled(gate.settings) == 0)
    assert set(found) == {"done", "kept"}
    assert len(reports.of(EntryRewrapped)[0].entry_ids) == 50
    found = Counter(result for _, result in rotate(store, vault, who="ann", emit=reports))
    assert found.total() == 190
    assert keys_in_store(store) == {"2026-07": 190}
    assert sum(len(event.entry_ids) for event in reports.of(EntryRewrapped)) == 150
    store.close()


def test_a_missing_key_and_damage_are_told_apart_and_hold_up_nothing(load, pack) -> None:
    for key in (OLD, NEW):
        refusal(load(pack, sealing_keys=key), RECORD)
    settings = load(pack, sealing_keys=f"2026-09:{NEW.partition(':')[2]},{NEW}").settings
    assert rotated(settings) == {"key_missing": 1, "done": 1}
    store = connect(settings)
    assert keys_in_store(store) == {"2026-01": 1, "2026-09": 1}
    store.close()


def test_rotation_without_a_key_says_so(load) -> None:
    with pytest.raises(ReviewError, match="sealing_keys"):
        rotated(load().settings)


def test_what_is_not_sealed_is_counted_as_such(load) -> None:
    gate = load()
    refusal(gate, FAILING)
    store = connect(gate.settings)
    assert keys_in_store(store) == {UNSEALED: 1}
    store.close()


def test_no_error_of_a_reviewer_without_the_key_shows_content(load, pack) -> None:
    gate = load(pack, sealing_keys=OLD)
    refusal(gate, RECORD)
    (entry,) = entries(gate.settings)
    with pytest.raises(UnreadableEntryError) as caught:
        Vault().open(entry.id, entry.payload)
    assert re.search(r"sealed under key '2026-01', and no sealing key is set", str(caught.value))
