"""Speed, always as a ratio to a limit run beside it in the same process. Run with `make bench`."""
