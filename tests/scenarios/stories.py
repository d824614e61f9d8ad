"""The ten stories: a fleet each, and the alerts it must raise. Everything else that fires is a false alarm.

When an alert must fire follows from the curves and the rule alone, and is worked out beside it: a ratio over 5 min
crosses its bound when enough of the 5 min lies in the incident, and fires 2 min later.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.scenarios.curves import DAY, HOUR, constant, daily, rising, steps
from tests.scenarios.fleet import START, USUAL_RULES, GateProcess, log_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from tests.scenarios.fleet import Line

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Must:
    """An alert that has to fire once, and when; and when it has to resolve, if it does.

    Attributes:
        alert: The rule's name.
        group: The group it fires for.
        fires: Seconds since the log begins.
        resolves: The same; None when it still fires at the end.
    """

    alert: str
    group: Mapping[str, str]
    fires: float
    resolves: float | None


@dataclass(frozen=True, slots=True)
class Recording:
    """What real gates logged; made by `tests.scenarios.record`.

    Attributes:
        path: The log, compressed.
        must: What has to fire.
    """

    path: Path
    must: tuple[Must, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """One scenario.

    Attributes:
        name: What it is about.
        fleet: Its processes.
        lasts: How long the log is, in seconds.
        must: What has to fire.
    """

    name: str
    fleet: Callable[[Random], list[GateProcess]]
    lasts: float
    must: tuple[Must, ...] = ()

    def __str__(self) -> str:
        return self.name

    def log(self, seed: int, start: datetime = START) -> list[Line]:
        """The log, in the order in which it was written."""
        random = Random(f"{self.name} {seed}")
        return log_of(self.fleet(random), self.lasts, random, start)


def _ratio_high(source: str, fires: float, resolves: float | None) -> Must:
    return Must("quarantine-ratio-high", {"source": source}, fires, resolves)


def _name(random: Random) -> str:
    """A process id, as `secrets.token_hex(6)` makes it."""
    return f"{random.getrandbits(48):012x}"


def _alike(count: int, random: Random, source: str = "web", **what: object) -> list[GateProcess]:
    return [GateProcess(source, _name(random), **what) for _ in range(count)]  # type: ignore[arg-type]


def _slow_rise(random: Random) -> list[GateProcess]:
    """From 2 % to 82 % in 30 min, then mended."""
    share = rising(0.02, 0.82, begins=20 * MINUTE, ends=50 * MINUTE)
    return _alike(4, random, rate=constant(6.0), share=share)


_SPIKE = steps((0, 0.02), (20 * MINUTE, 0.6), (21 * MINUTE, 0.02), (40 * MINUTE, 0.6), (50 * MINUTE, 0.02))


def _spike(random: Random) -> list[GateProcess]:
    """A minute at 60 %, which is too short; ten minutes at 60 %; and ten times the traffic, all of it good."""
    rate = steps((0, 2.0), (65 * MINUTE, 20.0), (70 * MINUTE, 2.0))
    return _alike(3, random, rate=rate, share=_SPIKE)


def _daily_rhythm(random: Random) -> list[GateProcess]:
    """Two days, next to nothing at night; at noon of the second a client sends for an hour what was never refused."""

    def rules(at: float) -> Mapping[str, float]:
        return {"query.top_k.le": 1.0} if _NEW_RULE <= at < _NEW_RULE + HOUR else USUAL_RULES

    share = steps((0, 0.04), (_NEW_RULE, 0.12), (_NEW_RULE + HOUR, 0.04))
    return _alike(1, random, rate=daily(0.004, 1.0), share=share, rules=rules)


_NEW_RULE = DAY + 12 * HOUR


def _low_volume(random: Random) -> list[GateProcess]:
    """Two inputs a minute, every other one bad: that is ten in 5 min, and says nothing."""
    return _alike(1, random, rate=constant(2 / 60), share=constant(0.5))


def _one_of_fifty(random: Random) -> list[GateProcess]:
    """Fifty feeds at 2 %; one of them breaks for good. Over all, 3 % are refused."""
    good = [GateProcess(f"feed-{number:02}", _name(random), rate=constant(1.0)) for number in range(50) if number != 17]
    share = steps((0, 0.02), (15 * MINUTE, 0.7))
    return [*good, GateProcess("feed-17", _name(random), rate=constant(1.0), share=share)]


def _restart(random: Random) -> list[GateProcess]:
    """Ten minutes in, all processes are replaced one after the other, and that does not help."""
    share = steps((0, 0.02), (20 * MINUTE, 0.5), (45 * MINUTE, 0.02))
    return [
        process
        for number in range(4)
        for process in (
            GateProcess("web", _name(random), share=share, ends=30 * MINUTE + 20 * number),
            GateProcess("web", _name(random), share=share, starts=30 * MINUTE + 20 * number + 5),
        )
    ]


_INCIDENT = steps((0, 0.02), (20 * MINUTE, 0.5), (40 * MINUTE, 0.02))
"""Twenty minutes at one half. Crosses a fifth after 0.375 of 5 min (113 s), fires 2 min later; is under 0.15 again
when 0.27 of the 5 min lies in it: 219 s after its end."""


def _skewed(random: Random) -> list[GateProcess]:
    """Clocks that are right; then, beside them, some that are 90 s slow, 40 s and 150 s fast."""
    wrong = [
        GateProcess("web", _name(random), share=_INCIDENT, starts=MINUTE, skew=skew) for skew in (-90.0, 40.0, 150.0)
    ]
    return [*_alike(2, random, share=_INCIDENT), *wrong]


def _late(random: Random) -> list[GateProcess]:
    """Of five shippers one lags by 10 s to 4 min; another holds ten minutes back for twenty, after the incident."""
    lagging = [
        GateProcess("web", _name(random), share=_INCIDENT, delay=lambda at: 120 + 110 * ((at // 60) % 3 - 1)),
        GateProcess("web", _name(random), share=_INCIDENT, delay=steps((0, 0), (50 * MINUTE, 1200), (60 * MINUTE, 0))),
    ]
    return [*_alike(3, random, share=_INCIDENT), *lagging]


def _rotated(random: Random) -> list[GateProcess]:
    """An incident; what rotates the log under it is the one who runs it."""
    return _alike(3, random, share=_INCIDENT)


def _producer_dies(random: Random) -> list[GateProcess]:
    """Two of one source's three processes go, which is scaling down; another source's only one is killed, and comes
    back after a quarter of an hour; a third source stops for good, and says so."""
    return [
        *_alike(1, random),
        *_alike(2, random, ends=20 * MINUTE),
        GateProcess("importer", _name(random), ends=30 * MINUTE, says_good_bye=False),
        GateProcess("importer", _name(random), starts=45 * MINUTE),
        GateProcess("nightly", _name(random), ends=40 * MINUTE),
    ]


STORIES = (
    # the last 5 min hold what the curve said 150 s before: 20 % at minute 26.75, plus 150 s, plus 2 min
    # it ends at 82 %; under 0.15 when 0.165 of the 5 min lie in the incident: 250 s after its end
    Story("slow rise", _slow_rise, 1.25 * HOUR, (_ratio_high("web", 31.4 * MINUTE, 54.3 * MINUTE),)),
    # crosses 0.2 when 0.31 of 5 min lie in it, 93 s; under 0.15 when 0.224 do: 233 s after its end
    Story("spike", _spike, 1.5 * HOUR, (_ratio_high("web", 43.55 * MINUTE, 53.9 * MINUTE),)),
    # a refusal every 8 s, and windows every 10; the rule is new for an hour
    Story(
        "daily rhythm",
        _daily_rhythm,
        2 * DAY,
        (
            Must(
                "rule-newly-failing",
                {"source": "web", "rule_id": "query.top_k.le"},
                _NEW_RULE + 20,
                _NEW_RULE + HOUR + 20,
            ),
        ),
    ),
    Story("low volume", _low_volume, 3 * HOUR),
    Story("one bad source of fifty", _one_of_fifty, 25 * MINUTE, (_ratio_high("feed-17", 18.4 * MINUTE, None),)),
    Story("restart mid-incident", _restart, HOUR, (_ratio_high("web", 23.9 * MINUTE, 48.65 * MINUTE),)),
    Story("clock skew", _skewed, HOUR, (_ratio_high("web", 23.9 * MINUTE, 43.65 * MINUTE),)),
    Story("late lines", _late, 1.5 * HOUR, (_ratio_high("web", 23.9 * MINUTE, 43.65 * MINUTE),)),
    Story("rotation", _rotated, HOUR, (_ratio_high("web", 23.9 * MINUTE, 43.65 * MINUTE),)),
    Story(
        "a producer dies",
        _producer_dies,
        HOUR,
        (Must("gate-silent", {"source": "importer"}, 31 * MINUTE, 45.1 * MINUTE),),
    ),
)

RECORDED = Recording(
    Path(__file__).parent / "recorded" / "incident.jsonl.gz",
    (
        # half of it is bad from minute 6 to 11, as in _INCIDENT
        _ratio_high("web", 10 * MINUTE, 14.65 * MINUTE),
        # killed at minute 7; its last window closed up to 10 s earlier, the first of the next one comes 10 s after 10
        Must("gate-silent", {"source": "importer"}, 8 * MINUTE, 10.3 * MINUTE),
    ),
)
