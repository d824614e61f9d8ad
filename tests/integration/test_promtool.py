"""Exported rules under the real promtool: it accepts them, their tests pass, and a broken rule fails its tests."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml

from dq_gate.alerts.export.prometheus import export
from dq_gate.alerts.export.promtool import unit_tests
from dq_gate.alerts.load import load_pack, parse_rules

PACK = load_pack()
WHOLE = export(PACK.name, PACK.rules)
RULES = [one.rule for one in WHOLE.exported]
MORE = parse_rules(
    (Path(__file__).parent / "exported_alerts.yaml").read_text(encoding="utf-8"), path="exported_alerts.yaml"
)
MUTANTS = ("bound", "for", "matcher", "window")
NOT_TO_BE_TOLD = {
    ("gate-silent", "window"): "how long Prometheus goes on expecting a gate is a day",
    ("gate-silent", "matcher"): "it asks for every source",
    ("store-degraded", "matcher"): "it asks for every namespace",
    ("store-degraded", "window"): "it reads a gauge as it is",
}
BOUND = re.compile(r"([<>]=?) ([0-9.]+)$", re.MULTILINE)
WINDOW = re.compile(r"\[(\d+)([smhd])\]")
MATCHER = re.compile(r'(=~?)"([^"]+)"')
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def promtool(*arguments, cwd):
    program = shutil.which("promtool")
    if program is None:
        raise RuntimeError("the tests need a real promtool; run: sudo apt-get install -y prometheus")
    return subprocess.run([program, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False)


@cache
def exported(name):
    """The rules file of one rule, and its tests."""
    one = export(PACK.name, [rule for rule in (*RULES, *MORE) if rule.name == name])
    return one.rules_file(), unit_tests(one, "dq_gate.rules.yml")


@pytest.fixture
def folder(tmp_path, request):
    """A folder with the tests of one rule."""
    rule = request.getfixturevalue("rule")
    for step, text in exported(rule.name)[1].items():
        (tmp_path / f"{step}.tests.yml").write_text(text, encoding="utf-8")
    return tmp_path


def run_tests(folder, rules):
    (folder / "dq_gate.rules.yml").write_text(rules, encoding="utf-8")
    return promtool("test", "rules", *sorted(path.name for path in folder.glob("*.tests.yml")), cwd=folder)


def test_promtool_accepts_the_shipped_rules(tmp_path):
    (tmp_path / "rules.yml").write_text(WHOLE.rules_file(), encoding="utf-8")
    done = promtool("check", "rules", "rules.yml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_shipped_alert_is_left_out():
    assert WHOLE.left_out == ()


@pytest.mark.parametrize("rule", [*RULES, *MORE], ids=lambda rule: rule.name)
def test_prometheus_says_what_our_engine_says(rule, folder):
    done = run_tests(folder, exported(rule.name)[0])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("rule", [*RULES, *MORE], ids=lambda rule: rule.name)
def test_its_tests_see_it_fire_and_see_it_quiet(rule):
    text = "".join(exported(rule.name)[1].values())
    assert "exp_samples: []" in text
    assert "value: 1\n" in text


def broken_by(mutant, rule):
    """What is to be changed in a rule of Prometheus; None when it has nothing of the kind."""
    text = rule["expr"]
    if mutant == "for":
        return {"for": "6h"}
    if mutant == "matcher":
        return {"expr": MATCHER.sub(r'\1"nothing"', text, count=1)} if MATCHER.search(text) else None
    if mutant == "bound":
        return {"expr": BOUND.sub(lambda found: f"{found[1]} {higher(text, float(found[2]))}", text, count=1)}
    halved = WINDOW.sub(lambda found: f"[{int(found[1]) * SECONDS[found[2]] // 2}s]", text, count=1)
    return {"expr": halved} if halved != text and "histogram" not in text else None


def higher(text, bound):
    """A bound that is broken; one of a histogram is known to its next bucket only."""
    if not bound:
        return 3.0
    return bound * (8 if "histogram_quantile" in text else 1.5)


def broken_rules():
    """Every shipped rule, broken in every way that can be told, as a document of its own."""
    for rule in RULES:
        text = export(PACK.name, [rule]).rules_file()
        for mutant in MUTANTS:
            document = yaml.safe_load(text)
            first = document["groups"][0]["rules"][0]
            if (rule.name, mutant) not in NOT_TO_BE_TOLD and (broken := broken_by(mutant, first)):
                first |= broken
                yield pytest.param(rule, yaml.safe_dump(document), id=f"{rule.name}-{mutant}")


@pytest.mark.parametrize(("rule", "broken"), list(broken_rules()))
def test_a_broken_rule_fails_its_tests(rule, broken, folder):
    assert run_tests(folder, broken).returncode != 0
