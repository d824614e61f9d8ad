"""TLS to a Redis: the files it takes, and its failures in words.

The files are read again at every connection, so that renewed certificates are used without a restart. A server's
certificate and host name are always checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

_CLOSED = ("EOF occurred", "Connection reset", "Broken pipe", "Connection closed", "no data")
_REASONS = {
    "Hostname mismatch": "has a certificate for another host name than the address gives",
    "IP address mismatch": "has a certificate for another host than the address gives",
    "certificate has expired": "has a certificate that has expired",
    "CERTIFICATE_VERIFY_FAILED": "has a certificate this machine does not trust; name its authority in redis_ca_file",
    "CERTIFICATE_REQUIRED": "wants a client certificate, redis_cert_file",
    "ALERT_UNKNOWN_CA": "does not trust the certificate in redis_cert_file",
    "ALERT_CERTIFICATE": "refuses the certificate in redis_cert_file",
    "handshake operation timed out": "did not answer in TLS; is this its TLS port, and is it running?",
    "WRONG_VERSION_NUMBER": "does not speak TLS on this port; without TLS the address begins with redis",
}


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where certificates and key are, in PEM.

    Attributes:
        ca_file: Authorities to trust; None for the machine's own.
        cert_file: This client's certificate, for a server that asks for one.
        key_file: Its key, when it is not in the same file.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def __bool__(self) -> bool:
        return any((self.ca_file, self.cert_file, self.key_file))

    def check(self) -> None:
        """Refuse files that cannot be used.

        Raises:
            SettingsError: one of them cannot; says which, and why.
        """
        import ssl

        if self.key_file and not self.cert_file:
            raise SettingsError("redis_key_file needs redis_cert_file: the certificate that the key belongs to")
        for name in ("ca_file", "cert_file", "key_file"):
            _check_readable(f"redis_{name}", getattr(self, name))
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except ssl.SSLError:
            raise SettingsError(f"redis_ca_file: {self.ca_file} holds no certificate in PEM") from None
        if self.cert_file:
            try:
                context.load_cert_chain(self.cert_file, self.key_file, password=_refuse_to_ask)
            except (ssl.SSLError, _EncryptedKeyError) as error:
                raise SettingsError(_why_not_a_pair(error, self)) from None

    def arguments(self) -> dict[str, Any]:
        """What redis-py's connections take."""
        files = {"ssl_ca_certs": self.ca_file, "ssl_certfile": self.cert_file, "ssl_keyfile": self.key_file}
        return {name: str(path) for name, path in files.items() if path} | {"ssl_check_hostname": True}

    def failure(self, error: Exception) -> str | None:
        """What went wrong when a connection over TLS failed; None when that had nothing to do with TLS."""
        text = str(error) + str(error.__context__ or "")
        for sign, reason in _REASONS.items():
            if sign in text:
                return reason
        try:
            self.check()  # a file may have gone since the start
        except SettingsError as gone:
            return f"cannot be reached: {gone}"
        if not any(sign in text for sign in _CLOSED):
            return None
        doubt = "does it trust the certificate in" if self.cert_file else "does it want a client certificate,"
        return f"cannot be reached: it closed the connection; is it running, and {doubt} redis_cert_file?"


class _EncryptedKeyError(Exception):
    """A key file is protected by a password."""


def _refuse_to_ask() -> str:
    raise _EncryptedKeyError


def _check_readable(setting: str, path: Path | None) -> None:
    if path is None:
        return
    try:
        path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{setting}: {path} cannot be read: {error.strerror}") from None


def _why_not_a_pair(error: Exception, files: TlsFiles) -> str:
    if isinstance(error, _EncryptedKeyError):
        path = files.key_file or files.cert_file
        return f"redis_key_file: the key in {path} is encrypted; store it without a password"
    if "KEY_VALUES_MISMATCH" in str(error):
        return f"redis_key_file: the key does not belong to the certificate in {files.cert_file}"
    return f"redis_cert_file, redis_key_file: {files.cert_file} and its key are not both in PEM"
