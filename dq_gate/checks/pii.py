"""Personal data that strayed into a text: numbers of cards, accounts and persons."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StrictStr, WithJsonSchema

from dq_gate.checks.base import Compiled, Options, check
from dq_gate.checks.patterns import valid_expressions
from dq_gate.checks.pii_kinds import DEFAULT_KINDS, KINDS
from dq_gate.checks.sensitive import compile_kinds, kind_names, refuse_unknown

_MAY_HOLD = re.compile("[0-9@]").search
"""Every kind has a digit or an at sign: most texts are decided by looking for one."""


_KindName = Annotated[StrictStr, WithJsonSchema({"type": "string", "enum": kind_names(KINDS)})]


class NoPiiOptions(Options):
    """Which personal data to look for.

    Attributes:
        kinds: Names of kinds; None stands for those whose numbers prove themselves.
        allow: RE2 expressions.
    """

    kinds: Annotated[list[_KindName], Field(min_length=1), AfterValidator(refuse_unknown(KINDS))] | None = None
    allow: Annotated[list[StrictStr], AfterValidator(valid_expressions)] = Field(default_factory=list)


@check(
    "no_pii",
    NoPiiOptions,
    accepts=("str",),
    passes=(
        ({}, "is my card 4111 1111 1111 1112 blocked?"),
        ({}, "write to help@example.com about order 20260000123"),
        ({"allow": ["4111 ?1111 ?1111 ?1111"]}, "my card is 4111 1111 1111 1111"),
        ({"kinds": ["email"]}, "my card is 4111 1111 1111 1111"),
    ),
    fails=(
        ({}, "my card is 4111 1111 1111 1111"),
        ({}, "pay to DE89 3704 0044 0532 0130 00 please"),
        ({}, "SSN: 536-22-1234"),
        ({"kinds": ["email", "phone"]}, "mail jo@example.com or call 555-010-4477"),
    ),
)
def no_pii(options: NoPiiOptions) -> Compiled:
    """The text holds no number of a payment card, a bank account or a person.

    Options:
        kinds: the kinds to look for; default `credit_card`, `iban`, `us_ssn` and the numbers that some forty states
            give to persons, such as `br_cpf` or `in_aadhaar`. Only by name: `email`, `phone`, `ip_address`,
            `mac_address`, `date_of_birth`, `driver_license`, `passport`, `imei`, `bitcoin_address`.
        allow: RE2 expressions; what one of them matches as a whole is let through, such as numbers of test cards.

    Numbers count by their check digits and by what their issuers use, not by their look; where the check digits say
    little, a word close by must say what the number is. A number within a longer one, an identifier or a path is
    none. Names and addresses of persons are not looked for. The finding names the kind, never the value.
    """
    chosen = set(options.kinds or kind_names(DEFAULT_KINDS))
    return compile_kinds(
        [kind for kind in KINDS if kind.name in chosen],
        "holds personal data: {}",
        allow=options.allow,
        may_hold=_MAY_HOLD,
    )
