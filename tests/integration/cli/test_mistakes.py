"""Every mistake costs one line on standard error that says the way out, and the exit code that says whose it is."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.integration.cli.command import PROGRAM, dq_gate, environment, start, write_lines

QUESTION = {"query": "how do I reset my card?"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chekc"], "No such command 'chekc'. Did you mean 'check'? See: dq-gate --help"),
        (["quarantine", "lst"], "Did you mean 'list'? See: dq-gate quarantine --help"),
        (["check"], "Missing argument 'FILE'. See: dq-gate check --help"),
        (["check", "q.jsonl", "--frob"], "No such option: --frob. See: dq-gate check --help"),
        (["check", "q.jsonl", "--format", "xml"], "'xml' is not one of 'table', 'json', 'jsonl'."),
        (["check", "q.jsonl", "--fail-on", "2"], "--fail-on 2: write any, never, or a share between 0 and 1"),
        (["check", "q.jsonl", "--fail-on", "nan"], "a share between 0 and 1"),
        (["check", "missing.jsonl"], "missing.jsonl: No such file or directory"),
        (["check", "folder.jsonl"], "folder.jsonl: Is a directory"),
        (["check", "socket.jsonl"], "socket.jsonl: No such device or address"),
        (["check", "q.txt"], "unknown ending .txt; name the format with --input-format jsonl, csv or parquet"),
        (["check", "twice.csv"], "names the column 'query' twice"),
        (["check", "q.jsonl", "--map", "text"], "--map text: write it as THEIRS=OURS, such as text=query"),
        (["check", "q.jsonl", "--map", "text=qurey"], "the pack has no field 'qurey'; did you mean 'query'?"),
        (["check", "q.jsonl", "--map", "a=query", "--map", "a=query"], "'a' is mapped to 'query' already"),
        (["check", "q.jsonl", "--pack", "quary"], "no shipped pack 'quary'; did you mean 'query'?"),
        (["check", "q.jsonl", "--pack", "query@99"], "not 99"),
        (["check", "q.jsonl", "--pack", "missing.yaml"], "missing.yaml: no such pack file"),
        (["check", "q.jsonl", "--pack", "check.yaml"], "check.yaml:5: rule a.b: unknown check 'lenght'; did you mean"),
        (["check", "q.jsonl", "--pack", "option.yaml"], "option.yaml:5: rule a.b: unknown key 'maximum'"),
        (["check", "q.jsonl", "--pack", "twice.yaml"], "twice.yaml:7:"),
        (["check", "q.jsonl", "--pack", "bool.yaml"], "bool.yaml:5: rule a.b:"),
        (["check", "q.jsonl", "--pack", "bytes.yaml"], "bytes.yaml:"),
        (["admit", "q.jsonl", "--max-failed", "0.1"], "--max-failed needs --out"),
        (["admit", "q.jsonl", "--out", "c", "--max-failed", "1.5"], "'--max-failed'"),
        (["admit", "q.jsonl", "--out", "c", "--max-failed", "nan"], "'--max-failed'"),
        (["admit", "q.jsonl", "--format", "json"], "--format json needs --out"),
        (["admit", "q.jsonl", "--out", "folder.jsonl"], "folder.jsonl: is no regular file"),
        (["admit", "q.jsonl", "--out", "missing/c.jsonl"], "missing/c.jsonl: cannot be written: No such file"),
        (["admit", "q.jsonl", "--source", "Support Bot"], "source: string should match pattern"),
        (["admit", "q.jsonl", "--quarantine", "rediss:/x"], "a quarantine address has one of the forms"),
        (["admit", "q.jsonl", "--quarantine", "reddis://x"], "unknown quarantine address reddis://; did you mean"),
        (["admit", "q.jsonl", "--quarantine", "redis://u:sesame@x:99999"], "redis://… cannot be used"),
        (["rules", "show", "query", "query.text.presnt"], "did you mean 'query.text.present'?"),
        (["rules", "lint", "check.yaml"], "check.yaml:5: rule a.b: unknown check"),
        (["quarantine", "list", "--state", "leasd"], "--state leasd: no such state; did you mean 'leased'?"),
        (["quarantine", "list", "--limit", "0"], "greater than or equal to 1"),
        (["quarantine", "list", "--after", "rubbish"], "--after rubbish: give it as an earlier page printed it"),
        (["quarantine", "groups", "--limit", "1000"], "less than or equal to 100"),
        (["quarantine", "show", "nope"], "no entry nope; list what is there with: dq-gate quarantine list"),
        (["quarantine", "claim"], "name entries by id, or choose them with --group, --rule, --source"),
        (["quarantine", "discard", "x", "--rule", "y"], "name entries by id, or choose them with"),
        (["quarantine", "release", "x", "--waive", "y"], "a waiver needs a reason"),
        (["quarantine", "redrive", "--handler", "x"], "--to x: write it as MODULE:FUNCTION"),
        (["quarantine", "redrive", "--handler", "nope.x:f"], "--to nope.x:f: ModuleNotFoundError"),
        (["quarantine", "redrive", "--handler", "os:nope"], "has no attribute 'nope'"),
        (["quarantine", "redrive", "--handler", "os:name"], "--to os:name: is no function"),
        (["quarantine", "redrive", "--handler", "a:b", "--out", "c"], "--to and --out exclude each other"),
        (["quarantine", "redrive", "--format", "json"], "--format json needs --to or --out"),
        (["quarantine", "redrive", "--out", "missing/c.jsonl"], "missing/c.jsonl: No such file or directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_told_in_one_line_and_exits_with_2(arguments, said, run, place, request):
    rule = "pack: p\nversion: 1\nfields: {query: {type: str}}\nrules:\n"
    rule += "  - {id: a.b, field: query, check: length, max: 3}\n"
    (place / "check.yaml").write_text(rule.replace("length", "lenght"))
    (place / "option.yaml").write_text(rule.replace("max", "maximum"))
    (place / "twice.yaml").write_text(rule + "\nfields: {}\n")
    (place / "bool.yaml").write_text(rule.replace("max: 3", "max: 3, on_fail: yes"))
    (place / "bytes.yaml").write_bytes(rule.encode() + b"# \xff\n")
    (place / "twice.csv").write_text("query,query\n")
    (place / "folder.jsonl").mkdir()
    write_lines(place / "q.jsonl", QUESTION)
    if "socket.jsonl" in arguments:
        listener = socket.socket(socket.AF_UNIX)
        request.addfinalizer(listener.close)
        listener.bind("socket.jsonl")

    result = run(*arguments)

    assert result.code == 2
    assert result.complaint.startswith("dq-gate: ")
    assert said in result.complaint
    assert "sesame" not in result.complaint
    assert result.out == ""


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ({"DQ_GATE_FROB": "1"}, "DQ_GATE_FROB: unknown setting 'frob'"),
        ({"DQ_GATE_MODE": "loud"}, "DQ_GATE_MODE: mode: input should be 'enforce', 'shadow' or 'off'"),
        ({"DQ_GATE_CONFIG": "nope.toml"}, "DQ_GATE_CONFIG: no such file: nope.toml"),
    ],
)
def test_a_wrong_setting_says_where_it_came_from(variable, said, run, place, monkeypatch):
    write_lines(place / "q.jsonl", QUESTION)
    for name, value in variable.items():
        monkeypatch.setenv(name, value)

    result = run("check", "q.jsonl")

    assert (result.code, said in result.complaint) == (2, True)


def test_without_arguments_the_help_is_shown_and_it_counts_as_a_mistake(run):
    for group in ([], ["rules"], ["quarantine"], ["signals"], ["alerts"]):
        result = run(*group)

        assert (result.code, result.out) == (2, "")
        assert result.err.startswith("Usage: dq-gate")


def test_help_and_version_are_no_mistakes(run):
    for asked in ("-h", "--help", "--version"):
        result = run(asked)

        assert (result.code, result.err) == (0, "")
        assert "dq-gate" in result.out


def test_python_dash_m_is_the_same_program(place):
    assert dq_gate("--version", cwd=place).out.startswith("dq-gate ")


@pytest.mark.parametrize(
    "arguments",
    [["check", "q.jsonl", "--format", "json"], ["admit", "q.jsonl"], ["--help"]],
    ids=lambda arguments: arguments[0],
)
def test_output_that_cannot_be_written_is_told(arguments, place):
    write_lines(place / "q.jsonl", QUESTION)
    with Path("/dev/full").open("wb") as full:
        to_full = dq_gate(*arguments, cwd=place, stdout=full)
    to_closed = dq_gate(*arguments, cwd=place, stdout=None, preexec_fn=lambda: os.close(1))

    assert (to_full.code, to_closed.code) == (2, 2)
    assert to_full.err.splitlines()[-1] == "dq-gate: cannot read or write: No space left on device"
    assert to_closed.err.splitlines()[-1] == "dq-gate: cannot read or write: Bad file descriptor"


def test_closed_streams_that_are_not_needed_do_no_harm(place):
    write_lines(place / "q.jsonl", QUESTION)
    shell = f"exec {' '.join(PROGRAM)} admit q.jsonl --out clean.jsonl <&- >&- 2>&-"

    done = subprocess.run(["sh", "-c", shell], cwd=place, env=environment(), check=False)

    assert done.returncode == 0
    assert (place / "clean.jsonl").read_bytes() == (place / "q.jsonl").read_bytes()


def test_a_closed_standard_input_is_told(place):
    result = dq_gate("check", "-", cwd=place, preexec_fn=lambda: os.close(0))

    assert (result.code, result.complaint) == (2, "dq-gate: cannot read or write: Bad file descriptor")


@pytest.mark.parametrize("command", [["check", "--format", "jsonl"], ["admit"]], ids=lambda command: command[0])
def test_a_pipe_that_nobody_reads_ends_the_command_quietly(command, place):
    file = write_lines(place / "q.jsonl", *[QUESTION] * 20_000)
    with start(*command, file, cwd=place) as process:
        assert process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()

    assert (process.returncode, errors) == (141, b"")


def test_a_defect_of_ours_says_so_and_how_to_report_it(place):
    code = (
        "import dq_gate.packs.compile as module; from dq_gate.cli import main\n"
        "def broken(*_): raise ZeroDivisionError('with content')\n"
        "module.compile_pack = broken; main()"
    )
    program = [PROGRAM[0], "-c", code, "rules", "list"]

    plain = subprocess.run(program, cwd=place, env=environment(), capture_output=True, check=False)
    traced = subprocess.run(
        program, cwd=place, env=environment(DQ_GATE_TRACEBACK="1"), capture_output=True, check=False
    )

    assert (plain.returncode, traced.returncode) == (70, 70)
    assert plain.stderr == (
        b"dq-gate: a defect of dq_gate: ZeroDivisionError; please report it with the output of "
        b"DQ_GATE_TRACEBACK=1 dq-gate ...\n"
    )
    assert b"Traceback" in traced.stderr
