"""The command line: thin front ends over the services. `main` maps errors to one line and an exit code.

Exit codes: 0 fine, 1 findings, 2 usage or configuration, 3 a backend is unavailable, 70 a defect of dq_gate.
"""

from __future__ import annotations

import os
import sys
import traceback

from dq_gate.errors import BackendUnavailableError, DqGateError, MissingExtraError

FINDINGS = 1
USAGE = 2
UNAVAILABLE = 3
DEFECT = 70
INTERRUPTED = 130


def main() -> None:
    """Run the command line."""
    try:
        _run()
    except DqGateError as error:
        sys.stderr.write(f"dq-gate: {_one_line(error)}\n")
        sys.exit(UNAVAILABLE if isinstance(error, BackendUnavailableError) else USAGE)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the last line of defence
        if os.environ.get("DQ_GATE_TRACEBACK"):
            traceback.print_exc()
        sys.stderr.write(
            f"dq-gate: a defect of dq_gate: {type(error).__name__}; please report it with the output of "
            "DQ_GATE_TRACEBACK=1 dq-gate ...\n"
        )
        sys.exit(DEFECT)


def _run() -> None:
    try:
        from dq_gate.cli.app import app
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"this command (module {error.name})", "all") from None
    app()


def _one_line(error: DqGateError) -> str:
    return " ".join(str(error).split())
