"""The command line: thin front ends over the services. `main` maps errors to one line and an exit code.

Exit codes: 0 fine, 1 findings, 2 usage or configuration, 3 a backend is unavailable, 70 a defect of dq_gate. A
command that a signal cuts short exits as shells expect: 130 for SIGINT, 141 for a pipe nobody reads, 143 for SIGTERM.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Any

from dq_gate.errors import BackendUnavailableError, DqGateError

if TYPE_CHECKING:
    from types import FrameType

FINDINGS = 1
USAGE = 2
UNAVAILABLE = 3
DEFECT = 70
BY_SIGNAL = 128
"""Added to the signal's number."""
_ENDING = (signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Run the command line and exit."""
    _replace_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):  # what a terminal has no character for is escaped, and no error
        sys.stdout.reconfigure(errors="backslashreplace")
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end_well)
    try:
        code = _run()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = BY_SIGNAL + signal.SIGINT
    except BrokenPipeError:
        code = BY_SIGNAL + signal.SIGPIPE
    except Exception as error:  # noqa: BLE001 - the last line of defence
        code = _explain(error)
    finally:
        _heed_no_more_signals()  # the interpreter's own end would print what they raise
    _finish_output()
    sys.exit(code)


def _run() -> int:
    """Run a command; gives its exit code."""
    from typer.main import get_command

    from dq_gate.cli.app import app

    try:
        code: int | None = get_command(app).main(standalone_mode=False)
    except SystemExit as left:
        if isinstance(left.__context__, BrokenPipeError):  # typer makes exit code 1 of it, which stands for findings
            raise left.__context__ from None
        raise
    return code or 0


def _heed_no_more_signals() -> None:
    for number in (*_ENDING, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def _end_well(number: int, _frame: FrameType | None) -> None:
    """End as an interrupted command does: drafts are removed, and what waits is put or spooled."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(BY_SIGNAL + number)


def _replace_closed_streams() -> None:
    """Put a file in the place of each closed standard stream; one that refuses, where data would be lost.

    The next file to be opened would take the free number, and what is meant for the stream would go into it.
    """
    sys.stdin = sys.stdin or os.fdopen(os.open(os.devnull, os.O_WRONLY))
    sys.stdout = sys.stdout or os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    sys.stderr = sys.stderr or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


def _finish_output() -> None:
    """Write what is buffered; where it cannot be written it goes nowhere, as the interpreter would fail on it again."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explain(error: Any) -> int:
    """Say on stderr, in one line, why a command failed; gives the exit code."""
    from typer import BadParameter

    usage_error = BadParameter.__bases__[0]
    if isinstance(error, DqGateError):
        return _fail(str(error), UNAVAILABLE if isinstance(error, BackendUnavailableError) else USAGE)
    if isinstance(error, usage_error):
        return _explain_usage(error)
    if isinstance(error, OSError):
        return _fail(f"{error.filename or 'cannot read or write'}: {error.strerror or error}", USAGE)
    if os.environ.get("DQ_GATE_TRACEBACK"):
        traceback.print_exception(error)
    return _fail(
        f"a defect of dq_gate: {type(error).__name__}; please report it with the output of "
        "DQ_GATE_TRACEBACK=1 dq-gate ...",
        DEFECT,
    )


def _explain_usage(error: Any) -> int:
    message = error.format_message().replace("Value error, ", "")
    if "\n" in message:  # a group of commands without one: its help
        error.show()
        return USAGE
    end = "" if message.endswith((".", "?")) else "."
    return _fail(f"{message}{end} See: {error.ctx.command_path} --help", USAGE)


def _fail(message: str, code: int) -> int:
    from dq_gate.cli.output import safe

    sys.stderr.write(f"dq-gate: {safe(' '.join(message.split()))}\n")
    return code
