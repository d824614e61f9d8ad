"""Metrics are exact, and never more series than a Prometheus bears."""

from __future__ import annotations

import weakref

import pytest
from prometheus_client import CollectorRegistry

from dq_gate.signals import families as families_module
from dq_gate.signals.families import Families
from dq_gate.signals.metrics import INPUTS, JUDGEMENT, METRICS, MODE, RULE_FAILURES, SPOOL_ENTRIES


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def families(registry):
    return Families(registry)


def read(registry, name, **labels):
    return registry.get_sample_value(name, labels)


def test_durations_are_counted_in_the_buckets_that_hold_them(families, registry):
    here = {"namespace": "n", "source": "s"}
    families.observe(JUDGEMENT, ("n", "s"), [5_000, 5_001, 2_000_000_000])
    families.observe(JUDGEMENT, ("n", "s"), [1_000])
    families.observe(JUDGEMENT, ("n", "s"), [])
    name = JUDGEMENT.name
    assert read(registry, f"{name}_bucket", le="5e-06", **here) == 2, "a bound belongs to its bucket"
    assert read(registry, f"{name}_bucket", le="1e-05", **here) == 3
    assert read(registry, f"{name}_bucket", le="1.0", **here) == 3
    assert read(registry, f"{name}_bucket", le="+Inf", **here) == read(registry, f"{name}_count", **here) == 4
    assert read(registry, f"{name}_sum", **here) == pytest.approx(2.000011001)


def test_a_series_that_would_be_too_many_is_counted_as_other(families, registry, monkeypatch):
    monkeypatch.setattr(families_module, "MAX_SERIES", 3)
    for number in range(5):
        for mode in ("enforce", "shadow"):
            families.add(RULE_FAILURES, ("n", "s", f"rule.{number}", mode), 10)
    families.add(RULE_FAILURES, ("n", "s", "rule.0", "enforce"), 1)
    name = RULE_FAILURES.name
    assert read(registry, name, namespace="n", source="s", rule_id="rule.0", mode="enforce") == 11
    assert read(registry, name, namespace="n", source="s", rule_id="rule.4", mode="enforce") is None
    others = {"namespace": "other", "source": "other", "rule_id": "other"}
    assert read(registry, name, mode="enforce", **others) == 30
    assert read(registry, name, mode="shadow", **others) == 40
    assert read(registry, "dq_gate_metric_samples_folded_total", metric=name) == 7
    assert read(registry, "dq_gate_metric_samples_folded_total", metric=INPUTS.name) == 0


def test_parts_of_a_gauge_add_up_though_they_share_a_series(families, registry, monkeypatch):
    families.share(SPOOL_ENTRIES, ("n", "s"), "one", 3)
    families.share(SPOOL_ENTRIES, ("n", "s"), "another", 4)
    families.share(SPOOL_ENTRIES, ("n", "s"), "one", 1)
    assert read(registry, SPOOL_ENTRIES.name, namespace="n", source="s") == 5
    monkeypatch.setattr(families_module, "MAX_SERIES", 1)
    for source in ("a", "b"):
        families.share(SPOOL_ENTRIES, ("n", source), "one", 2)
    assert read(registry, SPOOL_ENTRIES.name, namespace="other", source="other") == 4


def test_whoever_withdraws_from_a_gauge_is_kept_no_longer(families, registry):
    class Owner:
        pass

    owner = Owner()
    families.share(SPOOL_ENTRIES, ("n", "s"), owner, 3)
    families.share(SPOOL_ENTRIES, ("n", "s"), "another", 4)
    families.withdraw(SPOOL_ENTRIES, ("n", "s"), owner)
    assert read(registry, SPOOL_ENTRIES.name, namespace="n", source="s") == 4
    gone = weakref.ref(owner)
    del owner
    assert gone() is None


def test_what_is_one_or_nothing_is_told_as_a_number(families, registry):
    families.share(MODE, ("n", "s", "enforce"), "one", True)
    assert read(registry, MODE.name, namespace="n", source="s", mode="enforce") == 1


def test_names_end_in_their_unit_and_counters_in_total():
    for metric in METRICS:
        assert metric.name.startswith("dq_gate_")
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert bool(metric.buckets) == (metric.kind == "histogram")
        assert metric.buckets == tuple(sorted(metric.buckets))
        assert metric.help.endswith(".")
