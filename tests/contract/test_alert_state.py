"""Alert states keep the same promises in a file and in a Redis: one evaluator, all or nothing, each alert said once."""

from __future__ import annotations

import threading
import time

import pytest

from dq_gate.alerts.state import redis as redis_state
from dq_gate.alerts.state import serial, sqlite
from dq_gate.alerts.state.contract import GivenUp, Saved, Transition
from dq_gate.alerts.state.redis import RedisState
from dq_gate.alerts.state.sqlite import SQLiteState
from dq_gate.errors import AlertStateError, BackendUnavailableError, LeaseLostError
from dq_gate.quarantine.address import redis_address
from tests.fakes import eventually

PACK = "shipped"
SAVED = Saved({"/var/log/a.jsonl": {"at": 7}}, {"clock": 1})
FIRED = {"event": "dq_gate.alert.fired", "id": "1", "alert": "a", "group": {}, "severity": "page", "value": 0.1}
RESOLVED = {**FIRED, "event": "dq_gate.alert.resolved", "group": {}}
OTHER = {**FIRED, "id": "2", "group": {"source": "\x00 é"}}


def transition(at=1, alert="a", after="firing"):
    return Transition(at, alert, {"source": "web"}, "pending", after, 0.5, "1")


def stopped():
    event = threading.Event()
    event.set()
    return event


@pytest.fixture(params=["sqlite", "redis"])
def open_state(request, tmp_path, namespace):
    """Makes further stores on the same state."""
    made = []

    def open_state(pack=PACK, lease_seconds=0.5):
        if request.param == "sqlite":
            made.append(SQLiteState(tmp_path / "alerts" / "state.db", pack))
        else:
            address = redis_address(request.getfixturevalue("redis_server").url)
            made.append(RedisState(address, pack, namespace=namespace, lease_seconds=lease_seconds))
        return made[-1]

    yield open_state
    for state in made:
        state.close()


@pytest.fixture
def state(open_state):
    """A store whose lease is held."""
    state = open_state()
    assert state.acquire(stopped(), pytest.fail)
    return state


def due(state, notifier="hook", now=None):
    return [delivery.alert for delivery in state.due(notifier, now or time.time() + 1, 100)]


def test_a_new_state_stands_nowhere(state):
    assert state.load() == Saved()
    assert (list(state.history()), due(state), state.waiting()) == ([], [], {})


def test_the_next_holder_finds_what_was_committed(open_state, state):
    state.commit(SAVED, [transition()], [("hook", FIRED), ("mail", FIRED)])
    state.close()
    successor = open_state()
    assert successor.acquire(stopped(), pytest.fail)
    assert successor.load() == SAVED
    assert list(successor.history()) == [transition()]
    assert due(successor) == due(successor, "mail") == [FIRED]
    assert successor.waiting() == {"hook": 1, "mail": 1}


def test_a_second_evaluator_waits_and_is_told_who_holds_the_lease(open_state, state):
    told, stop, results = [], threading.Event(), []
    standby = open_state()
    waiting = threading.Thread(target=lambda: results.append(standby.acquire(stop, told.append)))
    waiting.start()
    eventually(lambda: told)
    assert "process" in told[0]
    state.commit(SAVED, [], [])
    state.close()
    waiting.join(30)
    assert results == [True]
    assert standby.load() == SAVED
    assert len(told) == 1


def test_a_standby_that_is_to_stop_has_no_lease(open_state, state):
    told = []
    assert not open_state().acquire(stopped(), told.append)
    assert len(told) == 1


def test_a_lease_can_be_had_again_after_it_was_given_back(open_state, state):
    state.close()
    assert state.acquire(stopped(), pytest.fail)
    state.commit(SAVED, [], [])


def test_of_one_alert_only_the_oldest_delivery_is_due(state):
    state.commit(SAVED, [], [("hook", FIRED), ("hook", RESOLVED), ("hook", OTHER)])
    first, other = state.due("hook", time.time() + 1, 100)
    assert (first.alert, other.alert, first.attempts, first.notifier) == (FIRED, OTHER, 0, "hook")
    assert first.number < other.number
    state.settle(first.number)
    assert due(state) == [RESOLVED, OTHER]


def test_what_was_committed_before_the_clock_was_set_back_is_due(state):
    state.commit(SAVED, [], [("hook", FIRED)])
    assert due(state, now=time.time() - 3600) == [FIRED]


