"""Options that several commands of `dq-gate alerts` take, and what they lead to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dq_gate.cli.options import cli_settings

if TYPE_CHECKING:
    from dq_gate.alerts.state.contract import StateStore

Rules = Annotated[
    Path | None, typer.Option("--rules", metavar="FILE", help="Alert rules. Default: those that come with dq_gate.")
]
State = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="URL",
        help="Where a watch keeps what it read and said: sqlite:///path.db or redis://host:6379/0. Default: the "
        "setting `alert_state`, else a file in the state directory.",
    ),
]


def alert_state(pack: str, address: str | None) -> StateStore:
    """The store of an alert pack's state.

    Args:
        pack: Its name.
        address: What `--state` said.

    Raises:
        SettingsError: the address cannot be used.
    """
    from dq_gate.alerts.state import open_state
    from dq_gate.gate.runtime import redis_options

    settings = cli_settings()
    return open_state(
        pack,
        address or settings.alert_state,
        directory=settings.state_dir,
        namespace=settings.namespace,
        redis=redis_options(settings),
    )
