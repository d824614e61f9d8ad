"""Tells everybody else through apprise (extra `notify`): chats, mail, pagers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dq_gate.alerts.notify.rendering import Notice
from dq_gate.errors import MissingExtraError, NotifyError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Apprise:
    """Sends a title and a few lines of text, printable whatever the log holds.

    Args:
        name: What the outbox knows it by.
        severities: Which alerts it sends.
        url: An apprise URL.

    Raises:
        MissingExtraError: apprise is not installed.
        ValueError: apprise does not understand the URL; the message does not quote it.
    """

    def __init__(self, name: str, severities: frozenset[str], url: str) -> None:
        library = _library(url.partition(":")[0])
        self.name = name
        self.severities = severities
        # Nothing is fetched by readers' chats from elsewhere, nothing kept on disk.
        asset = library.AppriseAsset(
            app_id="dq_gate", app_desc="dq_gate alerts", app_url="", image_url_mask="", image_url_logo="",
            http_redirects=False, storage_mode="memory",
        )  # fmt: skip
        self._apprise = library.Apprise(asset=asset)
        if not self._apprise.add(url):
            raise ValueError("apprise does not understand this address")

    def send(self, alert: Mapping[str, Any]) -> None:
        """Send it."""
        notice = Notice.of(alert)
        kind = "failure" if notice.status == "firing" else "success"
        if not self._apprise.notify(title=notice.title, body=notice.text, notify_type=kind, body_format="text"):
            raise NotifyError("apprise could not deliver it")

    def close(self) -> None:
        """Nothing is held between two alerts."""


def known_schemes(scheme: str) -> frozenset[str]:
    """Every scheme that apprise knows.

    Args:
        scheme: The one that was asked for.

    Raises:
        MissingExtraError: apprise is not installed.
    """
    details = _library(scheme).Apprise().details()
    words = (service[kind] or () for service in details["schemas"] for kind in ("protocols", "secure_protocols"))
    return frozenset(word for found in words for word in found)


def _library(scheme: str) -> Any:
    try:
        import apprise
    except ImportError:
        raise MissingExtraError(f"the notifier {scheme!r}", "notify") from None
    return apprise
