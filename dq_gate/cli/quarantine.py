"""`dq-gate quarantine`: look at what failed, decide about it, send it on, keep house."""

from __future__ import annotations

import typer

from dq_gate.cli.deciding import claim, discard, release, renew, unclaim
from dq_gate.cli.editing import edit
from dq_gate.cli.looking import groups, history, list_, show_, stats
from dq_gate.cli.moving import export, import_, purge, upgrade
from dq_gate.cli.redrive import redrive
from dq_gate.cli.vault import erase, new_key, rotate

app = typer.Typer(help="Review what failed: look, claim, edit, release, redrive, keep house.", no_args_is_help=True)

app.command("list")(list_)
app.command("show")(show_)
app.command()(groups)
app.command()(stats)
app.command()(history)
app.command()(claim)
app.command()(renew)
app.command()(unclaim)
app.command()(edit)
app.command()(release)
app.command()(discard)
app.command()(redrive)
app.command()(export)
app.command("import")(import_)
app.command()(purge)
app.command()(erase)
app.command()(rotate)
app.command("new-key")(new_key)
app.command()(upgrade)
