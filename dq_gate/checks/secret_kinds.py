"""The kinds of secrets that `no_secrets` knows: one line each, from the formats that their issuers publish.

To add one, name it after its issuer, give it an expression with its fixed prefix and its length, and a line in the
tests. What has no format of its own is caught by where it stands: an assignment to a name such as `password`, or a
string of random characters between quotation marks.
"""

# ruff: noqa: E501 - tables of one kind a line

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections import Counter

from dq_gate.checks.sensitive import Kind, Proof, value

_WORD_CHARACTER = re.compile(r"[\w-]", re.ASCII)
_VARIABLE = re.compile(r"\$[({\w]|\{\{?[\w .-]*\}|\[[\w .-]*\]|%[\w(]|\*{3}|[xX]{3}", re.ASCII)
_PLACEHOLDER = re.compile(
    rf"{_VARIABLE.pattern}|[^<]*<[\w .-]+>|process\.|os\.|env\b"
    r"|(?:your|my|some|enter|insert|change|replace|example|sample|dummy|fake|test|placeholder|redacted)"
    r"|(?:none|null|nil|true|false|undefined|string|password|passwd|secret|token|optional|required|hidden)$",
    re.IGNORECASE | re.ASCII,
)
_CALL = re.compile(r"[\w.]+\(.*\)?;?$|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+;?$|[A-Za-z_]\w*\[")
_DIGEST = re.compile(
    r"(?:sha\d*|md5|hash|digest|checksum|sum|commit|rev(?:ision)?|etag|integrity|fingerprint|thumbprint|u?u?id|guid|version|ref)"
    r"\w*[\"'`]?\s*[=:,]?\s*[\"'`]?$",
    re.IGNORECASE,
)
_PARAMETER = re.compile(r"[?&][\w.-]+=\Z", re.ASCII)
_SYMBOL = re.compile(r"[!@#$%^&*+=~|{}<>?]")


def _entropy(text: str) -> float:
    """Shannon entropy, in bits a character."""
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares)


def _random(least: float) -> Proof:
    return value(lambda text: _entropy(text) >= least)


def _ends(text: str, start: int, end: int) -> bool:  # noqa: ARG001 - a proof
    """Nothing follows that would make the token a longer one."""
    return end == len(text) or not _WORD_CHARACTER.match(text, end)


def _not_a_word(text: str) -> bool:
    return not (text.isupper() and text.isalpha())


def _not_a_digest(text: str, start: int, end: int) -> bool:  # noqa: ARG001 - a proof
    """The name before it does not say that it is a checksum or an identifier."""
    return not _DIGEST.search(text, max(0, start - 40), start)


def _not_in_a_link(text: str, start: int, end: int) -> bool:  # noqa: ARG001 - a proof
    """No parameter of an address, where identifiers of videos, clicks and documents look random."""
    return not _PARAMETER.search(text, max(0, start - 45), start)


def _is_jwt(token: str) -> bool:
    """Its header and claims are JSON objects."""
    return all(isinstance(_decoded(part), dict) for part in token.split(".")[:2])


def _decoded(part: str) -> object:
    try:
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None


def _is_given(text: str) -> bool:
    """A value that stands for itself: no placeholder, variable or call, and not only punctuation."""
    return any(map(str.isalnum, text)) and not _PLACEHOLDER.match(text)


def _is_no_variable(text: str) -> bool:
    return not _VARIABLE.match(text)


def _looks_chosen(text: str) -> bool:
    """A bare word that nobody writes in prose: letters with digits, or with several symbols."""
    if not _is_given(text) or _CALL.match(text):
        return False
    has_letter = any(map(str.isalpha, text))
    has_digit = any(map(str.isdigit, text))
    return has_letter and (has_digit or len(_SYMBOL.findall(text)) > 1)


def _is_mixed(text: str) -> bool:
    """Random characters of three classes; paths and names in words have fewer, or little entropy."""
    classes = any(map(str.isupper, text)) + any(map(str.islower, text)) + any(map(str.isdigit, text))
    least = 4.3 if "/" in text or "-" in text or "_" in text else 3.8
    return classes == 3 and _entropy(text) >= least  # noqa: PLR2004 - upper, lower, digit


