"""Print, for every scenario, what it must raise and what it raised; exit with 1 when anything is missed or false.

`python -m tests.scenarios [SEEDS]`: each scenario with so many seeds (10), through the engine and the real command.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dq_gate.alerts.load import load_rules
from tests.scenarios.judge import by_command, by_engine, judge, write_log
from tests.scenarios.stories import STORIES

if TYPE_CHECKING:
    from tests.scenarios.judge import Raised, Verdict
    from tests.scenarios.stories import Must, Story

FIRST_SEED = 1000
"""The tests take the seeds from 0 on."""


def main(arguments: list[str]) -> int:
    """Run all scenarios."""
    seeds = int(arguments[0]) if arguments else 10
    print(f"{'scenario':25}{'runs':>5}{'lines':>9}{'must':>6}{'raised':>8}{'missed':>8}{'false':>7}  when, in minutes")
    wrong = 0
    for story in STORIES:
        lines, verdicts = _verdicts(story, range(FIRST_SEED, FIRST_SEED + seeds))
        raised, missed, false = (sum(map(len, counts)) for counts in zip(*map(_parts, verdicts), strict=True))
        must = len(story.must) * len(verdicts)
        said = ", ".join(map(_moment, story.must)) or "nothing"
        print(f"{story.name:25}{len(verdicts):5}{lines:9}{must:6}{raised:8}{missed:8}{false:7}  {said}", flush=True)
        for verdict in verdicts:
            for what, which in (("missed", verdict.missed), ("false", verdict.false)):
                for one in which:
                    print(f"    {what}: {one}")
        wrong += missed + false
    print("\nnothing missed, nothing false" if not wrong else f"\n{wrong} missed or false")
    return 1 if wrong else 0


def _verdicts(story: Story, seeds: range) -> tuple[int, list[Verdict]]:
    lines, verdicts, rules = 0, [], load_rules()
    with tempfile.TemporaryDirectory() as directory:
        for seed in seeds:
            log, path = story.log(seed), Path(directory, f"{seed}.jsonl")
            write_log(log, path)
            lines += len(log)
            verdicts += [judge(by_engine(rules, log), story.must), judge(by_command(path), story.must)]
    return lines, verdicts


def _parts(verdict: Verdict) -> tuple[tuple[Raised, ...], tuple[Must, ...], tuple[Raised, ...]]:
    return verdict.raised, verdict.missed, verdict.false


def _moment(must: Must) -> str:
    ends = "" if must.resolves is None else f" to {must.resolves / 60:.1f}"
    return f"{must.alert} {must.fires / 60:.1f}{ends}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
