"""The release of dq_gate."""

__version__ = "0.1.0"