def test_no_more_are_given_than_asked_for(state):
    state.commit(SAVED, [], [("hook", {**FIRED, "id": str(number)}) for number in range(5)])
    assert [delivery.alert["id"] for delivery in state.due("hook", time.time() + 1, 3)] == ["0", "1", "2"]


def test_a_postponed_delivery_is_due_at_its_time_and_holds_back_its_resolution(state):
    state.commit(SAVED, [], [("hook", FIRED), ("hook", RESOLVED)])
    (delivery,) = state.due("hook", time.time() + 1, 100)
    later = time.time() + 1000
    state.postpone(delivery.number, later, "did not answer")
    assert due(state) == []
    (again,) = state.due("hook", later + 1, 100)
    assert (again.number, again.attempts, again.created_at) == (
        delivery.number,
        1,
        pytest.approx(delivery.created_at, abs=0.01),
    )
    assert state.waiting() == {"hook": 2}


def test_what_is_given_up_is_named_in_the_history(state):
    state.commit(SAVED, [transition()], [("hook", OTHER)])
    (delivery,) = state.due("hook", time.time() + 1, 100)
    state.give_up(delivery.number, "410 Gone")
    _, note = state.history()
    assert isinstance(note, GivenUp)
    assert (note.alert, note.group, note.id, note.notifier, note.error) == (
        "a",
        OTHER["group"],
        "2",
        "hook",
        "410 Gone",
    )
    assert abs(note.at / 1000 - time.time()) < 60
    assert (due(state), state.waiting()) == ([], {})


def test_a_delivered_firing_stands_until_its_resolution_is_delivered_or_given_up(state):
    for end in (state.settle, lambda number: state.give_up(number, "refused")):
        state.commit(SAVED, [], [("hook", FIRED), ("mail", OTHER)])
        (firing,) = state.due("hook", time.time() + 1, 100)
        assert state.standing("hook") == []
        state.settle(firing.number)
        assert [(one.number, one.alert) for one in state.standing("hook")] == [(firing.number, FIRED)]
        assert state.standing("mail") == []
        state.commit(SAVED, [], [("hook", RESOLVED)])
        (resolution,) = state.due("hook", time.time() + 1, 100)
        assert len(state.standing("hook")) == 1
        end(resolution.number)
        assert state.standing("hook") == []


def test_a_delivery_may_be_settled_twice(state):
    state.commit(SAVED, [], [("hook", FIRED)])
    (delivery,) = state.due("hook", time.time() + 1, 100)
    state.settle(delivery.number)
    state.settle(delivery.number)
    state.postpone(99, 0, "gone")
    state.give_up(99, "gone")
    assert [one.alert for one in state.standing("hook")] == [FIRED]


def test_history_is_read_without_the_lease_and_by_time_and_alert(open_state, state):
    changes = [transition(1), transition(2, "b"), transition(3, after="resolved")]
    state.commit(SAVED, changes[:2], [])
    state.commit(SAVED, changes[2:], [])
    reader = open_state()
    assert list(reader.history()) == changes
    assert list(reader.history(since=2)) == changes[1:]
    assert list(reader.history(alert="a")) == [changes[0], changes[2]]


def test_a_history_nobody_wrote_is_empty(open_state):
    assert list(open_state().history()) == []


def test_a_history_that_may_not_be_looked_for_is_no_empty_one(tmp_path):
    state = SQLiteState(tmp_path / ("x" * 300) / "state.db", PACK)
    with pytest.raises(BackendUnavailableError, match="File name too long"):
        list(state.history())


def test_history_is_bounded(state, monkeypatch):
    for module in (serial, sqlite, redis_state):
        monkeypatch.setattr(module, "KEEP_NOTES", 150)
    for at in range(40):
        state.commit(SAVED, [transition(10 * at + number) for number in range(10)], [])
    kept = [note.at for note in state.history()]
    assert kept == list(range(kept[0], 400))
    assert 150 <= len(kept) < 300  # a stream is trimmed by whole nodes of a hundred


