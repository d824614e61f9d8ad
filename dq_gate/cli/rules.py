"""`dq-gate rules`: what packs say, whether they are whole, and whether their examples hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq_gate.cli import FINDINGS
from dq_gate.cli.options import Format, OutputFormat, open_pack
from dq_gate.cli.output import note, show, show_one

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
    """Check a pack: errors first, then rules without a reason or examples. Exits with 1 on findings.

    JSON has one object a finding: path, line, rule_id, problem.

    \b
    dq-gate rules lint rules/support.yaml
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.packs.examine import gaps

    compiled = open_pack(pack)
    rows = [
        {"path": gap.path, "line": gap.line, "rule_id": gap.rule_id, "problem": gap.problem} for gap in gaps(compiled)
    ]
    show(rows, format_, ["path", "line", "rule_id", "problem"], empty=f"{compiled.id.name}: no findings")
    if rows:
        raise typer.Exit(FINDINGS)


@app.command()
def test(pack: PackArgument, format_: Format = OutputFormat.TABLE) -> None:
    """Run the examples in a pack. Exits with 1 when one does not hold.

    JSON has one object an example that does not hold: rule_id, expected (pass or fail), number, detail.

    \b
    dq-gate rules test query
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.packs.examine import run_examples

    results = list(run_examples(open_pack(pack)))
    failed = [
        {"rule_id": r.rule_id, "expected": r.expected, "number": r.number, "detail": r.detail}
        for r in results
        if not r.holds
    ]
    show(failed, format_, ["rule_id", "expected", "number", "detail"], empty=f"all {len(results)} examples hold")
    if failed:
        note(f"{len(failed)} of {len(results)} examples do not hold")
        raise typer.Exit(FINDINGS)


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
