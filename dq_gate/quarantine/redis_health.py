"""Whether a Redis keeps what it acknowledges, read off INFO: managed servers forbid CONFIG."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OLDEST = (6, 2)
"""The first Redis that knows all the commands the scripts use."""


def dangers(info: Mapping[str, Any], *, wait_replicas: int = 0) -> Iterator[str]:
    """Why this server might lose what it acknowledged, one line each.

    Args:
        info: What INFO says, or nothing when it may not be asked.
        wait_replicas: Replicas that must confirm a put.
    """
    if not info:
        yield "this user may not ask INFO, so nothing is known about durability; grant +info"
        return
    version = str(info.get("redis_version", ""))
    if (known := _version(version)) and known < OLDEST:
        yield f"Redis {version} is too old, and part of the quarantine fails on it; it takes 6.2 or newer"
    if not info.get("aof_enabled"):
        yield "appendonly is off: what was acknowledged is lost when Redis dies; set appendonly yes"
    elif info.get("aof_last_write_status", "ok") != "ok":
        yield "the append-only file cannot be written; look at the disk of the Redis server"
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield f"maxmemory-policy is {policy}: entries may be evicted; set maxmemory-policy noeviction"
    replicas = int(info.get("connected_slaves", 0))
    if replicas < wait_replicas:
        yield f"wait_replicas is {wait_replicas}, attached are {replicas}: until more are, entries go to the spool"


def _version(text: str) -> tuple[int, ...]:
    match = re.match(r"(\d+)\.(\d+)", text)
    return tuple(map(int, match.groups())) if match else ()
