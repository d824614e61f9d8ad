"""Damage to Redis' append-only file: what it takes along is no more than itself, and what it changes is noticed."""

from __future__ import annotations

import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from dq_gate.errors import SealedPayloadError
from dq_gate.quarantine.vault import Vault
from dq_gate.settings import SealingKey
from tests.fakes import make_entry
from tests.faults.judging import assert_counters_hold, walk
from tests.faults.record import record
from tests.faults.writing import make_store
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

PUT = 100
CUT = 700
"""Bytes cut off: the last put and part of the one before."""


def log_of(server: RedisServer) -> Path:
    """The file that a server appends to."""
    (path,) = (server.directory / "appendonlydir").glob("*.incr.aof")
    return path


@pytest.mark.parametrize("is_mended_by_hand", [False, True], ids=["redis mends it", "redis-check-aof mends it"])
def test_a_file_that_is_cut_takes_the_last_entries_along_and_no_others(
    tmp_path: Path, namespace: str, is_mended_by_hand: bool
) -> None:
    with RedisServer(tmp_path / "redis", "--appendfsync", "always") as server:
        with closing(make_store(server.url, namespace)) as store:
            for n in range(PUT):
                assert store.put([make_entry(f"{n:03}", namespace=namespace)]) == ["created"]
        server.kill()
        log = log_of(server)
        log.write_bytes(log.read_bytes()[:-CUT])
        if is_mended_by_hand:
            server.options += ("--aof-load-truncated", "no")
            subprocess.run(["redis-check-aof", "--fix", log], input=b"y\n", check=True, capture_output=True)
        server.start()
        with closing(make_store(server.url, namespace, timeout=5.0)) as store:
            found = list(walk(store))
            ids = sorted(entry.id for entry in found)
            assert_counters_hold(store, found)
    mended = "redis-check-aof" if is_mended_by_hand else "Redis itself"
    record(
        f"The last {CUT} bytes cut off the append-only file, mended by {mended}: gone with the disk",
        acknowledged=PUT,
        lost=PUT - len(ids),
    )
    assert 0 < PUT - len(ids) <= 2
    assert ids == [f"{n:03}" for n in range(len(ids))]


def test_a_bit_flipped_in_the_file_is_found_when_the_sealed_payload_is_opened(tmp_path: Path, namespace: str) -> None:
    vault = Vault([SealingKey("k1", bytes(32))])
    document = b'{"v":1,"value":{"query":"' + b"x" * 500 + b'"}}'
    with RedisServer(tmp_path / "redis", "--appendfsync", "always") as server:
        sealed = {f"{n:03}": vault.seal(f"{n:03}", document) for n in range(PUT)}
        with closing(make_store(server.url, namespace)) as store:
            for entry_id, payload in sealed.items():
                store.put([make_entry(entry_id, namespace=namespace, payload=payload)])
        server.kill()
        log = log_of(server)
        content = bytearray(log.read_bytes())
        content[content.rindex(sealed["050"]) + len(sealed["050"]) - 100] ^= 1
        log.write_bytes(content)
        server.start()
        with closing(make_store(server.url, namespace, timeout=5.0)) as store:
            found = list(walk(store))
            assert_counters_hold(store, found)
    refused = []
    for entry in found:
        try:
            assert vault.open(entry.id, entry.payload) == document
        except SealedPayloadError as error:
            refused.append((entry.id, error.problem))
    record(
        "A bit flipped in the append-only file, payloads sealed: found, and refused by name",
        acknowledged=PUT,
        lost=len(refused),
    )
    assert len(found) == PUT
    assert refused == [("050", "tampered")]
