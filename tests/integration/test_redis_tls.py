"""Redis over TLS: what it takes, and what is said when it goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from dq_gate import Gate
from dq_gate.errors import BackendUnavailableError, SettingsError
from dq_gate.events import StoreLocal
from dq_gate.quarantine.address import open_store, redis_address
from dq_gate.quarantine.redis_address import RedisOptions
from dq_gate.quarantine.redis_connection import RedisConnection
from dq_gate.quarantine.redis_tls import TlsFiles
from dq_gate.signals import emitter as emitter_module
from dq_gate.signals.emitter import Emitter
from dq_gate.signals.sinks import SinkOptions
from tests.fakes import eventually
from tests.integration.gating import entries, refusal, write_pack
from tests.redis_server import free_port
from tests.redis_topologies import Certificates, TlsServer, ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[TlsServer]:
    with TlsServer(tmp_path_factory.mktemp("tls"), certificates) as server:
        yield server


@pytest.fixture
def files(certificates: Certificates) -> dict[str, Path]:
    """What a client needs here."""
    certificate, key = certificates.client
    return {"ca_file": certificates.ca, "cert_file": certificate, "key_file": key}


def probe(url: str, *, timeout: float = 5.0, **files: Path) -> None:
    """Write something through an address."""
    options = RedisOptions(tls=TlsFiles(**files))
    connection = RedisConnection(redis_address(url, options), timeout=timeout, options=options)
    try:
        connection.run("probe", "dq:{n}:")
    finally:
        connection.close()


def test_a_gate_quarantines_over_tls_with_a_client_certificate(server, files, tmp_path, namespace):
    named = {f"redis_{name}": str(path) for name, path in files.items()}
    url = f"rediss://localhost:{server.tls_port}/0"
    with Gate.load(
        str(write_pack(tmp_path)),
        quarantine=url,
        namespace=namespace,
        state_dir=str(tmp_path / "s"),
        log="stderr",
        **named,
    ) as gate:
        refused = refusal(gate)
    patient = gate.settings.model_copy(update={"store_timeout": 10.0})
    assert [entry.id for entry in entries(patient)] == [refused.entry_id]


def test_events_reach_a_stream_over_tls_with_a_client_certificate(server, files, namespace):
    log = f"rediss://localhost:{server.tls_port}/0?stream={namespace}"
    emitter = Emitter(log, namespace=namespace, source="faq", options=SinkOptions(**files))
    emitter.emit(StoreLocal())
    eventually(emitter.flush)  # a handshake takes its time on a busy machine
    emitter.close()
    assert emitter.dropped == 0


def test_no_event_leaves_for_a_server_that_is_not_trusted(server, namespace, monkeypatch):
    monkeypatch.setattr(emitter_module, "FLUSH_SECONDS", 0.5)
    log = f"rediss://localhost:{server.tls_port}/0?stream={namespace}"
    emitter = Emitter(log, namespace=namespace, source="faq")
    emitter.emit(StoreLocal())
    emitter.close()
    assert emitter.dropped == 1


def test_an_unknown_authority_is_told_apart_from_a_server_that_is_down(server, certificates, files):
    url = f"rediss://localhost:{server.tls_port}"
    for other in ({"ca_file": certificates.stranger}, {}):
        with pytest.raises(BackendUnavailableError, match=r"does not trust; name its authority in redis_ca_file"):
            probe(url, **other)
    with pytest.raises(BackendUnavailableError, match="cannot be reached; is it running"):
        probe("rediss://localhost:1", **files)


def test_the_servers_host_name_is_checked(server, files):
    with pytest.raises(BackendUnavailableError, match="certificate for another host"):
        probe(f"rediss://127.0.0.1:{server.tls_port}", **files)


def test_a_missing_or_foreign_client_certificate_is_named(server, certificates, files):
    url = f"rediss://localhost:{server.tls_port}"
    with pytest.raises(BackendUnavailableError, match=r"wants? a client certificate, redis_cert_file"):
        probe(url, ca_file=certificates.ca)
    certificate, key = certificates.strange_client
    with pytest.raises(BackendUnavailableError, match=r"does (not|it) trust the certificate in redis_cert_file"):
        probe(url, ca_file=certificates.ca, cert_file=certificate, key_file=key)


def test_tls_on_a_plain_port_and_the_reverse_are_told(server, files):
    with pytest.raises(BackendUnavailableError, match="its TLS port"):
        probe(f"rediss://localhost:{server.port}", timeout=0.3, **files)
    with pytest.raises(BackendUnavailableError, match="the address begins with rediss"):
        probe(f"redis://localhost:{server.tls_port}")


def test_a_file_that_vanishes_while_the_gate_runs_is_named(server, files, tmp_path):
    own = {name: tmp_path / path.name for name, path in files.items()}
    for name, path in files.items():
        own[name].write_bytes(path.read_bytes())
    options = RedisOptions(tls=TlsFiles(**own))
    address = redis_address(f"rediss://localhost:{server.tls_port}", options)
    connection = RedisConnection(address, timeout=5.0, options=options)
    connection.run("probe", "dq:{n}:")
    connection.close()
    own["ca_file"].unlink()
    with pytest.raises(BackendUnavailableError, match=r"redis_ca_file: .* cannot be read"):
        connection.run("probe", "dq:{n}:")


def test_files_that_cannot_be_used_are_refused_before_anything_is_connected(certificates, files, tmp_path):
    (tmp_path / "empty.pem").touch()
    key = load_pem_private_key(files["key_file"].read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    wrong = {
        "redis_ca_file: .* cannot be read": {"ca_file": tmp_path / "nowhere.pem"},
        "redis_ca_file: .* holds no certificate": {"ca_file": tmp_path / "empty.pem"},
        "redis_cert_file: .* cannot be read": files | {"cert_file": tmp_path},
        "redis_key_file needs redis_cert_file": {"key_file": files["key_file"]},
        "does not belong to the certificate": files | {"key_file": certificates.strange_client[1]},
        "not both in PEM": files | {"key_file": tmp_path / "empty.pem"},
        "is encrypted": files | {"key_file": locked},
    }
    for message, given in wrong.items():
        options = RedisOptions(tls=TlsFiles(**given))
        with pytest.raises(SettingsError, match=message) as caught:
            open_store("rediss://localhost", "n", max_open=1, timeout=0.1, redis=options)
        assert "\n" not in str(caught.value)


def test_certificates_for_an_address_without_tls_are_refused(files):
    options = RedisOptions(tls=TlsFiles(**files))
    with pytest.raises(SettingsError, match="begins with rediss"):
        open_store("redis://localhost", "n", max_open=1, timeout=0.1, redis=options)


@pytest.fixture(scope="module")
def by_number(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates for 127.0.0.1: the address that sentinels and cluster nodes pass on."""
    return Certificates.make(tmp_path_factory.mktemp("by-number"), "127.0.0.1")


