"""`dq-gate rules`: what packs say, whether they are whole, and whether their examples hold."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq_gate.cli import FINDINGS
from dq_gate.cli.backtest import backtest
from dq_gate.cli.options import Format, OutputFormat, Quarantine, open_pack
from dq_gate.cli.output import note, say, show, show_one
from dq_gate.cli.profile import profile
from dq_gate.cli.reviewing import stored_entries
from dq_gate.cli.signals import logged_events

if TYPE_CHECKING:
    from dq_gate.core.decide import Rule
    from dq_gate.packs.compile import CompiledPack

app = typer.Typer(help="Look at rule packs, lint them, run their examples.", no_args_is_help=True)
PackArgument = Annotated[
    str, typer.Argument(metavar="PACK", help="A shipped pack's name, name@version, or a path to a YAML file.")
]


@app.command("list")
def list_(format_: Format = OutputFormat.TABLE) -> None:
    """List the packs that come with dq_gate.

    JSON has one object a pack: pack, version, digest, rules (their number), description.

    \b
    dq-gate rules list
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.packs.compile import compile_pack
    from dq_gate.packs.shipped import shipped_packs

    packs = [compile_pack(name) for name in shipped_packs()]
    rows = [
        {
            "pack": pack.id.name,
            "version": pack.id.version,
            "digest": pack.id.digest,
            "rules": len(pack.rules),
            "description": pack.resolved.description,
        }
        for pack in packs
    ]
    show(rows, format_, ["pack", "version", "rules", "description"], empty="no packs are shipped")


@app.command("show")
def show_(
    pack: PackArgument,
    rule: Annotated[str | None, typer.Argument(metavar="RULE", help="One rule's id.")] = None,
    format_: Format = OutputFormat.TABLE,
) -> None:
    """Show a pack's rules, or one rule in full.

    JSON has one object a rule: id, field, check, on_fail, mode, repair, why, options, examples (pass, fail).

    \b
    dq-gate rules show query
    dq-gate rules show query query.text.present
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.errors import PackError, did_you_mean

    compiled = open_pack(pack)
    rows = {rule.id: _row(compiled, rule) for rule in compiled.rules}
    if rule is None:
        show(rows.values(), format_, ["id", "field", "check", "on_fail", "mode", "repair", "why"], empty="no rules")
    elif rule in rows:
        show_one(rows[rule], format_)
    else:
        raise PackError(f"no rule {rule!r}{did_you_mean(rule, rows)}", path=compiled.resolved.path)


@app.command()
def lint(pack: PackArgument, format_: Format = OutputFormat.TABLE) -> None:
    """Check a pack: errors first, then what its rules leave open. Exits with 1 on findings.

    Told are rules without a reason or examples, those that can never decide anything, trials in shadow mode without an
    end or past it, and rules about text that are slow.

    JSON has one object a finding: path, line, rule_id, problem.

    \b
    dq-gate rules lint rules/support.yaml
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.packs.lint import problems

    compiled = open_pack(pack)
    rows = [
        {"path": found.path, "line": found.line, "rule_id": found.rule_id, "problem": found.problem}
        for found in problems(compiled, datetime.now(UTC).date())
    ]
    show(rows, format_, ["path", "line", "rule_id", "problem"], empty=f"{compiled.id.name}: no findings")
    if rows:
        raise typer.Exit(FINDINGS)


