from __future__ import annotations

import random
import string

import polars as pl
import pytest
from pydantic import ValidationError

from dq_gate.checks.secret_kinds import KINDS
from dq_gate.checks.secrets import NoSecretsOptions, no_secrets
from dq_gate.checks.sensitive import kind_names

CHECK = no_secrets(NoSecretsOptions())


def drawn(count, alphabet=string.ascii_letters + string.digits):
    """As many random characters; a file with tokens written out would alarm those who scan it."""
    return "".join(random.Random(f"{count} {alphabet}").choices(alphabet, k=count))


def hexadecimal(count):
    return drawn(count, "0123456789abcdef")


def upper(count):
    return drawn(count, string.ascii_uppercase + string.digits)


def digits(count):
    return drawn(count, string.digits)


def letters(count):
    return drawn(count, string.ascii_letters)


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + drawn(43)
FORMATS = {
    "adobe_secret": lambda: f"p8e-{drawn(32)}",
    "airtable_token": lambda: f"pat{drawn(14)}.{hexadecimal(64)}",
    "alibaba_key": lambda: f"LTAI{drawn(20)}",
    "anthropic_key": lambda: f"sk-ant-api03-{drawn(93)}",
    "artifactory_token": lambda: f"AKC{drawn(12)}",
    "aws_key": lambda: f"AKIA{upper(16)}",
    "azure_key": lambda: f"{drawn(86)}==",
    "bitbucket_token": lambda: f"ATBB{drawn(32)}",
    "braintree_token": lambda: f"access_token$production${hexadecimal(16)}${hexadecimal(32)}",
    "brevo_key": lambda: f"xkeysib-{hexadecimal(64)}-{drawn(16)}",
    "cloudflare_key": lambda: f"v1.0-{hexadecimal(24)}-{hexadecimal(146)}",
    "databricks_token": lambda: f"dapi{hexadecimal(32)}",
    "deepseek_key": lambda: f"sk-{hexadecimal(32)}",
    "digitalocean_token": lambda: f"dop_v1_{hexadecimal(64)}",
    "discord_token": lambda: f"{drawn(24)}.{drawn(6)}.{drawn(27)}",
    "discord_webhook": lambda: f"https://discord.com/api/webhooks/{digits(18)}/{drawn(68)}",
    "docker_token": lambda: f"dckr_pat_{drawn(27)}",
    "doppler_token": lambda: f"dp.pt.{drawn(43)}",
    "dropbox_token": lambda: f"sl.{drawn(140)}",
    "facebook_token": lambda: f"EAACEdEose0cBA{drawn(40)}",
    "figma_token": lambda: f"figd_{drawn(40)}",
    "gcp_key": lambda: f"AIza{drawn(35)}",
    "github_token": lambda: f"ghp_{drawn(36)}",
    "gitlab_token": lambda: f"glpat-{drawn(20)}",
    "grafana_token": lambda: f"glsa_{drawn(32)}_{hexadecimal(8)}",
    "groq_key": lambda: f"gsk_{drawn(52)}",
    "heroku_key": lambda: f"HRKU-{drawn(58)}",
    "huggingface_token": lambda: f"hf_{letters(34)}",
    "ibm_cloud_key": lambda: f"ibm_api_key: {drawn(44)}",
    "jwt": lambda: JWT,
    "langsmith_key": lambda: f"lsv2_pt_{hexadecimal(32)}_{hexadecimal(10)}",
    "linear_key": lambda: f"lin_api_{drawn(40)}",
    "mailchimp_key": lambda: f"{hexadecimal(32)}-us7",
    "mailgun_key": lambda: f"key-{hexadecimal(32)}",
    "newrelic_key": lambda: f"NRAK-{upper(27)}",
    "notion_token": lambda: f"ntn_{drawn(46)}",
    "npm_token": lambda: f"npm_{drawn(36)}",
    "nvidia_key": lambda: f"nvapi-{drawn(64)}",
    "openai_key": lambda: f"sk-{drawn(20)}T3BlbkFJ{drawn(20)}",
    "openrouter_key": lambda: f"sk-or-v1-{hexadecimal(64)}",
    "perplexity_key": lambda: f"pplx-{drawn(48)}",
    "pinecone_key": lambda: f"pcsk_{drawn(60)}",
    "planetscale_token": lambda: f"pscale_tkn_{drawn(43)}",
    "postman_key": lambda: f"PMAK-{hexadecimal(24)}-{hexadecimal(34)}",
    "private_key": lambda: f"-----BEGIN EC PRIVATE KEY-----\n{drawn(64)}\n-----END EC PRIVATE KEY-----",
    "pulumi_token": lambda: f"pul-{hexadecimal(40)}",
    "pypi_token": lambda: f"pypi-AgEIcHlwaS5vcmc{drawn(70)}",
    "replicate_token": lambda: f"r8_{drawn(37)}",
    "rubygems_key": lambda: f"rubygems_{hexadecimal(48)}",
    "sendgrid_key": lambda: f"SG.{drawn(22)}.{drawn(43)}",
    "sentry_token": lambda: f"sntrys_{drawn(60)}",
    "shopify_token": lambda: f"shpat_{hexadecimal(32)}",
    "slack_token": lambda: f"xoxb-{digits(12)}-{digits(12)}-{drawn(24)}",
    "slack_webhook": lambda: f"https://hooks.slack.com/services/T{upper(8)}/B{upper(8)}/{drawn(24)}",
    "softlayer_key": lambda: f"softlayer: {hexadecimal(64)}",
    "square_token": lambda: f"sq0atp-{drawn(22)}",
    "stripe_key": lambda: f"sk_live_{drawn(24)}",
    "supabase_token": lambda: f"sbp_{hexadecimal(40)}",
    "teams_webhook": lambda: (
        f"https://acme.webhook.office.com/webhookb2/{hexadecimal(36)}@{hexadecimal(36)}/IncomingWebhook/{drawn(32)}"
    ),
    "telegram_token": lambda: f"{digits(9)}:{drawn(35)}",
    "terraform_token": lambda: f"{drawn(14)}.atlasv1.{drawn(67)}",
    "twilio_key": lambda: f"SK{hexadecimal(32)}",
    "vault_token": lambda: f"hvs.{drawn(90)}",
    "xai_key": lambda: f"xai-{drawn(80)}",
    "assigned_secret": lambda: f'db_password = "{drawn(12)}"',
    "authorization_header": lambda: f"Authorization: Bearer {drawn(30)}",
    "random_string": lambda: f"x = '{drawn(40)}'",
    "url_credentials": lambda: f"redis://reader:{drawn(12)}@cache.example:6379/0",
}
"""Of every kind, text with one."""


