"""Whether alert rules do what they are meant to: examples, case files, and what is open in usable rules."""
