"""Quarantine addresses: what each names, and errors that show no password."""

from __future__ import annotations

from pathlib import Path

import pytest

from dq_gate.errors import SettingsError
from dq_gate.quarantine.address import open_store, redis_address, sqlite_path, store_kind
from dq_gate.quarantine.redis import RedisStore
from dq_gate.quarantine.redis_address import RedisAddress, RedisOptions
from dq_gate.quarantine.sharded import ShardedStore
from dq_gate.quarantine.sqlite import SqliteStore


@pytest.mark.parametrize(
    ("url", "address", "shown"),
    [
        ("redis://localhost", RedisAddress("redis", (("localhost", 6379),)), "redis://localhost:6379/0"),
        (
            "redis://:p%40ss%2F@10.0.0.1:7000/3",
            RedisAddress("redis", (("10.0.0.1", 7000),), 3, None, None, "p@ss/"),
            "redis://10.0.0.1:7000/3",
        ),
        (
            "rediss://ada:secret@[::1]:7000/",
            RedisAddress("rediss", (("::1", 7000),), 0, None, "ada", "secret"),
            "rediss://[::1]:7000/0",
        ),
        (
            "redis+sentinel://u:p@h1:1,h2/main/2",
            RedisAddress("redis+sentinel", (("h1", 1), ("h2", 26379)), 2, "main", "u", "p"),
            "redis+sentinel://h1:1,h2:26379/main/2",
        ),
        (
            "rediss+sentinel://:secret@h1/main",
            RedisAddress("rediss+sentinel", (("h1", 26379),), 0, "main", None, "secret"),
            "rediss+sentinel://h1:26379/main/0",
        ),
        ("rediss+cluster://h1", RedisAddress("rediss+cluster", (("h1", 6379),)), "rediss+cluster://h1:6379"),
        (
            "redis+cluster://:a:b@h1,h2:7001",
            RedisAddress("redis+cluster", (("h1", 6379), ("h2", 7001)), 0, None, None, "a:b"),
            "redis+cluster://h1:6379,h2:7001",
        ),
    ],
)
def test_redis_addresses_are_read_and_shown_without_credentials(url, address, shown):
    assert redis_address(url) == address
    assert str(address) == shown
    assert "secret" not in repr(address)
    assert store_kind(url) == "redis"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///q.db", "q.db"),
        ("sqlite:///some/q.db", "some/q.db"),
        ("sqlite:////var/lib/q 1.db", "/var/lib/q 1.db"),
    ],
)
def test_sqlite_addresses_name_relative_and_absolute_files(url, path):
    assert sqlite_path(url) == Path(path)
    assert store_kind(url) == "sqlite"


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("", "has one of the forms"),
        ("ada:secret@host", "has one of the forms"),
        ("//ada:secret@host", "has one of the forms"),
        ("Redis secret://host", "has one of the forms"),
        ("reddis://ada:secret@host", "did you mean 'redis'?"),
        ("postgres://ada:secret@host/db", "Allowed: redis"),
        ("sqlite://q.db", "sqlite:///relative/path.db"),
        ("sqlite:///", "sqlite:///relative/path.db"),
        ("sqlite:///folder/", "sqlite:///relative/path.db"),
        ("sqlite:///:memory:", "a file that lasts"),
        ("redis://", "needs host:port"),
        ("redis://ada:secret@", "needs host:port"),
        ("redis://ada:sec/ret@host", "percent-encode /"),
        ("redis://ada:secret@host:port", "needs host:port"),
        ("redis://host:99999", "needs host:port"),
        ("redis://host:0", "needs host:port"),
        ("redis://h1,h2", "takes one host"),
        ("redis://ada:secret@host/main", "the database is a number"),
        ("redis://ada:secret@host/0?socket_timeout=60", "no options"),
        ("redis://ada:sec#ret@host/0", "no options"),
        ("redis+sentinel://ada:secret@h1,h2", "name the service"),
        ("redis+sentinel://h1/main/x", "the database is a number"),
        ("redis+cluster://ada:secret@h1/0", "no databases"),
        ("rediss+cluster://ada:secret@h1/0", "no databases"),
        ("rediss://h1,h2", "takes one host"),
        ("rediss+sentinel://ada:secret@h1", "name the service"),
    ],
)
def test_an_address_of_no_known_form_is_refused_without_its_password(url, hint):
    with pytest.raises(SettingsError) as caught:
        open_store(url, "n", max_open=1, timeout=0.1)
    message = str(caught.value)
    assert hint in message
    assert "\n" not in message
    assert not any(part in message for part in ("secret", "ada", "sec", "ret@"))


@pytest.mark.parametrize(
    ("url", "uses_tls", "is_cluster"),
    [
        ("redis://h", False, False),
        ("rediss://h", True, False),
        ("redis+sentinel://h/main", False, False),
        ("rediss+sentinel://h/main", True, False),
        ("redis+cluster://h", False, True),
        ("rediss+cluster://h", True, True),
    ],
)
def test_the_scheme_says_how_to_connect(url, uses_tls, is_cluster):
    address = redis_address(url)
    assert (address.uses_tls, address.is_cluster) == (uses_tls, is_cluster)


def test_keys_begin_with_the_prefix_and_the_namespace_as_a_hash_tag():
    options = RedisOptions(key_prefix="tenant")
    assert options.prefix("support") == "tenant:{support}:"
    assert options.prefix("support", 3) == "tenant:{support/3}:"


def test_passwords_are_in_no_repr():
    assert "secret" not in repr(RedisOptions(sentinel_password="secret"))


def test_a_namespace_in_several_shards_is_one_store():
    store = open_store("redis://nowhere.invalid", "n", max_open=1, timeout=0.1, redis=RedisOptions(shards=3))
    assert isinstance(store, ShardedStore)


def test_opening_a_store_touches_nothing(tmp_path):
    path = tmp_path / "sub" / "q.db"
    assert isinstance(open_store(f"sqlite:///{path}", "n", max_open=1, timeout=0.1), SqliteStore)
    assert isinstance(open_store("redis://nowhere.invalid", "n", max_open=1, timeout=0.1), RedisStore)
    assert not path.parent.exists()
