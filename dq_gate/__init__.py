"""dq_gate: an input data-quality gate in front of retrieval."""

__version__ = "0.1.0"