_NAME = (
    r"(?i:pass(?:word|wd|phrase|code)s?|pwd|secrete?s?|token|credentials?|(?:\b|_|-)(?:pass|pw)\b|_pass_|dbpass"
    r"|(?:api|access|auth|private|secret|account|encryption|signing|shared|master|service|license)[_ -]?key)"
)
"""What people call a secret; more may follow it."""
_REST = r"[\w-]{0,30}(?:\[\d{0,4}\])?[\"'`]?\]?"
_GIVES = r"\s{0,4}(?::=|=>|:|={1,3}|!={1,2})[ \t]{0,4}=?[ \t]{0,4}"
_QUOTED = r"(?:\"([^\"\n]{3,200})\"|'([^'\n]{3,200})'|`([^`\n]{3,200})`)"
_BARE = r"([^\s\"'`<>()\[\],;][^\s\"'`]{5,200})"
_STATED = r"(?i:password|passphrase|api key|secret key|token) (?:is|was)"
_GIVEN, _CHOSEN, _MIXED = (value(_is_given),), (value(_looks_chosen),), (value(_is_mixed), _not_a_digest)

_NAMED = rf"{_NAME}[\w-]*[\[\]0-9\"'`]*\s*(?:[=:!]|[(,]\s*[\"'`])"
_COMPARED = rf"=\s*[\w.-]*{_NAME}"
_RUN = r"[\w+/-]{20}"
"""Hints: a name that is given something, something compared to a name, a long run of characters without a space."""

_ASSIGNED = (
    Kind("assigned_secret", rf"{_NAME}{_REST}{_GIVES}@?{_QUOTED}", _GIVEN, _NAMED),
    Kind("assigned_secret", rf"{_NAME}{_REST}{_GIVES}{_BARE}", _CHOSEN, _NAMED),
    Kind("assigned_secret", rf"{_NAME}{_REST}\s{{0,4}}[(,]\s{{0,4}}{_QUOTED}", _CHOSEN, _NAMED),
    Kind("assigned_secret", rf"{_QUOTED}\s{{0,4}}[!=]={{1,2}}\s{{0,4}}[\w.-]{{0,30}}{_NAME}", _GIVEN, _COMPARED),
    Kind("assigned_secret", rf"{_STATED}(?: now)?:? ([^\s\"'`]{{8,200}})", _CHOSEN, _STATED),
    Kind("authorization_header", r"(?i:authorization)[\"']?\s{0,4}[:=]\s{0,4}[\"']?(?i:basic|bearer|token)\s{1,4}([\w.~+/=-]{12,})", _GIVEN),
    Kind("url_credentials", r"://[^\s/:@\"'?#<>]{0,80}:([^\s/:@\"'<>]{1,200})@[\w\[]", (value(_is_no_variable),)),
)  # fmt: skip

_RANDOM = (
    Kind("random_string", r"[\"'`]([\w+/-]{20,200}={0,2})[\"'`]", _MIXED, _RUN),
    Kind("random_string", r"\b[A-Za-z][\w-]{0,40}[\"'`]?\s{0,4}(?::=|=|: )\s{0,4}=?\s{0,4}[\"'`]?([\w+/-]{20,200}={0,2})", (*_MIXED, _not_in_a_link), _RUN),
    Kind("random_string", r"(?:[\"'`]|[\w\"'] ?[=:] ?)([0-9a-f]{32,128}|[0-9A-F]{32,128})\b", (_random(3.0), _not_a_digest), _RUN),
)  # fmt: skip

