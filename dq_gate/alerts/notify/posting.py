"""Posting JSON over HTTP: addresses with their secrets kept apart, and what an answer means."""

from __future__ import annotations

import base64
import functools
import http.client
import os
import socket
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from dq_gate.errors import NotifyError
from dq_gate.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S = 10.0
"""Seconds that a receiver may let pass without a byte."""

MAX_RETRY_AFTER_S = 3600.0
"""Seconds that a receiver may ask to be left alone."""

_AGAIN = frozenset({408, 425, 429})
"""Refusals that are over by themselves. So are those from 500 on."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that is posted to.

    Attributes:
        host: The host, with the port when the address names one; holds no secret.
        url: The address without user and password. Path and query may be secret.
        authorization: A header's value, of user and password.
    """

    host: str
    url: str = field(repr=False)
    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, address: str) -> Endpoint:
        """Read an http or https address.

        Raises:
            ValueError: it is none; the message does not quote it.
        """
        if not address.isascii() or not address.isprintable() or " " in address:
            raise ValueError("holds a character that no address has; percent-encode it")
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError:
            raise ValueError("has a broken host or port; write https://host:port/path") from None
        if not parts.hostname or parts.fragment:
            raise ValueError("has no host, or a fragment; write https://host:port/path")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        host += "" if port is None else f":{port}"
        return cls(host, parts._replace(netloc=host).geturl(), _basic(parts.username, parts.password))

    def below(self, path: str) -> Endpoint:
        """The address of a path under this one."""
        parts = urlsplit(self.url)
        return Endpoint(self.host, parts._replace(path=parts.path.rstrip("/") + path).geturl(), self.authorization)


def _basic(user: str | None, password: str | None) -> str | None:
    if user is None:
        return None
    return "Basic " + base64.b64encode(f"{unquote(user)}:{unquote(password or '')}".encode()).decode()


def post(endpoint: Endpoint, body: bytes, headers: Mapping[str, str], *, timeout: float = TIMEOUT_S) -> None:
    """Post JSON, and return once the receiver took it. Redirects are not followed; proxies of the environment are used.

    Raises:
        NotifyError: it did not; final when it never will.
    """
    own = {"content-type": "application/json", "user-agent": f"dq_gate/{__version__}"}
    if endpoint.authorization is not None:
        own["authorization"] = endpoint.authorization
    request = urllib.request.Request(endpoint.url, body, {**own, **headers})  # noqa: S310 - always http or https
    try:
        with _opener().open(request, timeout=timeout):
            return
    except urllib.error.HTTPError as refusal:
        with refusal:
            raise _refused(refusal.code, refusal.headers.get("retry-after")) from None
    except (OSError, http.client.HTTPException) as error:
        raise NotifyError(_describe(error)) from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _opener() -> urllib.request.OpenerDirector:
    minute = int(time.monotonic() // 60)
    context = _context(minute, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    return urllib.request.build_opener(_NoRedirects, urllib.request.HTTPSHandler(context=context))


@functools.lru_cache(maxsize=1)
def _context(_minute: int, _file: str | None, _directory: str | None) -> ssl.SSLContext:
    """Whom to trust: read anew each minute, as certificates change; reading takes 50 ms, and alerts come in floods."""
    return ssl.create_default_context()


def _refused(status: int, retry_after: str | None) -> NotifyError:
    if status in _AGAIN or status >= 500:  # noqa: PLR2004 - the class of HTTP's server errors
        return NotifyError(f"answered {status}", retry_after=_seconds(retry_after))
    hint = "; redirects are not followed, give the address it leads to" if status < 400 else ""  # noqa: PLR2004
    return NotifyError(f"refused with {status}{hint}", is_final=True)


def _seconds(retry_after: str | None) -> float | None:
    """Seconds of a Retry-After header: a number of them, or a date."""
    if retry_after is None:
        return None
    try:
        if retry_after.strip().isdecimal():
            seconds = float(retry_after)
        else:
            seconds = (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):  # TypeError: a date without a time zone
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def _describe(error: Exception) -> str:
    """What went wrong with a connection, without the address."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    match reason:
        case TimeoutError():
            return "did not answer in time"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not accepted: {reason.verify_message}"
        case ssl.SSLError():
            return f"no TLS connection: {reason.reason}"
        case socket.gaierror():
            return "its host name is not known"
        case OSError(strerror=str(words)):
            return words
        case _:
            return f"broke the connection ({type(reason).__name__})"
