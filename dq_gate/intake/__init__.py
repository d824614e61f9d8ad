"""Intake: files and streams as records, one at a time; what cannot be read becomes a value, not an exception."""
