"""The checks that come with the gate and judge by themselves; engines and plugins enter the same catalogue."""

from __future__ import annotations

from dq_gate.checks import CATALOGUE

BUILTIN = {name: check for name, check in CATALOGUE.items() if check.compile.__module__.startswith("dq_gate.checks.")}
