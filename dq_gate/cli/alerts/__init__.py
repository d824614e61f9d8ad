"""`dq-gate alerts`: rules over the event log, in event time."""

from __future__ import annotations

import typer

from dq_gate.cli.alerts.exporting import export
from dq_gate.cli.alerts.history import history
from dq_gate.cli.alerts.running import run
from dq_gate.cli.alerts.testing import lint, test

app = typer.Typer(help="Watch the event log; try and export alert rules.", no_args_is_help=True)
for command in (run, test, lint, history, export):
    app.command()(command)
