"""Where event lines come from: files that rotate, pipes, Redis streams, and several of them at once."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.sources.base import Say, Source, say_nothing
from dq_gate.alerts.sources.follow import FollowedFile
from dq_gate.alerts.sources.merge import Inputs
from dq_gate.alerts.sources.streams import StreamSource, open_stream
from dq_gate.errors import ConfigurationError, UnreadableInputError
from dq_gate.quarantine.redis_address import DEFAULT_OPTIONS, RedisOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STDIN = "-"
_REDIS = ("redis://", "rediss://")


def open_sources(
    inputs: Sequence[str],
    *,
    follow: bool,
    positions: Mapping[str, Any] | None = None,
    ignored: Mapping[str, tuple[bytes, ...]] | None = None,
    redis: RedisOptions = DEFAULT_OPTIONS,
    say: Say = say_nothing,
) -> Inputs:
    """Open inputs.

    Args:
        inputs: Each a file's path, `-` for standard input, or a Redis address with `?stream=NAME`. What is no regular
            file is read as a stream.
        follow: Whether to go on at an input's end; a file that is not there yet is then waited for.
        positions: Where an earlier watch stood, to go on from there; None to read all that is there.
        ignored: Events that only tell that time passes, unless their line holds one of some texts.
        redis: How to use a Redis.
        say: Told what an operator should know: an input is missing, a server does not answer.

    Raises:
        ConfigurationError: an input is named twice, or its address cannot be used.
        UnreadableInputError: it cannot be opened.
        AlertStateError: a position is damaged.
    """
    if len({_identity(name) for name in inputs}) < len(inputs):
        raise ConfigurationError("an input is named twice; each is read once")
    resumes = positions is not None
    sources = [_open(name, follow=follow, resumes=resumes, redis=redis, say=say) for name in inputs]
    return Inputs(sources, waits=not follow, positions=positions, ignored=ignored)


def _identity(name: str) -> str:
    """What two names of one input have in common."""
    return name if name == STDIN or name.startswith(_REDIS) else os.path.realpath(name)


def _open(name: str, *, follow: bool, resumes: bool, redis: RedisOptions, say: Say) -> Source:
    if name.startswith(_REDIS):
        from dq_gate.alerts.sources.redis_stream import RedisStreamSource

        return RedisStreamSource(name, follow=follow, options=redis, say=say)
    try:
        if name == STDIN:
            return StreamSource(os.dup(0), STDIN)
        return _open_file(Path(name), follow=follow, resumes=resumes, say=say)
    except FileNotFoundError:
        raise UnreadableInputError(f"{name}: no such file; name the event log with --input") from None
    except OSError as error:
        raise UnreadableInputError(f"{name}: cannot be read: {error.strerror}") from None


def _open_file(path: Path, *, follow: bool, resumes: bool, say: Say) -> Source:
    if follow and not path.exists():
        return FollowedFile(path, say=say)
    descriptor = open_stream(path, follow=follow)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode) or not (follow or resumes):
        return StreamSource(descriptor, str(path.absolute()))
    os.close(descriptor)
    return FollowedFile(path, follow=follow, say=say)
