"""dq_gate: an input data-quality gate in front of retrieval.

Load a rule pack with `Gate.load("query")` and decorate a retrieval function with `@gate.guard`: clean input passes,
failing input is quarantined with its reasons.
"""

from dq_gate.core.model import Crash, Decision, Violation
from dq_gate.errors import ConfigurationError, DqGateError, InputQuarantined, PackError, SettingsError
from dq_gate.gate.gate import Gate
from dq_gate.version import __version__

__all__ = [
    "ConfigurationError",
    "Crash",
    "Decision",
    "DqGateError",
    "Gate",
    "InputQuarantined",
    "PackError",
    "SettingsError",
    "Violation",
    "__version__",
]
