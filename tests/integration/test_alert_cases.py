"""`dq-gate alerts test`, `lint` and `export` as real processes, and the files that the how-to pages show."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOW_TO = Path(__file__).parents[2] / "docs/how-to"


def dq_gate(*arguments, cwd):
    environment = {**os.environ, "DQ_GATE_STATE_DIR": str(cwd)}
    command = [sys.executable, "-m", "dq_gate", "alerts", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)


def files_of(page):
    """The YAML files that a page names and shows."""
    text = (HOW_TO / page).read_text(encoding="utf-8")
    return dict(re.findall(r"^`([a-z]+\.ya?ml)`[^`]*:\n\n```yaml\n(.*?)```", text, re.MULTILINE | re.DOTALL))


@pytest.fixture
def folder(tmp_path):
    for name, text in files_of("test-alert-rules.md").items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_case_file_of_the_page_holds(folder):
    done = dq_gate("test", "incidents.yaml", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "all 1 cases hold\n")


def test_a_case_that_does_not_hold_is_told_minute_by_minute(folder):
    rules = folder / "alerts.yaml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("above: 0.2", "above: 0.7"), encoding="utf-8")
    done = dq_gate("test", "incidents.yaml", cwd=folder)
    shown = re.search(r"```text\n(.*?)```", (HOW_TO / "test-alert-rules.md").read_text(encoding="utf-8"), re.DOTALL)
    assert done.returncode == 1
    for line in shown[1].splitlines():
        assert line in done.stdout.splitlines()


def test_cases_have_a_stable_shape_for_programs(folder):
    done = dq_gate("test", "incidents.yaml", "--format", "json", cwd=folder)
    (case,) = json.loads(done.stdout)
    fired = [{"alert": "quarantine-ratio-high", "group": {"source": "support-bot"}}]
    assert case["holds"]
    assert case["moments"][1] == {"at": 600, "holds": True, "expected": fired, "got": fired}
    assert case["totals"][0] == {
        "what": "fired", "alert": "quarantine-ratio-high", "expected": 1, "got": 1, "holds": True
    }  # fmt: skip


def test_a_mistake_in_a_case_file_is_one_line(folder):
    path = folder / "incidents.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("expect:", "expects:"), encoding="utf-8")
    done = dq_gate("test", path, cwd=folder)
    assert done.returncode == 2
    assert re.fullmatch(r"dq-gate: .*incidents\.yaml:\d+: unknown key 'expects'.*\n", done.stderr)


def test_lint_tells_errors_from_warnings(folder):
    done = dq_gate("lint", "--rules", "alerts.yaml", "--format", "jsonl", cwd=folder)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert {"alert": "quarantine-ratio-high", "level": "warning", "problem": "has no runbook"} in found


def test_export_writes_rules_with_their_tests_and_overwrites_nothing_unasked(folder):
    arguments = ("export", "--prometheus", "--rules", "alerts.yaml", "--out", "out")
    assert dq_gate(*arguments, cwd=folder).returncode == 0
    written = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    assert set(written) == {"dq_gate.rules.yml", "dq_gate.tests.yml"}

    refused = dq_gate(*arguments, cwd=folder)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert dq_gate(*arguments, "--force", cwd=folder).returncode == 0
    assert {path.name: path.read_bytes() for path in (folder / "out").iterdir()} == written


def test_what_cannot_be_exported_is_named_and_strict_makes_it_a_finding(folder):
    path = folder / "alerts.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("[source]", "[source, process]"), encoding="utf-8")
    arguments = ("export", "--prometheus", "--rules", path, "--force")
    done = dq_gate(*arguments, cwd=folder)
    assert done.returncode == 0
    assert (
        "quarantine-ratio-high: not exported: dq_gate_inputs_total has no label for the field 'process'" in done.stderr
    )
    assert dq_gate(*arguments, "--strict", cwd=folder).returncode == 1


def test_the_dashboard_is_json(folder):
    assert dq_gate("export", "--grafana", cwd=folder).returncode == 0
    assert json.loads((folder / "dq_gate.dashboard.json").read_text(encoding="utf-8"))["panels"]


def test_export_asks_what_for(folder):
    done = dq_gate("export", cwd=folder)
    assert done.returncode == 2
    assert "--prometheus or --grafana" in done.stderr


def test_prometheus_and_alertmanager_accept_the_configurations_of_the_page(tmp_path):
    files = files_of("alert-in-prometheus.md")
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert dq_gate("export", "--prometheus", cwd=tmp_path).returncode == 0
    for command in (("promtool", "check", "config", "prometheus.yml"), ("amtool", "check-config", "alertmanager.yml")):
        program = shutil.which(command[0])
        assert program, f"the tests need a real {command[0]}"
        done = subprocess.run([program, *command[1:]], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
