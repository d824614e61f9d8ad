"""Threads that share a gate, and processes with a gate each, come to the verdicts that one thread comes to."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import pytest

import dq_gate.engines  # noqa: F401 - enters the engines in the catalogue
from dq_gate.checks import CATALOGUE
from tests import every_check, verdicts

WORKERS = 4
PACKS = [*verdicts.SHIPPED, "every"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("every")


@pytest.fixture(scope="module", params=PACKS)
def pack(request, folder):
    return every_check.write_pack(folder) if request.param == "every" else request.param


@pytest.fixture(scope="module")
def alone(pack, folder):
    """What one thread says."""
    return verdicts.of_both(verdicts.load(pack, folder), verdicts.records_for(pack))


@pytest.fixture(scope="module")
def processes():
    """Processes that have started afresh, with hash seeds of their own, and work at once."""
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(WORKERS, verdicts.meet, (spawn.Barrier(WORKERS),)) as pool:
        yield pool


@pytest.fixture
def hasty_switches():
    """Threads take turns two hundred times as often as usual."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 200)
    yield
    sys.setswitchinterval(usual)


def test_the_records_come_to_every_end_by_many_rules(folder):
    gate = verdicts.load(every_check.write_pack(folder), folder)
    decisions = [gate.check(record) for record in every_check.records()]
    outcomes = Counter(decision.outcome for decision in decisions)
    assert len(decisions) >= 2000
    assert min(outcomes[outcome] for outcome in ("clean", "repaired", "quarantined")) > 100
    assert len({violation.check for decision in decisions for violation in decision.violations}) > 20
    assert {rule.check for rule in gate.pack.rules} == CATALOGUE.keys()


@pytest.mark.usefixtures("hasty_switches")
def test_threads_that_share_a_gate_agree_with_one_alone(pack, folder, alone):
    gate, records = verdicts.load(pack, folder), verdicts.records_for(pack)
    start = threading.Barrier(WORKERS)

    def judge(_):
        start.wait()
        return verdicts.of_both(gate, records)

    with ThreadPoolExecutor(WORKERS) as threads:
        for found in threads.map(judge, range(WORKERS)):
            assert found == alone


def test_processes_with_a_gate_each_agree_with_this_one(processes, pack, folder, alone):
    for found in processes.starmap(verdicts.in_own_process, repeat((pack, folder), WORKERS), chunksize=1):
        assert found == alone
