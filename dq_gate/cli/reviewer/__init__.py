"""`dq-gate review`: the full-screen reviewer."""
