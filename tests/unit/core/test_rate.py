"""The rate limit spreads what is begun, and makes good what a late waker-up missed."""

from __future__ import annotations

import pytest

from dq_gate.core.rate import TokenBucket


def test_the_first_token_is_there_at_once() -> None:
    assert TokenBucket(2.0).take(now=100.0) == 0.0


def test_tokens_come_at_the_rate() -> None:
    bucket = TokenBucket(2.0)
    assert [bucket.take(now=100.0) for _ in range(4)] == [0.0, 0.5, 1.0, 1.5]


def test_a_slow_taker_never_waits() -> None:
    bucket = TokenBucket(2.0)
    assert [bucket.take(now=100.0 + n) for n in range(4)] == [0.0] * 4


def test_a_pause_saves_up_a_tenth_of_a_second_and_no_more() -> None:
    bucket = TokenBucket(100.0)
    bucket.take(now=0.0)
    waits = [bucket.take(now=1_000.0) for _ in range(12)]
    assert waits[:10] == [0.0] * 10
    assert waits[10:] == pytest.approx([0.01, 0.02])


@pytest.mark.parametrize("rate", [0.1, 3.0, 700.0])
def test_over_any_time_no_more_is_begun_than_the_rate_and_the_burst_allow(rate: float) -> None:
    bucket, now, begun = TokenBucket(rate), 0.0, []
    for _ in range(500):
        now += bucket.take(now)
        begun.append(now)
    assert len(begun) <= begun[-1] * rate + max(1.0, rate / 10) + 1e-6


def test_a_clock_that_goes_back_gives_no_tokens() -> None:
    bucket = TokenBucket(1.0)
    bucket.take(now=100.0)
    assert bucket.take(now=50.0) == 1.0
