"""`dq-gate alerts test` and `lint`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq_gate.cli import FINDINGS
from dq_gate.cli.alerts.options import Rules
from dq_gate.cli.alerts.printing import labels
from dq_gate.cli.options import Format, OutputFormat
from dq_gate.cli.output import note, safe, say, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.alerts.testing.cases import CaseResult, Firing, Moment

Cases = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[CASE.yaml]...", help="Files of logs and the alerts they raise.", show_default=False),
]


def test(cases: Cases = None, rules: Rules = None, format_: Format = OutputFormat.TABLE) -> None:
    """Run case files: logs, and the alerts that fire at certain minutes. Without any, the examples in the rule file.

    Exits with 1 when a case or an example does not hold. With --rules, those rules are tried in place of the ones that
    the case files name.

    JSON has one object a case: path, line, name, holds, moments (at in seconds, holds, expected, got: alert and group)
    and totals (what, alert, holds, expected, got). Of examples it has those that do not hold: alert, expected, number.

    \b
    dq-gate alerts test
    dq-gate alerts test incident.yaml --rules alerts.yaml
    """  # noqa: D301 - \b keeps the examples' lines apart
    if cases:
        _test_cases(cases, rules, format_)
    else:
        _test_examples(rules, format_)


def lint(rules: Rules = None, format_: Format = OutputFormat.TABLE) -> None:
    """Check an alert rule file: errors first, then what its rules leave open. Exits with 1 on findings.

    Errors are bounds that are never or always passed, and times too short to count in; warnings are alerts without a
    runbook, a summary or examples, runbooks that do not exist, and groups without end.

    JSON has one object a finding: alert, level (error or warning), problem.

    \b
    dq-gate alerts lint --rules alerts.yaml
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.alerts.load import load_rules
    from dq_gate.alerts.testing.lint import lint as findings_of

    loaded = load_rules(rules)
    findings = [asdict(finding) for finding in findings_of(loaded, rules)]
    show(findings, format_, ["level", "alert", "problem"], empty=f"{len(loaded)} alerts, no findings")
    if findings:
        raise typer.Exit(FINDINGS)


def _test_examples(rules: Path | None, format_: OutputFormat) -> None:
    from dq_gate.alerts.load import load_rules
    from dq_gate.alerts.testing.examples import run_examples

    results = [result for rule in load_rules(rules) for result in run_examples(rule)]
    failed = [asdict(result) for result in results if not result.holds]
    show(failed, format_, ["alert", "expected", "number"], empty=f"all {len(results)} examples hold")
    if failed:
        note(f"{len(failed)} of {len(results)} examples do not hold")
        raise typer.Exit(FINDINGS)


def _test_cases(files: list[Path], rules: Path | None, format_: OutputFormat) -> None:
    from dq_gate.alerts.testing.cases import run_cases

    results = [result for file in files for result in run_cases(file, rules)]
    failed = [result for result in results if not result.holds]
    if format_ is not OutputFormat.TABLE:
        show(map(_record, results), format_, [], empty="")
    for result in failed if format_ is OutputFormat.TABLE else ():
        for line in _explain(result):
            say(safe(line))
    if failed:
        note(f"{len(failed)} of {len(results)} cases do not hold")
        raise typer.Exit(FINDINGS)
    if format_ is OutputFormat.TABLE:
        say(f"all {len(results)} cases hold")


def _record(result: CaseResult) -> dict[str, Any]:
    """A case as JSON has it."""
    moments = [
        {"at": moment.at // 1000, "holds": moment.holds, "expected": _plain(moment.expected), "got": _plain(moment.got)}
        for moment in result.moments
    ]
    totals = [{**asdict(total), "holds": total.holds} for total in result.totals]
    place = {"path": str(result.path), "line": result.line, "name": result.name}
    return {**place, "holds": result.holds, "moments": moments, "totals": totals}


def _plain(firings: tuple[Firing, ...]) -> list[dict[str, Any]]:
    return [asdict(firing) for firing in firings]


def _explain(result: CaseResult) -> Iterator[str]:
    """A case that does not hold, moment by moment."""
    yield f"{result.path}:{result.line}: {result.name}"
    for moment in result.moments:
        yield from _compare(moment)
    for total in result.totals:
        if not total.holds:
            yield f"  {total.alert} {total.what} {total.got} times, not {total.expected}"


def _compare(moment: Moment) -> Iterator[str]:
    """What fires at a moment, and what should."""
    at = f"{moment.at // 60_000}m{moment.at // 1000 % 60:02d}s"
    if moment.holds:
        yield f"  {at:>8}  as expected: {', '.join(map(_name, moment.got)) or 'nothing'}"
        return
    for firing in moment.expected:
        if firing not in moment.got:
            yield f"  {at:>8}  does not fire, and should: {_name(firing)}"
    for firing in moment.got:
        if firing not in moment.expected:
            yield f"  {at:>8}  fires, and should not: {_name(firing)}"


def _name(firing: Firing) -> str:
    group = labels(firing.group)
    return f"{firing.alert} ({group})" if group else firing.alert