@app.command()
def test(pack: PackArgument, format_: Format = OutputFormat.TABLE) -> None:
    """Run the examples in a pack, and the cases in the file beside it. Exits with 1 when one does not hold.

    Cases are whole records: `support.cases.yaml` beside `support.yaml` has a list `cases` of name, record, outcome
    (clean, repaired, quarantined) and, where wanted, rules (all that must fail) and value (what must come out).

    JSON has one object an example or case that does not hold: subject (rule id, or the case's name), expected, number
    (of the example, or the case's line), detail.

    \b
    dq-gate rules test query
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.packs.cases import case_file, run_cases
    from dq_gate.packs.examine import run_examples

    compiled = open_pack(pack)
    examples = list(run_examples(compiled))
    path = case_file(compiled)
    cases = list(run_cases(compiled, path)) if path else []
    failed: list[dict[str, Any]] = [
        {"subject": r.rule_id, "expected": r.expected, "number": r.number, "detail": r.detail}
        for r in examples
        if not r.holds
    ]
    failed += [
        {"subject": r.name, "expected": "case", "number": r.line, "detail": r.detail} for r in cases if not r.holds
    ]
    ran = f"{len(examples)} examples" + (f" and {len(cases)} cases" if cases else "")
    show(failed, format_, ["subject", "expected", "number", "detail"], empty=f"all {ran} hold")
    if failed:
        note(f"{len(failed)} of {ran} do not hold")
        raise typer.Exit(FINDINGS)


@app.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A pack: a path, or a shipped pack's name.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The other one.")],
    format_: Format = OutputFormat.TABLE,
) -> None:
    """Show what changed from pack A to pack B, bases and option files included. Exits with 1 when anything did.

    JSON has one object a change: kind (added, removed, changed), subject, key, before, after.

    \b
    dq-gate rules diff support-v3.yaml support-v4.yaml
    """  # noqa: D301 - \b keeps the examples\' lines apart
    from dq_gate.packs.diff import changes
    from dq_gate.packs.load import load_pack

    before, after = load_pack(first), load_pack(second)
    rows = [asdict(change) for change in changes(before, after)]
    show(rows, format_, ["kind", "subject", "key", "before", "after"], empty="no difference")
    if rows and (before.name, before.version) == (after.name, after.version):
        note(f"both are {before.name}@{before.version}: raise `version` with every change")
    if rows:
        raise typer.Exit(FINDINGS)


@app.command()
def stats(
    pack: Annotated[
        str | None, typer.Argument(metavar="PACK", help="Only this pack's rules, those that never hit included.")
    ] = None,
    input_: Annotated[
        str | None,
        typer.Option("--input", metavar="FILE|-", help="The event log. Default: the file that events go to."),
    ] = None,
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """Show what each rule hit, and how often reviewers agreed with it.

    Hits are counted from the windows of the event log, verdicts from the entries still in the quarantine: discarding
    an entry says that its rules were right, releasing it with a waiver that the waived one was wrong.

    JSON has one object a rule: rule_id, hits, shadow_hits, open, right, wrong, precision (null while none is decided).

    \b
    dq-gate rules stats
    dq-gate rules stats rules/support.yaml --input events.jsonl
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.review.statistics import Statistics

    statistics = Statistics()
    ids = [rule.id for rule in open_pack(pack).rules] if pack else None
    for rule_id in ids or ():
        statistics.of(rule_id)
    for event in logged_events(input_):
        statistics.add_event(event)
    with stored_entries(quarantine) as entries:
        statistics.add_entries(entries)
    rows = [
        asdict(figures) | {"precision": figures.precision}
        for figures in sorted(statistics.rules.values(), key=lambda figures: (-figures.hits, figures.rule_id))
        if ids is None or figures.rule_id in ids
    ]
    columns = ["rule_id", "hits", "shadow_hits", "open", "right", "wrong", "precision"]
    show(rows, format_, columns, empty="no rule has hit anything")


@app.command()
def schema() -> None:
    """Print the JSON Schema of rule packs, for editors that complete and check YAML.

    \b
    dq-gate rules schema > pack.schema.json
    """  # noqa: D301 - \b keeps the examples\' lines apart
    import json

    from dq_gate.packs.jsonschema import pack_schema

    say(json.dumps(pack_schema(), indent=2, ensure_ascii=False))


app.command()(backtest)
app.command()(profile)


def _row(pack: CompiledPack, rule: Rule) -> dict[str, Any]:
    written = pack.resolved.rules.get(rule.id)
    examples = written.spec.examples if written else None
    return {
        "id": rule.id,
        "field": rule.field,
        "check": rule.check,
        "on_fail": rule.on_fail,
        "mode": "shadow" if rule.shadow else "enforce",
        "repair": written.spec.repair if written else None,
        "why": written.spec.why if written else "a constraint of the field",
        "options": written.options if written else {},
        "examples": {"pass": examples.passing, "fail": examples.fail} if examples else {"pass": [], "fail": []},
    }
