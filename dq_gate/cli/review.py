"""`dq-gate review`: clear the quarantine in a full-screen reviewer."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dq_gate.cli import FINDINGS
from dq_gate.cli.choosing import ByGroup, ByRule, BySource
from dq_gate.cli.options import Pack, Quarantine
from dq_gate.cli.reviewing import reviewing
from dq_gate.errors import ConfigurationError, MissingExtraError


def review(
    group: ByGroup = None,
    rule: ByRule = None,
    source: BySource = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show what entries hold without v. Each one shown is recorded.")
    ] = False,
    pack: Pack = None,
    quarantine: Quarantine = None,
) -> None:
    """Review what failed, full screen: groups of like failures, their entries, and a key for each decision.

    Decisions claim their entries at once and are sent with s; until then u takes the last one back. What entries
    hold is shown after v, which is recorded. The key ? shows all keys. Exits with 1 when a decision could not be
    carried out.

    \b
    dq-gate review
    dq-gate review --source support-bot --pack rules/support.yaml
    """  # noqa: D301 - \b keeps the examples' lines apart
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigurationError("the full-screen reviewer needs a terminal; for scripts: dq-gate quarantine --help")
    try:
        from dq_gate.cli.reviewer.app import Reviewer
    except ImportError:
        raise MissingExtraError("the full-screen reviewer", "tui") from None
    from dq_gate.cli.reviewer.desk import Desk
    from dq_gate.gate.gate import Gate
    from dq_gate.quarantine.entry import Filter

    gate = Gate.load(pack)
    with reviewing(quarantine) as session:
        where = Filter(group=group, rule=rule, source=source)
        desk = Desk(session.review, session.token(), gate, where, reveals_all=reveal)
        Reviewer(desk, f"{session.settings.namespace} · {session.review.who}").run()
        session.left_out.extend(sorted(desk.left_out))
        sent = desk.sent
    typer.echo(f"{sent.done} {'entry' if sent.done == 1 else 'entries'} decided")
    if sent.refused:
        typer.echo(f"{sent.refused.total()} could not be decided; see dq-gate quarantine list", err=True)
        raise typer.Exit(FINDINGS)
