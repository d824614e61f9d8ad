"""`python -m dq_gate` is `dq-gate`."""

from dq_gate.cli import main

main()
