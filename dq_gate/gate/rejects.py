"""The failing records of a batch, set aside in a file beside the quarantine, whatever the quarantine keeps of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from dq_gate.intake.files import to_json
from dq_gate.quarantine.codec import encode, parse

if TYPE_CHECKING:
    from dq_gate.core.model import Decision, Violation


class Rejects:
    """Writes failing records as JSON Lines: number, record, violations.

    A record stands as it came. Types that JSON does not know are tagged, as in the quarantine; a record that is too
    large for the quarantine is written whole all the same, with such types as text.

    Args:
        stream: Where to.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, number: int, record: Any, decision: Decision) -> None:
        """Write a record.

        Args:
            number: Its line or row, from 1.
            record: As it came.
            decision: Why it failed; warnings are left out.
        """
        reasons = [_reason(violation) for violation in decision.violations if violation.on_fail == "quarantine"]
        encoded = encode(record)
        if encoded.complete:
            record = parse(encoded.payload)["value"]
        self._stream.write(to_json({"number": number, "record": record, "violations": reasons}) + b"\n")


def _reason(violation: Violation) -> dict[str, str]:
    return {name: getattr(violation, name) for name in ("rule_id", "field", "check", "message")}