def test_every_kind_has_a_sample():
    assert sorted(FORMATS) == kind_names(KINDS)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_secret_of_every_kind_is_found_named_and_taken_out(kind):
    text = f"why does it refuse {FORMATS[kind]()} since today?"
    check = no_secrets(NoSecretsOptions(kinds=[kind]))
    finding = check.judge(text)
    assert finding.message == f"holds a secret: {kind}"
    assert text[slice(*finding.span)] not in check.redact(text)
    assert f"[{kind}]" in check.redact(text)
    assert check.judge(check.redact(text)) is None
    assert CHECK.judge(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        'password: "hunter22 and more"',
        "PASSWORD=hunter22",
        "{'api_key': 'f00barBaz9'}",
        "set_password('hunter22!')",
        "if 'hunter22' == password:",
        "my password is hunter22!",
        "DB_PASS: s3cr3t99",
        "private_key => 'abc123def'",
        "https://user:hunter22@intranet.example/x",
    ],
)
def test_what_is_assigned_to_a_telling_name_is_a_secret(text):
    assert CHECK.judge(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "How do I reset my password?",
        "the password is incorrect",
        "password: see below",
        "password = os.environ['DB_PASSWORD']",
        "password = get_password(user, realm)",
        "token = request.headers.token",
        'password = "${DB_PASSWORD}"',
        "api_key: <your-api-key>",
        'secret = "{{ vault.secret }}"',
        'password = "changeme"',
        'token: "xxxxxxxxxxxxxxxx"',
        "password: ********",
        "https://user:${TOKEN}@git.example/x.git",
        "commit 'da39a3ee5e6b4b0d3255bfef95601890afd80709'",
        'integrity="sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8KuxyAzMWyPjHTpJdQ8uWbUi2vJ9aRz"',
        'id = "550e8400-e29b-41d4-a716-446655440000"',
        "https://video.example/list?list=PLrAXtmErZgOeiKm4sgNOknGvNjby9efdf",
        "is sk-learn or ghp_ what I want?",
        "eyJ.eyJ is no token, nor is eyJhbGc.eyJhbGc.x",
        "what does -----BEGIN CERTIFICATE----- mean",
        "AKIAIOSFODNN7 is too short",
        "see the document-with-quite-a-long-name-2024-final",
    ],
)
def test_what_only_looks_like_one_is_none(text):
    assert CHECK.judge(text) is None


