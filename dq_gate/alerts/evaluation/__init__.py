"""Alert rules at work: events in, alerts out. Pure: event time is the only clock; nothing here does I/O."""
