"""Who is told of alerts: a file for each kind of notifier."""
