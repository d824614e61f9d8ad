"""The circuit decides when callers are spared a store that is away."""

from __future__ import annotations

from dq_gate.core.circuit import Circuit


def test_the_first_failure_opens_it() -> None:
    circuit = Circuit()
    assert circuit.record_failure(now=10.0)
    assert circuit.is_open


def test_a_failure_while_open_is_no_news_but_puts_the_probe_off() -> None:
    circuit = Circuit(probe_after=0.5)
    circuit.record_failure(now=10.0)
    assert not circuit.record_failure(now=10.4)
    assert circuit.until_probe(now=10.5) == 10.4 + 0.5 - 10.5


def test_a_closed_circuit_wants_no_probe() -> None:
    assert Circuit().until_probe(now=10.0) is None


def test_a_probe_that_is_overdue_is_due_now() -> None:
    circuit = Circuit(probe_after=0.5)
    circuit.record_failure(now=10.0)
    assert circuit.until_probe(now=99.0) == 0.0


def test_a_success_closes_it_and_tells_how_long_the_store_was_away() -> None:
    circuit = Circuit()
    circuit.record_failure(now=10.0)
    circuit.record_failure(now=11.0)
    assert circuit.record_success(now=12.5) == 2.5
    assert not circuit.is_open


def test_a_success_while_closed_is_no_news() -> None:
    assert Circuit().record_success(now=10.0) is None


def test_it_opens_again_after_it_closed() -> None:
    circuit = Circuit()
    circuit.record_failure(now=10.0)
    circuit.record_success(now=11.0)
    assert circuit.record_failure(now=12.0)
    assert circuit.record_success(now=12.25) == 0.25
