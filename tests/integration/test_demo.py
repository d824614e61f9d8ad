"""The demo from end to end: its data, its run, what it prints, and the commands it tells the reader to type."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from dq_gate import Gate
from dq_gate.alerts.load import load_rules
from dq_gate.cli.demo import PIPE_WIDTH
from dq_gate.demo import traffic
from dq_gate.demo.run import demo_settings, next_steps, raised_by, run
from dq_gate.gate.runtime import connect
from dq_gate.quarantine.codec import decode
from dq_gate.quarantine.entry import MAX_BATCH, Filter
from dq_gate.settings import load_settings
from tests.data import damage
from tests.schemas import assert_valid_line

ROOT = Path(__file__).parents[2]
DATA = Path(traffic.__file__).parent / "data"
MESSAGES = traffic.messages()
DAMAGED = [message for message in MESSAGES if message.damage is not None]
QUARANTINED = sum(message.damage not in damage.REPAIRABLE for message in DAMAGED)


def without_settings(environment):
    return {name: value for name, value in environment.items() if not name.startswith("DQ_GATE_")}


def run_in(directory, **variables):
    """Run the demo in a working directory; returns what it prints."""
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        for name in os.environ.keys() - without_settings(os.environ).keys():
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        run(None, Console(file=out, width=PIPE_WIDTH, markup=False, highlight=False), program="dq-gate")
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that is over."""

    directory: Path
    text: str

    @property
    def event_lines(self):
        return (self.directory / ".dq_gate/events.jsonl").read_bytes().splitlines()

    def queries(self):
        with closing(connect(load_settings(**demo_settings(self.directory / ".dq_gate")))) as store:
            found, after = [], None
            while True:
                page = store.find(Filter(), limit=MAX_BATCH, after=after)
                found += [decode(entry.payload)["query"] for entry in page.entries]
                after = page.after
                if after is None:
                    return found


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A first run, in an empty directory."""
    directory = tmp_path_factory.mktemp("demo")
    return Finished(directory, run_in(directory))


@pytest.fixture(scope="module")
def second(first, tmp_path_factory):
    """A second run in what the first one left, where another quarantine and another mode are set."""
    directory = tmp_path_factory.mktemp("again")
    shutil.copytree(first.directory, directory, dirs_exist_ok=True)
    (directory / "mode").write_text("off")
    text = run_in(directory, DQ_GATE_QUARANTINE="redis://127.0.0.1:1/0", DQ_GATE_CONTROL_FILE="mode")
    return Finished(directory, text)


def test_every_event_of_the_demo_is_as_the_schema_says(first):
    assert len(first.event_lines) > 50
    for line in first.event_lines:
        assert_valid_line(line)


def test_traffic_is_at_least_500_queries_clean_and_damaged_mixed():
    assert len(MESSAGES) >= 500
    assert 0.1 < len(DAMAGED) / len(MESSAGES) < 0.3
    assert len({message.id for message in MESSAGES}) == len(MESSAGES)


@pytest.mark.parametrize("message", DAMAGED, ids=[f"{message.damage}-{message.id}" for message in DAMAGED])
def test_damage_can_be_made_again_from_the_original(message):
    assert damage.apply(message.damage, message.original, message.id) == message.query


def test_no_query_is_among_the_documents():
    assert not {message.id for message in MESSAGES} & {document.id for document in traffic.documents()}


def test_data_comes_from_the_sets_that_the_notice_names():
    ids = [document.id for document in traffic.documents()] + [message.id for message in MESSAGES]

    assert {re.match(r"[a-z0-9]+", name)[0] for name in ids} == {"banking77", "clinc", "cdc", "wsl"}


def test_data_stays_small():
    assert sum(file.stat().st_size for file in DATA.iterdir()) < 600_000


def test_every_clean_query_passes_untouched():
    gate = Gate.load("query")
    refused = [m.id for m in MESSAGES if not m.damage and gate.check({"query": m.query}).outcome != "clean"]

    assert refused == []


def test_every_damaged_query_is_quarantined_or_repaired_to_its_original():
    gate = Gate.load("query")
    missed = []
    for message in DAMAGED:
        decision = gate.check({"query": message.query})
        is_right = (
            decision.value == {"query": message.original}
            if message.damage in damage.REPAIRABLE
            else decision.outcome == "quarantined"
        )
        missed += [] if is_right else [message.id]

    assert missed == []


def test_demo_prints_counts_groups_contrasts_and_the_alert(first):
    clean, repaired = len(MESSAGES) - len(DAMAGED), len(DAMAGED) - QUARANTINED

    assert f"Sent {len(MESSAGES)} of {len(MESSAGES)}" in first.text
    assert re.search(rf"all +{len(MESSAGES)} +{clean} +{repaired} +{QUARANTINED}\b", first.text)
    assert re.search(r"\d+  demo\.mobile  query\.text\.controls +[0-9a-f]{16}", first.text)
    assert first.text.count("as it was meant") == 3
    assert re.search(r"quarantine-ratio-high \(ticket\) for demo\.mobile: 0\.3\d, over 0\.20", first.text)


def test_demo_prints_no_unprintable_character(first):
    assert [char for char in first.text if char != "\n" and not char.isprintable()] == []


def test_demo_leaves_every_refused_query_in_the_quarantine_as_it_came(first):
    sent = Counter(repr(message.query) for message in DAMAGED if message.damage not in damage.REPAIRABLE)

    assert Counter(map(repr, first.queries())) == sent


def test_events_raise_the_alert_for_the_broken_feed_alone(first):
    assert [(alert.alert, alert.group) for alert in raised_by(first.event_lines)] == [
        ("quarantine-ratio-high", {"source": "demo.mobile"})
    ]


def test_tutorial_quotes_what_the_demo_prints(first):
    page = (ROOT / "docs/tutorial/first-quarantine.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    told = {line.rstrip() for line in first.text.splitlines()}

    assert len(blocks) >= 4
    assert [line for block in blocks for line in block.splitlines() if line.rstrip() not in told] == []


def test_the_wait_that_the_demo_leaves_out_is_the_two_minutes_it_says():
    (rule,) = [rule for rule in load_rules() if rule.name == "quarantine-ratio-high"]

    assert rule.hold_for == 120_000


def test_second_run_adds_its_own_and_says_so(second):
    assert f"{QUARANTINED} of them are from earlier runs" in second.text
    assert second.text.count("quarantine-ratio-high (ticket)") == 1


def test_demo_keeps_to_its_directory_whatever_else_is_set(second):
    assert len(second.queries()) == 2 * QUARANTINED


def test_commands_name_the_quarantine_when_it_is_not_the_usual_one(second):
    state = second.directory / ".dq_gate"

    assert f"quarantine groups --quarantine sqlite:///{state}/quarantine.db" in second.text
    assert f"alerts run --input {state}/events.jsonl" in second.text


def test_commands_quote_what_a_shell_would_split(tmp_path):
    steps = next_steps(demo_settings(tmp_path / "some where"), "0" * 24, "dq-gate")

    (groups,) = [shlex.split(command) for _, command in steps if " groups " in command]
    assert groups[-1] == f"sqlite:///{tmp_path}/some where/quarantine.db"


def dq_gate(*arguments, cwd):
    return shell([sys.executable, "-m", "dq_gate", *arguments], cwd)


def shell(command, cwd):
    environment = without_settings(os.environ)
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_commands_it_tells_to_type_work(tmp_path):
    demo = dq_gate("demo", cwd=tmp_path)
    assert (demo.returncode, demo.stderr) == (0, "")

    _, _, steps = demo.stdout.partition("Go on from here\n")
    told = [shlex.split(line) for line in steps.splitlines() if not line.startswith("  #")]
    assert len(told) >= 5
    for command in told:
        follows = command[-2:] == ["alerts", "run"]
        done = shell([*command, "--once"] if follows else command, tmp_path)
        assert done.returncode == 0, (command, done.stderr)
        assert done.stdout or follows, command


def test_quarantine_groups_right_after_sees_it(first):
    groups = json.loads(dq_gate("quarantine", "groups", "--format", "json", cwd=first.directory).stdout)

    assert sum(group["open"] for group in groups) == QUARANTINED


def test_place_that_cannot_be_written_is_one_line_and_exit_code_3(tmp_path):
    (tmp_path / "file").touch()

    done = dq_gate("demo", "--dir", "file/within", cwd=tmp_path)

    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (3, "", 1)
