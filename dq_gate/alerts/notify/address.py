"""From words to notifiers, or to one precise error. No error and no name quotes what may be a secret."""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import PurePath
from typing import TYPE_CHECKING

from dq_gate.alerts.notify.alertmanager import Alertmanager
from dq_gate.alerts.notify.apprise import Apprise, known_schemes
from dq_gate.alerts.notify.base import SEVERITIES
from dq_gate.alerts.notify.command import Command
from dq_gate.alerts.notify.posting import Endpoint
from dq_gate.alerts.notify.webhook import Webhook, parse_secrets
from dq_gate.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dq_gate.alerts.notify.base import Notifier

_OWN = "stdout"
SCHEMES = (_OWN, "command", "webhook+http", "webhook+https", "alertmanager+http", "alertmanager+https")
_FORMS = "stdout, command:PROGRAM ARGS, webhook+https://…, alertmanager+http://host:9093, or an apprise URL such as slack://…"
_SURELY_MEANT = 0.7
"""Likeness to one of our schemes from which a word is taken for a misspelling of it, and not for one of apprise's."""
_severities = re.compile(r"([a-z]+(?:,[a-z]+)*)=").match
_scheme = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,31}(?=:|\Z)").match


@dataclass(frozen=True, slots=True)
class Address:
    """Who is told of what.

    Attributes:
        scheme: The kind of notifier.
        severities: Which alerts it is told of.
        target: The whole address, secrets included.
    """

    scheme: str
    severities: frozenset[str]
    target: str = field(repr=False)

    @property
    def name(self) -> str:
        """What the outbox and every message call it: the same in every run, and without a secret."""
        if self.target == _OWN:
            return _OWN
        return f"{self.scheme}{self._place()}#{_fingerprint(self.target)}"

    def _place(self) -> str:
        """What may be shown of where it leads. Hosts of apprise URLs may be tokens."""
        rest = self.target.partition(":")[2]
        if self.scheme == "command":
            return f":{PurePath(shlex.split(rest)[0]).name}"
        if self.scheme in SCHEMES:
            return f"://{self.endpoint().host}"
        return ""

    def endpoint(self) -> Endpoint:
        """Where a webhook or an Alertmanager listens.

        Raises:
            ValueError: it is no address of one.
        """
        return Endpoint.of(self.target.partition("+")[2])


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who is told of alerts.

    Attributes:
        printed: Severities that the command itself prints to its standard output: all, unless an address names some.
        notifiers: Everybody else.
    """

    printed: frozenset[str]
    notifiers: tuple[Notifier, ...]


def open_recipients(words: Iterable[str], *, webhook_secret: str | None = None) -> Recipients:
    """Make ready who is to be told.

    Args:
        words: Addresses, each `[SEVERITY[,SEVERITY]=]ADDRESS`.
        webhook_secret: What webhooks are signed with: one or several secrets, with spaces between them.

    Raises:
        SettingsError: an address cannot be used.
        MissingExtraError: it takes apprise, which is not installed.
    """
    try:
        keys = parse_secrets(webhook_secret or "")
    except ValueError as error:
        raise SettingsError(f"webhook_secret: {error}") from None
    addresses = [parse_address(word, number) for number, word in enumerate(words, 1)]
    notifiers = [_open(address, number, keys) for number, address in enumerate(addresses, 1) if address.target != _OWN]
    own = [address for address in addresses if address.target == _OWN]
    names = [notifier.name for notifier in notifiers] + [address.name for address in own]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"notify: {name} stands there twice; name all its severities at once: page,ticket=…")
    return Recipients(own[0].severities if own else frozenset(SEVERITIES), tuple(notifiers))


def parse_address(word: str, number: int = 1) -> Address:
    """Read one address.

    Args:
        word: The text.
        number: Its place in the list, which an error names instead of what stands there.

    Raises:
        SettingsError: it is none.
    """
    found = _severities(word)
    target = word[found.end() :] if found is not None else word
    severities = frozenset(found[1].split(",") if found is not None else SEVERITIES)
    for unknown in sorted(severities.difference(SEVERITIES)):
        raise _error(number, f"no severity {unknown!r}{did_you_mean(unknown, SEVERITIES)}")
    scheme = _scheme(target)
    if scheme is None:
        raise _error(number, f"is no address; write {_FORMS}")
    return Address(scheme[0].lower(), severities, target)


def _open(address: Address, number: int, keys: Sequence[bytes]) -> Notifier:
    try:
        return _notifier(address, keys)
    except LookupError as error:
        raise _error(number, str(error)) from None
    except ValueError as error:
        raise _error(number, f"{address.scheme}: {error}") from None


def _notifier(address: Address, keys: Sequence[bytes]) -> Notifier:
    """The notifier of an address.

    Raises:
        LookupError: there is none of this kind; what stands there may be a secret.
        ValueError: the address is none of its kind.
    """
    severities = address.severities
    match address.scheme:
        case "stdout":  # with something after it
            raise ValueError("takes no address")
        case "command":
            argv = _argv(address.target.partition(":")[2])
            return Command(address.name, severities, argv)
        case "webhook+http" | "webhook+https":
            return Webhook(address.name, severities, address.endpoint(), keys=keys)
        case "alertmanager+http" | "alertmanager+https":
            return Alertmanager(address.name, severities, address.endpoint())
        case scheme:
            return _apprise(scheme, address)


def _argv(line: str) -> list[str]:
    try:
        argv = shlex.split(line)
    except ValueError:
        raise ValueError("has a quotation mark without its end") from None
    if not argv:
        raise ValueError("names no program; write command:PROGRAM ARGS")
    if shutil.which(argv[0]) is None:
        raise ValueError(f"no program {PurePath(argv[0]).name!r} can be run; give its path, or install it")
    return argv


def _apprise(scheme: str, address: Address) -> Notifier:
    near = get_close_matches(scheme, SCHEMES, n=1, cutoff=_SURELY_MEANT)
    if near or "://" not in address.target:
        raise LookupError(_no_such(scheme, SCHEMES))
    if scheme in ("http", "https"):
        raise ValueError(f"what listens there? Write webhook+{scheme}://… or alertmanager+{scheme}://…")
    known = known_schemes(scheme)
    if scheme not in known:
        raise LookupError(_no_such(scheme, (*SCHEMES, *known)))
    return Apprise(address.name, address.severities, address.target)


def _no_such(scheme: str, known: Iterable[str]) -> str:
    near = get_close_matches(scheme, sorted(known), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"no such notifier{hint} Allowed: {_FORMS}"


def _fingerprint(target: str) -> str:
    """Tells addresses apart that look alike without their secrets.

    Slow on purpose: it stands in files and messages, and nobody is to try passwords against it.
    """
    return hashlib.scrypt(target.encode(), salt=b"dq_gate.notify", n=2**14, r=8, p=1, dklen=4).hex()


def _error(number: int, reason: str) -> SettingsError:
    return SettingsError(f"notify: address {number}: {reason}")
