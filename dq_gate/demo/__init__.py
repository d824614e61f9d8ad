"""The demo: a small retrieval system, its documents, its traffic, and what the gate makes of it."""