def test_threads_may_settle_while_another_commits(state):
    state.commit(SAVED, [], [("hook", {**FIRED, "id": str(number)}) for number in range(30)])

    def deliver():
        while found := state.due("hook", time.time() + 1, 1):
            state.settle(found[0].number)

    threads = [threading.Thread(target=deliver) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(20):
        state.commit(Saved({"n": number}, None), [transition(number)], [])
    for thread in threads:
        thread.join(30)
    assert (state.waiting(), state.load().positions) == ({}, {"n": 19})


def test_a_silent_holders_lease_runs_out_and_its_late_commit_is_refused(redis_server, namespace):
    address = redis_address(redis_server.url)
    frozen = RedisState(address, PACK, namespace=namespace, lease_seconds=0.3)
    standby = RedisState(address, PACK, namespace=namespace, lease_seconds=0.3)
    assert frozen.acquire(stopped(), pytest.fail)
    frozen.commit(SAVED, [], [])
    frozen._closing.set()  # as when its process is stopped: nothing renews
    assert standby.acquire(threading.Event(), lambda _: None)
    with pytest.raises(LeaseLostError, match="took over"):
        frozen.commit(Saved({"late": 1}, None), [transition()], [("hook", FIRED)])
    assert (standby.load(), list(standby.history()), standby.waiting()) == (SAVED, [], {})
    standby.commit(SAVED, [], [("hook", FIRED)])
    assert (due(frozen), due(standby)) == ([], [FIRED])  # or both would tell of it
    frozen.close()
    standby.commit(SAVED, [], [])
    standby.close()


def test_a_lease_that_ran_out_and_nobody_took_is_taken_up_again(redis_server, namespace):
    state = RedisState(redis_address(redis_server.url), PACK, namespace=namespace, lease_seconds=0.05)
    assert state.acquire(stopped(), pytest.fail)
    state._closing.set()
    prefix = state._prefix
    eventually(lambda: not state._connection.call(prefix, lambda client: client.exists(f"{prefix}lease")))
    state.commit(SAVED, [], [])
    assert state.load() == SAVED
    state.close()


def test_all_keys_of_a_pack_are_under_one_hash_tag(redis_server, namespace):
    state = RedisState(redis_address(redis_server.url), PACK, namespace=namespace)
    assert state.acquire(stopped(), pytest.fail)
    state.commit(SAVED, [transition()], [("hook", FIRED), ("mail", FIRED)])
    state.settle(state.due("hook", time.time() + 1, 1)[0].number)
    keys = state._connection.call("", lambda client: client.keys(f"*{namespace}*"))
    tag = f"dq:alerts:{{{namespace}/{PACK}}}:".encode()
    assert {key.removeprefix(tag) for key in keys} == {
        b"lease", b"fence", b"schema", b"watch", b"history", b"number", b"outbox", b"queue", b"standing"
    }  # fmt: skip
    state.close()


def test_a_newer_format_is_refused_with_the_way_out(redis_server, namespace, tmp_path):
    in_redis = RedisState(redis_address(redis_server.url), PACK, namespace=namespace)
    in_redis._connection.call("", lambda client: client.set(f"{in_redis._prefix}schema", 2))
    with pytest.raises(AlertStateError, match="has format 2, this release reads 1; use the release that made it"):
        in_redis.acquire(stopped(), pytest.fail)
    in_file = SQLiteState(tmp_path / "s.db", PACK)
    in_file.acquire(stopped(), pytest.fail)
    with in_file._writing() as db:
        db.execute("PRAGMA user_version = 2")
    in_file.close()
    with pytest.raises(AlertStateError, match="has format 2, this release reads 1; use the release that made it"):
        in_file.acquire(stopped(), pytest.fail)
    in_file.close()


@pytest.mark.parametrize(
    "content", [b"no database, only text of some length" * 40, b"SQLite format 3\x00" + b"\xff" * 4000]
)
def test_a_damaged_file_is_refused_with_the_way_out(tmp_path, content):
    path = tmp_path / "s.db"
    path.write_bytes(content)
    state = SQLiteState(path, PACK)
    with pytest.raises(AlertStateError, match=r"is damaged; move .*s\.db away to start afresh"):
        state.acquire(stopped(), pytest.fail)
    state.close()


def test_the_state_of_another_pack_is_refused(tmp_path):
    state = SQLiteState(tmp_path / "s.db", "theirs")
    state.acquire(stopped(), pytest.fail)
    state.close()
    other = SQLiteState(tmp_path / "s.db", "ours")
    with pytest.raises(AlertStateError, match="holds the state of the alert pack 'theirs', not of 'ours'"):
        other.acquire(stopped(), pytest.fail)
    other.close()


def test_a_state_file_is_for_its_owner_alone(tmp_path):
    state = SQLiteState(tmp_path / "alerts" / "s.db", PACK)
    state.acquire(stopped(), pytest.fail)
    state.commit(SAVED, [], [])
    assert {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "alerts").iterdir()} == dict.fromkeys(
        ("s.db", "s.db.lock", "s.db-wal", "s.db-shm"), 0o600
    )
    assert (tmp_path / "alerts").stat().st_mode & 0o777 == 0o700
    state.close()
