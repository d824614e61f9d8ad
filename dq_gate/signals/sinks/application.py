"""The application's own logging: events go through `structlog` or `logging` as it configured them.

They do so in the caller's thread, where the application's context variables and processors are at home; how long that
takes is up to its configuration. A handler that asks the gate itself gets its verdict, and no event of it: each would
ask again.
"""

from __future__ import annotations

import inspect
import logging
import threading
from typing import Any

import orjson


class _ApplicationSink:
    """What is alike: nothing is held back, and nothing is held open."""

    def __init__(self) -> None:
        self._here = threading.local()

    def write(self, line: bytes) -> None:
        """See `Sink`.

        Raises:
            RecursionError: a handler of the application emits what it is to handle.
        """
        if getattr(self._here, "is_writing", False):
            raise RecursionError
        self._here.is_writing = True
        try:
            self._log(orjson.loads(line), line)
        finally:
            self._here.is_writing = False

    def _log(self, fields: dict[str, Any], line: bytes) -> None:
        raise NotImplementedError

    def flush(self, within: float) -> bool:  # noqa: ARG002 - nothing is held back
        """See `Sink`."""
        return True

    def follow_rotation(self) -> None:
        """That is up to the application's handlers."""

    def close(self, within: float) -> None:
        """The loggers belong to the application."""

    def abandon(self) -> None:
        """The loggers belong to the application."""


class LoggingSink(_ApplicationSink):
    """A `Sink` into the logger `dq_gate` of the standard library: the line is the message, at the event's level."""

    def _log(self, fields: dict[str, Any], line: bytes) -> None:
        level = logging.getLevelNamesMapping()[fields["level"].upper()]
        logging.getLogger("dq_gate").log(level, line.decode().rstrip("\n"))


class StructlogSink(_ApplicationSink):
    """A `Sink` into the logger `dq_gate` of structlog: the line's fields, for the application's processors."""

    def __init__(self) -> None:
        import structlog

        super().__init__()
        self._logger = structlog.get_logger("dq_gate")

    def _log(self, fields: dict[str, Any], line: bytes) -> None:  # noqa: ARG002 - its fields are all there is
        log = getattr(self._logger, fields["level"])
        logged = log(fields.pop("event"), **fields)
        if inspect.iscoroutine(logged):
            logged.close()
            raise TypeError("a logger that is to be awaited: nobody here can")
