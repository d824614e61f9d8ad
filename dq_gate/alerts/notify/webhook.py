"""Tells a webhook, signed as https://www.standardwebhooks.com says."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.notify.posting import TIMEOUT_S, post
from dq_gate.alerts.notify.rendering import Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dq_gate.alerts.notify.posting import Endpoint

_PREFIX = "whsec_"


class Webhook:
    """Posts every alert.

    Args:
        name: What the outbox knows it by.
        severities: Which alerts it posts.
        endpoint: Where to.
        keys: What each post is signed with; the receiver needs one of them. None: posts are not signed.
        clock: Seconds since the epoch.
        timeout: Seconds that the receiver may let pass without a byte.
    """

    def __init__(
        self,
        name: str,
        severities: frozenset[str],
        endpoint: Endpoint,
        *,
        keys: Sequence[bytes] = (),
        clock: Callable[[], float] = time.time,
        timeout: float = TIMEOUT_S,
    ) -> None:
        self.name = name
        self.severities = severities
        self._endpoint = endpoint
        self._keys = tuple(keys)
        self._clock = clock
        self._timeout = timeout

    def send(self, alert: Mapping[str, Any]) -> None:
        """Post it."""
        notice = Notice.of(alert)
        body, sent_at = notice.body, int(self._clock())
        headers = {"webhook-id": notice.delivery_id, "webhook-timestamp": str(sent_at)}
        if self._keys:
            headers["webhook-signature"] = sign(self._keys, notice.delivery_id, sent_at, body)
        post(self._endpoint, body, headers, timeout=self._timeout)

    def close(self) -> None:
        """Nothing is held between two posts."""


def sign(keys: Sequence[bytes], delivery_id: str, sent_at: int, body: bytes) -> str:
    """The header `webhook-signature`: one signature for each key."""
    content = b"%s.%d.%s" % (delivery_id.encode(), sent_at, body)
    digests = (hmac.new(key, content, hashlib.sha256).digest() for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def parse_secrets(text: str) -> tuple[bytes, ...]:
    """Keys of one or several secrets with spaces between them: `whsec_` and base64, or used as they are.

    Raises:
        ValueError: one is broken; the message does not quote it.
    """
    return tuple(_key(secret, number) for number, secret in enumerate(text.split(), 1))


def _key(secret: str, number: int) -> bytes:
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError(f"secret {number} begins with {_PREFIX} and is not base64 after it")
    return key