def test_sentinels_and_the_server_they_lead_to_are_spoken_to_in_tls(by_number, tmp_path):
    certificate, key = by_number.client
    files = {"ca_file": by_number.ca, "cert_file": certificate, "key_file": key}
    (tmp_path / "sentinel").mkdir()
    config = tmp_path / "sentinel" / "sentinel.conf"
    with TlsServer(tmp_path / "server", by_number) as primary:
        config.write_text(f"sentinel monitor main 127.0.0.1 {primary.tls_port} 1\n")
        options = ("--sentinel", "--tls-replication", "yes")
        with TlsServer(tmp_path / "sentinel", by_number, *options, config=config) as sentinel:
            url = f"rediss+sentinel://127.0.0.1:{sentinel.tls_port}/main"
            probe(url, **files)
            with pytest.raises(BackendUnavailableError, match="name its authority in redis_ca_file"):
                probe(url)


def test_the_nodes_of_a_cluster_are_spoken_to_in_tls(by_number, tmp_path):
    certificate, key = by_number.client
    files = {"ca_file": by_number.ca, "cert_file": certificate, "key_file": key}
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()), "--tls-cluster", "yes")
    with TlsServer(tmp_path, by_number, *options) as node:
        ask(node, "CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        eventually(lambda: "cluster_state:ok" in ask(node, "CLUSTER", "INFO"))
        probe(f"rediss+cluster://127.0.0.1:{node.tls_port}", **files)
        with pytest.raises(BackendUnavailableError, match="name its authority in redis_ca_file"):
            probe(f"rediss+cluster://127.0.0.1:{node.tls_port}")