_ISSUED = (
    # Clouds
    Kind("aws_key", r"\b(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16}\b"),
    Kind("aws_key", r"(?i:aws)[^\n]{0,20}?(?i:key|pwd?|pass|secret|token)[^\n]{0,20}?[\"'`=: ]([0-9A-Za-z/+]{40})", (_ends, _random(3.0)), _RUN),
    Kind("aws_key", r"\bamzn\.mws\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
    Kind("azure_key", r"\b[A-Za-z0-9+/]{86}==", hint="[A-Za-z0-9+/]=="),
    Kind("azure_key", r"[?&]sig=([A-Za-z0-9%+/]{40,60}(?:%3[Dd]|=))"),
    Kind("azure_key", r"\b[A-Za-z0-9_~.]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}", (_ends,), "[78]Q~"),
    Kind("gcp_key", r"\bAIza[\w-]{35}", (_ends,)),
    Kind("gcp_key", r"\bGOCSPX-[\w-]{28}", (_ends,)),
    Kind("gcp_key", r"\bya29\.[\w-]{20,}"),
    Kind("alibaba_key", r"\bLTAI[A-Za-z0-9]{16,20}\b"),
    Kind("digitalocean_token", r"\bdo[opr]_v1_[0-9a-f]{64}\b"),
    Kind("ibm_cloud_key", r"(?i:ibm|cloud|iam|api)[\w-]{0,30}[\"']?\s{0,4}[:=]{1,2}=?\s{0,4}[\"']?([\w-]{44})", (_ends, _random(3.5)), _RUN),
    Kind("ibm_cloud_key", r"(?i:secret)[_-]?(?i:access)?[_-]?(?i:key)[\"']?\s{0,4}[:=]{1,2}=?\s{0,4}[\"']?([0-9a-f]{48})", (_ends,), _RUN),
    Kind("softlayer_key", r"(?i:softlayer|\bsl)[\w./-]{0,40}[\"'/]?[\s:=\"']{1,8}([a-z0-9]{64})\b", hint=_RUN),
    Kind("softlayer_key", r"(?i:softlayer)\.com/soap/v3(?:\.1)?/([a-z0-9]{64})\b"),
    Kind("cloudflare_key", r"\bv1\.0-[0-9a-f]{24}-[0-9a-f]{146}\b"),
    Kind("heroku_key", r"\bHRKU-[\w-]{36,60}"),
    # Code and packages
    Kind("github_token", r"\bgh[pousr]_[A-Za-z0-9]{36,}"),
    Kind("github_token", r"\bgithub_pat_\w{60,}"),
    Kind("gitlab_token", r"\bgl(?:pat|dt|ft|rt|soat|ffct)-[\w-]{20,50}", (_ends,)),
    Kind("gitlab_token", r"\bglpat-[\w-]{20,}\.[0-9a-z]{2}\.[0-9a-z]{7,9}\b"),
    Kind("gitlab_token", r"\bGR1348941[\w-]{20,50}", (_ends,)),
    Kind("gitlab_token", r"\bglcbt-(?:[0-9A-Za-z]{1,2}_)?[\w-]{20}", (_ends,)),
    Kind("gitlab_token", r"\bglimt-[\w-]{25}", (_ends,)),
    Kind("gitlab_token", r"\bglptt-[\w-]{40}", (_ends,)),
    Kind("gitlab_token", r"\bglagent-[\w-]{50,}", (_random(2.0),)),
    Kind("gitlab_token", r"\bgloas-[\w-]{64}", (_ends,)),
    Kind("bitbucket_token", r"\bAT(?:BB|CTT3xFf|ATT3)[\w=-]{24,}"),
    Kind("npm_token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    Kind("npm_token", r"//[^\s:]{1,200}:_(?:authToken|password|auth)\s{0,2}=\s{0,2}([\w+/=-]{8,200})", _GIVEN),
    Kind("pypi_token", r"\bpypi-Ag[\w-]{50,}"),
    Kind("rubygems_key", r"\brubygems_[0-9a-f]{48}\b"),
    Kind("docker_token", r"\bdckr_[po]at_[\w-]{27,32}"),
    Kind("artifactory_token", r"(?:^|[\s=:\"'])(AKC[A-Za-z0-9]{10,}|AP[0-9A-F][A-Za-z0-9]{8,})(?:[\s\"',;]|$)", (value(_not_a_word),)),
    Kind("terraform_token", r"\b[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,70}", hint=r"\.atlasv1\."),
    Kind("vault_token", r"\bhv[sbr]\.[\w-]{24,}"),
    Kind("pulumi_token", r"\bpul-[0-9a-f]{40}\b"),
    Kind("databricks_token", r"\bdapi[0-9a-f]{32}\b"),
    Kind("planetscale_token", r"\bpscale_(?:tkn|pw|oauth)_[\w=.-]{32,64}"),
    Kind("supabase_token", r"\bsb(?:p|_secret)_[\w-]{30,50}"),
    Kind("doppler_token", r"\bdp\.(?:pt|st|sa|ct|scim|audit)\.[\w.-]{40,60}"),
    # Models
    Kind("openai_key", r"\bsk-(?:[\w-]{1,100})?T3BlbkFJ[\w-]{20,100}"),
    Kind("anthropic_key", r"\bsk-ant-[a-z]{3,6}[0-9]{2}-[\w-]{20,}"),
    Kind("openrouter_key", r"\bsk-or-v1-[0-9a-f]{64}\b"),
    Kind("deepseek_key", r"\bsk-[0-9a-f]{32}\b"),
    Kind("huggingface_token", r"\b(?:hf|api_org)_[A-Za-z]{34}\b"),
    Kind("replicate_token", r"\br8_[A-Za-z0-9]{37}\b"),
    Kind("groq_key", r"\bgsk_[A-Za-z0-9]{48,60}\b"),
    Kind("perplexity_key", r"\bpplx-[A-Za-z0-9]{40,64}\b"),
    Kind("xai_key", r"\bxai-[A-Za-z0-9]{70,90}\b"),
    Kind("nvidia_key", r"\bnvapi-[\w-]{60,70}"),
    Kind("langsmith_key", r"\blsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}\b"),
    Kind("pinecone_key", r"\bpcsk_\w{30,80}"),
    # Messages and mail
    Kind("slack_token", r"\bxox[abeoprs](?:\.xox[bp])?-[0-9A-Za-z-]{10,}"),
    Kind("slack_token", r"\bxapp-[0-9]-[A-Z0-9]{5,}-[0-9]{5,}-[0-9a-z]{20,}"),
    Kind("slack_webhook", r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Z0-9]{8,}/[\w/]{10,}"),
    Kind("teams_webhook", r"\.webhook\.office\.com/webhookb2/[0-9a-f-]{36}@[\w/@-]{36,}"),
    Kind("discord_token", r"\b[A-Za-z0-9_-]{24,26}\.[\w-]{6}\.[\w-]{27,38}", (_random(4.0),), r"\.[\w-]{6}\.[\w-]{20}"),
    Kind("discord_webhook", r"discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[\w-]{60,}"),
    Kind("telegram_token", r"\b[0-9]{8,10}:[\w-]{35}", (_ends,)),
    Kind("twilio_key", r"\b(?:AC|SK)[a-z0-9]{32}\b"),
    Kind("sendgrid_key", r"\bSG\.[\w-]{22}\.[\w-]{43}", (_ends,)),
    Kind("mailchimp_key", r"\b[0-9a-f]{32}-us[0-9]{1,2}\b", hint="[0-9a-f]-us[0-9]"),
    Kind("mailgun_key", r"\bkey-[0-9a-z]{32}\b"),
    Kind("brevo_key", r"\bxkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}\b"),
    # Money and shops
    Kind("stripe_key", r"\b[rs]k_(?:live|test)_[0-9A-Za-z]{10,}"),
    Kind("stripe_key", r"\bwhsec_[A-Za-z0-9+/]{32,}"),
    Kind("square_token", r"\bsq0(?:atp|csp|idp)-[\w-]{22,43}"),
    Kind("square_token", r"\bEAAA[\w-]{60}", (_ends,)),
    Kind("braintree_token", r"\baccess_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}\b"),
    Kind("shopify_token", r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b"),
    Kind("facebook_token", r"\bEAACEdEose0cBA[0-9A-Za-z]+"),
    # Work and watch
    Kind("newrelic_key", r"\bNR(?:AK|JS|II|IQ)-[A-Z0-9a-z]{19,32}\b"),
    Kind("grafana_token", r"\bgl(?:sa_[A-Za-z0-9]{32}_[0-9a-f]{8}\b|c_eyJ[\w+/=]{30,})"),
    Kind("sentry_token", r"\bsntry[su]_[\w+/=]{40,}"),
    Kind("postman_key", r"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}\b"),
    Kind("linear_key", r"\blin_(?:api|oauth)_[A-Za-z0-9]{32,64}\b"),
    Kind("notion_token", r"\b(?:secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{40,50})\b"),
    Kind("figma_token", r"\bfig[dor]_[\w-]{40,}"),
    Kind("airtable_token", r"\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}\b"),
    Kind("dropbox_token", r"\bsl\.(?:u\.)?[\w-]{130,}"),
    Kind("adobe_secret", r"\bp8e-[A-Za-z0-9]{32}\b"),
    # Keys and tickets
    Kind("jwt", r"\beyJ[\w-]+=*\.eyJ[\w-]+=*(?:\.[\w-]*)?", (value(_is_jwt),)),
    Kind("private_key", r"BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?(?:-----[A-Za-z0-9+/=\\\s:,.()]*-*(?:END [A-Z0-9 ]+-----)?)?"),
    Kind("private_key", r"PuTTY-User-Key-File-[0-9]"),
    Kind("private_key", r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b"),
)  # fmt: skip

KINDS = (*_ISSUED, *_ASSIGNED, *_RANDOM)
