"""Where `quarantine redrive` sends records that pass: a function of the user's, a file, or standard output."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from dq_gate.cli.output import records_output
from dq_gate.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Handler = Callable[..., object]


class OutputError(BaseException):
    """The file or stream for records takes no more.

    Not an `Exception`: those count as a failure of the entry at hand, which would send one entry after the other back
    for a disk that is full.

    Attributes:
        cause: What the system said.
    """

    def __init__(self, cause: OSError) -> None:
        self.cause = cause
        super().__init__(cause)


def import_handler(name: str) -> Handler:
    """Find the function that `MODULE:FUNCTION` names; modules in the working directory are found too.

    Raises:
        ConfigurationError: there is none, its module cannot be imported, or calling it would do nothing.
    """
    module_name, colon, function_name = name.partition(":")
    if not colon:
        raise ConfigurationError(f"--to {name}: write it as MODULE:FUNCTION")
    sys.path.insert(0, str(Path.cwd()))
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except Exception as error:  # noqa: BLE001 - the user's module may raise anything
        raise ConfigurationError(f"--to {name}: {type(error).__name__}: {error}") from None
    if not callable(function) or inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ConfigurationError(f"--to {name}: is no function that does its work when it is called")
    handler: Handler = function
    return handler


@contextlib.contextmanager
def writing_records(out: Path | None) -> Iterator[Handler]:
    """A handler that writes each record as a JSON line and returns once that is on the disk, or in the pipe.

    Args:
        out: The file to append to; None for standard output.

    Raises:
        OSError: it cannot be opened, or takes no more.
    """
    from dq_gate.intake.files import to_json

    with contextlib.nullcontext(records_output()) if out is None else _appending(out) as stream:

        def write(record: dict[str, Any]) -> None:
            try:
                stream.write(to_json(record) + b"\n")
                stream.flush()
                if out is not None:
                    os.fsync(stream.fileno())
            except OSError as error:
                error.filename = None if out is None else str(out)
                raise OutputError(error) from error

        try:
            yield write
        except OutputError as error:
            raise error.cause from None


@contextlib.contextmanager
def _appending(path: Path) -> Iterator[BinaryIO]:
    stream = path.open("ab+")
    try:
        if _ends_within_a_line(stream):  # a redrive was killed there; its entry comes again
            stream.write(b"\n")
        _sync(path.parent)
        yield stream
    finally:
        with contextlib.suppress(OSError):  # a full disk refuses the last bytes again
            stream.close()


def _ends_within_a_line(stream: BinaryIO) -> bool:
    if not stream.seekable() or not stream.seek(0, os.SEEK_END):
        return False
    stream.seek(-1, os.SEEK_END)
    return stream.read(1) != b"\n"


def _sync(directory: Path) -> None:
    """Make a new file's name durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
