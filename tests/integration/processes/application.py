"""A web application behind a gate, for WSGI and ASGI servers. Its settings come from the environment."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dq_gate import Gate, InputQuarantined
from tests.integration.gating import FAILING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

gate = Gate.load()


@gate.guard
def retrieve(query: str) -> list[str]:
    return [query]


@gate.guard
async def aretrieve(query: str) -> list[str]:
    return [query]


if os.environ.get("USE_BEFORE_FORK"):
    with suppress(InputQuarantined):
        retrieve(FAILING["query"])


def _answer(error: InputQuarantined) -> bytes:
    return json.dumps({"pid": os.getpid(), "entry": error.entry_id, "stored": error.stored}).encode()


def wsgi(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Refuses every request, and says where its entry went."""
    try:
        retrieve(FAILING["query"])
    except InputQuarantined as error:
        start_response("422 Unprocessable Content", [("Content-Type", "application/json")])
        return [_answer(error)]
    raise AssertionError("it passed")


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Refuses every request, and says where its entry went; closes the gate at the end of the server's life."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await gate.aclose()
        await send({"type": "lifespan.shutdown.complete"})
        return
    try:
        await aretrieve(FAILING["query"])
    except InputQuarantined as error:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 422, "headers": headers})
        await send({"type": "http.response.body", "body": _answer(error)})
