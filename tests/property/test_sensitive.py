"""What holds of secrets and personal data in any text: what is taken out is out, and nothing else goes."""

from __future__ import annotations

import pytest
import re2
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from dq_gate.checks.pii import NoPiiOptions, no_pii
from dq_gate.checks.pii_kinds import KINDS as PII_KINDS
from dq_gate.checks.secret_kinds import KINDS as SECRET_KINDS
from dq_gate.checks.secrets import NoSecretsOptions, no_secrets
from dq_gate.checks.sensitive import kind_names
from tests.property.nasty_text import texts

PIECES = [
    "password", "api_key", "token", "aws", "softlayer ", "ibm", "pwd", "secret", " = ", "=", ": ", ":=", "==", "'",
    '"', "`", "(", ")", "hunter22", "AKIAJ4Q7ZT2MWX5RB3HN", "eyJhbGciOiJIUzI1NiJ9", ".", "eyJzdWIiOiIxMjM0In0",
    "sk-ant-api03-", "-----BEGIN ", "RSA ", "PRIVATE KEY", "-----", "-----END RSA PRIVATE KEY-----", "https://",
    "user", ":", "@", "h", "/", "4111", "1111", "-", " ", "4111111111111111", "536-22-1234", "536", "22", "GB82",
    "WEST12345698765432", "0", "7", "+1", "ssn ", "card ", "call ", "passport ", "cpf", "39053344705", "jo",
    "example.com", "1.2.3.4", "::1", "\n", "é", "\ud800", "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "xQ7zP2mK9vR4tY6wL1nB8cD3", "[credit_card]", "[assigned_secret]", "[", "]", "${",
]  # fmt: skip
HINTED = [kind for kind in (*PII_KINDS, *SECRET_KINDS) if kind.hint]
SECRETS = no_secrets(NoSecretsOptions())
PERSONAL = no_pii(NoPiiOptions(kinds=kind_names(PII_KINDS)))


def sensitive_texts():
    return st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | texts(surrogates=True)


@pytest.mark.parametrize("check", [SECRETS, PERSONAL], ids=["no_secrets", "no_pii"])
@settings(max_examples=600)
@example(text="password='" * 9 + "hunter22'")
@example(text="536-22-1234" * 20)
@given(text=sensitive_texts())
def test_nothing_is_found_in_what_was_redacted(check, text):
    assert check.judge(check.redact(text)) is None


@pytest.mark.parametrize("check", [SECRETS, PERSONAL], ids=["no_secrets", "no_pii"])
@settings(max_examples=600)
@given(text=sensitive_texts())
def test_a_text_without_findings_stays_as_it_is_and_a_finding_lies_within_its_text(check, text):
    finding = check.judge(text)
    if finding is None:
        assert check.redact(text) == text
    else:
        start, end = finding.span
        assert 0 <= start < end <= len(text)
        assert check.redact(text) != text


@pytest.mark.parametrize("kind", HINTED, ids=lambda kind: kind.name)
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_a_kind_matches_its_hint_matches_too(kind, data):
    text = data.draw(st.from_regex(kind.pattern, alphabet=st.characters(max_codepoint=127)))
    assume(re2.search(kind.pattern, text))
    assert re2.search(kind.hint, text)
