"""Review: what people do with quarantined entries."""
