"""Rule packs: the YAML language, the packs that travel with dq_gate, and what they compile to."""
