"""Alerts: rules over event lines, evaluated in event time, from a file that is followed or a stream."""
