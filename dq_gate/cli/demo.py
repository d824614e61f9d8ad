"""`dq-gate demo`: the main job on real input, with no server."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

PIPE_WIDTH = 110
"""Columns of what goes to no terminal."""


def demo(
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Where its quarantine stays. Default: the state directory."),
    ] = None,
) -> None:
    """Send 600 real queries, some damaged, through a guarded search; leave a quarantine to explore.

    It needs no server. Run it as often as you like: every run adds to the same quarantine.

    \b
    dq-gate demo
    dq-gate demo --dir /tmp/demo
    """  # noqa: D301 - \b keeps the examples' lines apart
    from rich.console import Console

    from dq_gate.demo.run import run

    width = None if sys.stdout.isatty() else PIPE_WIDTH
    run(directory, Console(width=width, markup=False, highlight=False), program=_program())


def _program() -> str:
    """What to type from here to call this program again."""
    file = Path(sys.argv[0]).absolute()
    if file.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m dq_gate"
    on_path = shutil.which("dq-gate")
    if on_path is not None and Path(on_path).absolute() == file:
        return "dq-gate"
    return shlex.quote(os.path.relpath(file) if file.is_relative_to(Path.cwd()) else str(file))
