"""The command tree."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from dq_gate.cli.alerts import app as alerts
from dq_gate.cli.check import admit, check
from dq_gate.cli.demo import demo
from dq_gate.cli.doctor import doctor
from dq_gate.cli.quarantine import app as quarantine
from dq_gate.cli.review import review
from dq_gate.cli.rules import app as rules
from dq_gate.cli.signals import app as signals
from dq_gate.version import __version__

app = typer.Typer(
    name="dq-gate",
    help="Rules in front of retrieval: clean input passes, failing input is quarantined with its reasons.",
    epilog="Start with: dq-gate demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer's callback protocol
    if asked:
        typer.echo(f"dq-gate {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    if os.environ.get("NO_COLOR"):
        context.color = False


app.command()(demo)
app.command()(check)
app.command()(admit)
app.add_typer(rules, name="rules")
app.add_typer(quarantine, name="quarantine")
app.command()(review)
app.add_typer(signals, name="signals")
app.add_typer(alerts, name="alerts")
app.command()(doctor)
