"""Every error dq_gate raises, as one tree.

    DqGateError
    ├── ConfigurationError            what was asked for is wrong; exit code 2
    │   ├── PackError                 a rule pack: carries file, line and rule id
    │   ├── SettingsError             a setting, an address, an environment variable
    │   ├── BindingError              a guarded function does not fit its pack
    │   ├── AlertRuleError            an alert rule file
    │   └── MissingExtraError         an optional dependency is not installed
    ├── BackendUnavailableError       a store cannot be reached; exit code 3
    │   ├── UnreadableEntryError      what it holds is damaged, or of a release this one does not know
    │   │   └── SealedPayloadError    it is sealed, and cannot be opened
    │   ├── AlertStateError           the saved state of a watch is damaged, or of a release this one does not know
    │   └── LeaseLostError            another evaluator took the alert pack over
    ├── UnreadableInputError          an input file cannot be opened or decoded at all; exit code 2
    ├── NotifyError                   an alert was not delivered
    ├── ReviewError                   an action on an entry is not possible
    │   └── EntryNotFoundError
    └── InputQuarantined              an input failed the gate

Messages are one line and say the way out. None carries an input's content.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dq_gate.core.model import Decision, Stored


class DqGateError(Exception):
    """Base of everything raised on purpose."""


class ConfigurationError(DqGateError):
    """What was asked for cannot be done as written."""


class PackError(ConfigurationError):
    """A rule pack cannot be used.

    Args:
        reason: What is wrong and what is allowed instead.
        path: The pack's file.
        line: 1-based line in that file.
        rule_id: The rule concerned, when there is one.
    """

    def __init__(
        self,
        reason: str,
        *,
        path: Path | str | None = None,
        line: int | None = None,
        rule_id: str | None = None,
    ) -> None:
        self.reason = reason
        self.path = path
        self.line = line
        self.rule_id = rule_id
        place = ":".join(str(part) for part in (path, line) if part is not None)
        rule = f"rule {rule_id}" if rule_id else ""
        super().__init__(": ".join(part for part in (place, rule, reason) if part))


class SettingsError(ConfigurationError):
    """A setting, an address or an environment variable is wrong."""


class BindingError(ConfigurationError):
    """A guarded function's parameters do not fit the pack's fields."""


class AlertRuleError(ConfigurationError):
    """An alert rule file cannot be used; the message names file, line and alert."""


class MissingExtraError(ConfigurationError):
    """A feature needs an optional dependency.

    Args:
        feature: What was asked for.
        extra: The extra of the distribution that brings it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        self.feature = feature
        self.extra = extra
        super().__init__(f"{feature} needs an optional dependency; install it with: pip install 'dq-gate[{extra}]'")


class BackendUnavailableError(DqGateError):
    """A store refused, timed out or broke; whether it carried out the last command is unknown."""


class UnreadableEntryError(BackendUnavailableError):
    """A stored entry or payload is damaged, or written in a format this release does not know."""


SealProblem = Literal["no_key", "unknown_key", "wrong_key", "tampered", "moved", "truncated"]


class SealedPayloadError(UnreadableEntryError):
    """A sealed payload cannot be opened.

    Args:
        entry_id: The entry that holds it.
        problem: `no_key`: no sealing key is set. `unknown_key`: not the one it names. `wrong_key`: another secret under
            that id. `tampered`: it is not what was stored. `moved`: it is another entry's. `truncated`: it is cut.
        key_id: The key that it names, when that can be read.
    """

    def __init__(self, entry_id: str, problem: SealProblem, key_id: str = "") -> None:
        self.entry_id = entry_id
        self.problem = problem
        self.key_id = key_id
        super().__init__(f"entry {entry_id}: {_SEAL_PROBLEMS[problem].format(key_id)}")

    def __reduce__(self) -> tuple[type[SealedPayloadError], tuple[str, SealProblem, str]]:
        return SealedPayloadError, (self.entry_id, self.problem, self.key_id)


_SEAL_PROBLEMS: dict[SealProblem, str] = {
    "no_key": "its payload is sealed under key {!r}, and no sealing key is set; set sealing_keys or sealing_keys_file",
    "unknown_key": "its payload is sealed under key {!r}, which is not among the sealing keys; add it to them",
    "wrong_key": "its payload is sealed under another secret than that of sealing key {!r}; find the one of that id",
    "tampered": "its sealed payload was changed or cut after it was stored; discard the entry",
    "moved": "it holds the sealed payload of another entry; discard it",
    "truncated": "its sealed payload is cut short; discard the entry",
}


class AlertStateError(BackendUnavailableError):
    """The saved state of a watch is damaged, or of a release that this one does not know."""


class LeaseLostError(BackendUnavailableError):
    """Another evaluator took the alert pack over."""


class NotifyError(DqGateError):
    """An alert was not delivered. The message holds no secret.

    Args:
        reason: Why.
        is_final: Whether trying again is of no use: the receiver understood and refused.
        retry_after: Seconds that the receiver asked to be left alone.
    """

    def __init__(self, reason: str, *, is_final: bool = False, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.is_final = is_final
        self.retry_after = retry_after


class UnreadableInputError(DqGateError):
    """An input file cannot be opened, or is in no format that can be read record by record."""


class ReviewError(DqGateError):
    """An action on a quarantined entry is not possible."""


class EntryNotFoundError(ReviewError):
    """No entry has this id in this namespace."""

    def __init__(self, entry_id: str) -> None:
        self.entry_id = entry_id
        super().__init__(f"no entry {entry_id}; list what is there with: dq-gate quarantine list")


class InputQuarantined(DqGateError):  # noqa: N818 - an outcome that callers handle, named for what happened
    """An input failed the gate and was set aside.

    The text is fit for an end user; the attributes are fit for an operator.

    Attributes:
        decision: Why: the violations, never the input.
        entry_id: The quarantine entry, to quote in a support request.
        stored: Where the entry went: "store", "spool", "none" (a flood is counted instead of kept, or
            nothing could be written) or "unknown" (the deadline passed first).
    """

    def __init__(self, decision: Decision, entry_id: str, stored: Stored) -> None:
        self.decision = decision
        self.entry_id = entry_id
        self.stored = stored
        super().__init__(f"This input could not be processed because of a data-quality problem. Reference: {entry_id}")

    def __reduce__(self) -> tuple[type[InputQuarantined], tuple[Decision, str, Stored]]:
        return InputQuarantined, (self.decision, self.entry_id, self.stored)


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """The end of an error about an unknown name: the nearest allowed one, and all of them.

    Returns:
        A text such as `; did you mean 'length'? Allowed: length, matches`.
    """
    names = sorted(allowed)
    nearest = get_close_matches(name, names, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else "."
    return f"{hint} Allowed: {', '.join(names)}"