def test_the_finding_marks_the_first_secret_alone():
    text = "né: login=ann password='hunter22' then 'later'"
    finding = CHECK.judge(text)
    assert text[slice(*finding.span)] == "hunter22"
    assert "hunter22" not in finding.message


def test_all_secrets_are_taken_out_and_the_rest_stays():
    text = "a password='hunter22' b redis://u:hunter33@h c"
    assert CHECK.redact(text) == "a password='[assigned_secret]' b redis://u:[url_credentials]@h c"


def test_a_whole_private_key_is_taken_out():
    text = f"before {FORMATS['private_key']()} after"
    assert CHECK.redact(text) == "before -----[private_key] after"


def test_a_text_that_keeps_making_secrets_is_taken_out_as_a_whole():
    nested = "password='" * 40 + "hunter22"
    assert CHECK.judge(CHECK.redact(nested)) is None


def test_only_chosen_kinds_are_looked_for():
    check = no_secrets(NoSecretsOptions(kinds=["jwt"]))
    assert check.judge("password = 'hunter22'") is None
    assert check.judge(JWT) is not None


def test_what_is_allowed_as_a_whole_is_let_through_and_kept():
    check = no_secrets(NoSecretsOptions(allow=["hunter[0-9]+"]))
    assert check.judge("password='hunter22'") is None
    assert check.redact("password='hunter22'") == "password='hunter22'"
    assert check.judge("password='hunter22x'") is not None


@pytest.mark.parametrize("options", [{"kinds": ["aws_keys"]}, {"kinds": []}, {"allow": ["("]}])
def test_kinds_and_expressions_that_are_none_are_refused(options):
    with pytest.raises(ValidationError):
        NoSecretsOptions.model_validate(options)


def test_an_unknown_kind_is_answered_with_the_nearest_one():
    with pytest.raises(ValidationError, match="aws_key"):
        NoSecretsOptions(kinds=["aws_keys"])


def test_surrogates_hide_nothing():
    text = "\ud800 password='hunter22' \udfff"
    assert text[slice(*CHECK.judge(text).span)] == "hunter22"
    assert CHECK.redact(text) == "\ufffd password='[assigned_secret]' \ufffd"


def test_the_columnar_form_marks_every_kind_and_no_plain_question():
    texts = [make() for make in FORMATS.values()]
    column = pl.DataFrame({"v": [*texts, "where is my card"]})
    assert column.select(CHECK.suspects(pl.col("v")))["v"].to_list() == [True] * len(texts) + [False]
