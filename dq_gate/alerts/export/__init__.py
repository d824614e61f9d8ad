"""Alert rules for others: Prometheus rules with their unit tests."""
