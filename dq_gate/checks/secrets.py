"""Keys, tokens and passwords that strayed into a text."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StrictStr, WithJsonSchema

from dq_gate.checks.base import Compiled, Options, check
from dq_gate.checks.patterns import valid_expressions
from dq_gate.checks.secret_kinds import KINDS
from dq_gate.checks.sensitive import compile_kinds, kind_names, refuse_unknown

_KindName = Annotated[StrictStr, WithJsonSchema({"type": "string", "enum": kind_names(KINDS)})]


class NoSecretsOptions(Options):
    """Which secrets to look for.

    Attributes:
        kinds: Names of kinds; None stands for all.
        allow: RE2 expressions.
    """

    kinds: Annotated[list[_KindName], Field(min_length=1), AfterValidator(refuse_unknown(KINDS))] | None = None
    allow: Annotated[list[StrictStr], AfterValidator(valid_expressions)] = Field(default_factory=list)


@check(
    "no_secrets",
    NoSecretsOptions,
    accepts=("str",),
    passes=(
        ({}, "I forgot my password: how do I reset it?"),
        ({}, "api_key = os.environ['API_KEY']"),
        ({"allow": ["hunter[0-9]*"]}, "postgres://reader:hunter22@db.example/docs"),
        ({"kinds": ["jwt"]}, "password = 'correct horse 7 staple'"),
    ),
    fails=(
        ({}, "password = 'correct horse 7 staple'"),
        ({}, "postgres://reader:hunter22@db.example/docs"),
        ({}, "-----BEGIN RSA PRIVATE KEY-----"),
        ({"kinds": ["aws_key"]}, "why is AKIA" + "J4Q7ZT2MWX5RB3HN refused?"),
    ),
)
def no_secrets(options: NoSecretsOptions) -> Compiled:
    """The text holds no key, token or password.

    Options:
        kinds: the kinds to look for; default all. An issuer's tokens have its name, such as `aws_key`,
            `github_token` or `stripe_key`; `assigned_secret` is what is assigned to a name such as `password`,
            `random_string` what looks random between quotation marks or after an equals sign.
        allow: RE2 expressions; what one of them matches as a whole is let through, such as placeholders of your own.

    Kinds are told by their fixed prefix and length, by checks of their own where the format has one, by their
    randomness where it has none, and by the name they are assigned to; placeholders, variables and calls are let
    through. The finding names the kind, never the value.
    """
    chosen = set(options.kinds or kind_names(KINDS))
    return compile_kinds([kind for kind in KINDS if kind.name in chosen], "holds a secret: {}", allow=options.allow)
