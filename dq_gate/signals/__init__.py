"""Signals: events written as JSON lines, and the windows that count every input."""
