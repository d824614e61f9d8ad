"""The quarantine: entries, the stores that keep them, and the writer that loses none."""
