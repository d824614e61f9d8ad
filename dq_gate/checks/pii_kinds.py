"""The kinds of personal data that `no_pii` knows, each with what proves a number to be one.

What has a check digit is proved by it. A number whose check passes one random number in ten, or that has none, also
needs a word close by that says what it is. To add a kind, give it an expression, the name of its module in stdnum where
there is one, and a line in the tests.
"""

# ruff: noqa: E501 - tables of one kind a line

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from ipaddress import ip_address
from typing import TYPE_CHECKING

from dq_gate.checks.sensitive import Kind, Proof, near, value

if TYPE_CHECKING:
    from collections.abc import Callable

_EIGHT_DIGITS = r"[0-9](?:[ ./+-]?[0-9]){7}"
"""The hint of every kind that has as many in a row, whatever else its expression asks."""

_JOINED_BEFORE = re.compile(r"(?:[\w+@#$€£/\\&-]|[0-9][.,:])\Z", re.ASCII)
_JOINED_AFTER = re.compile(r"[\w@%€£/\\]|[.,:-][0-9]", re.ASCII)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """No part of a longer number, identifier, address or path."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return not _JOINED_BEFORE.search(before) and not _JOINED_AFTER.match(after)


def _is_phone(text: str, start: int, end: int) -> bool:
    """A number of seven to fifteen digits that stands alone."""
    return 7 <= sum(map(str.isdigit, text[start:end])) <= 15 and _stands_alone(text, start, end)  # noqa: PLR2004


def _is_address(text: str, start: int, end: int) -> bool:
    """An address of a host in some network, and neither a version nor this machine."""
    try:
        address = ip_address(text[start:end])
    except ValueError:
        return False
    is_part = re.match(r"\.?[0-9]", text[end : end + 2]) or re.search(
        r"(?:[vV]|[0-9:]\.?)\Z", text[max(0, start - 2) : start]
    )
    return not (is_part or address.is_loopback or address.is_unspecified)


@cache
def _validator(module: str) -> Callable[[str], bool]:
    is_valid: Callable[[str], bool] = import_module(f"stdnum.{module}").is_valid
    return is_valid


def _checked(module: str, words: str | None = None) -> tuple[Proof, ...]:
    """It stands alone, and stdnum's module (imported on first use) calls it valid; near words that say so, if given."""
    proofs = (_stands_alone, value(lambda number: bool(_validator(module)(re.sub("[ .]", "", number)))))
    return proofs if words is None else (*proofs, near(words))


def _said(words: str) -> tuple[Proof, ...]:
    """Nothing but words near it prove it."""
    return (_stands_alone, near(words))


_PERSON = "national id|id number|id no|identity number|personal number|social security"


# Payment cards

_ISSUERS = (
    (12, 19, r"50|5[6-9]|6304|6390|67"),
    (13, 13, r"4"),
    (14, 14, r"30[0-59]|3[689]"),
    (15, 15, r"3[47]|2131|1800"),
    (16, 16, r"4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|220[0-4]"),
    (16, 16, r"30[0-59]|3[689]|35|6[025]|64[4-9]|8[12]|9792"),
    (17, 18, r"6[025]|64[4-9]|8[12]"),
    (19, 19, r"4|35[2-8]|6[025]|64[4-9]|8[12]"),
)
"""Least and most digits, and how the numbers of the networks begin that issue such."""
_ISSUED = tuple((least, most, re.compile(beginning)) for least, most, beginning in _ISSUERS)
_COMMON_LENGTHS = frozenset({15, 16})
"""Of other lengths are identifiers of every kind, one in ten of which passes for a card."""
_OTHER_NUMBER = re.compile(
    r"(?:order|ticket|invoice|tracking|shipment|parcel|reference|ref|sku|ean|gtin|isbn|upc|imei|serial|user|message)"
    r"[ _-]?(?:id|number|no|nr|code)?\W{0,3}(?:is\W)?\Z",
    re.IGNORECASE | re.ASCII,
)
_near_card = near(
    "cards?|credit|debit|visa|amex|maestro|mastercard|american express|discover|diners|jcb|cc|ccn|pan|cvv"
)


def _is_card(text: str, start: int, end: int) -> bool:
    """Of an issuer, with the check digit, and not said to be something else."""
    from stdnum import luhn

    number = re.sub("[ .-]", "", text[start:end])
    return (
        any(least <= len(number) <= most and begins.match(number) for least, most, begins in _ISSUED)
        and bool(luhn.is_valid(number))
        and len(set(number)) > 1
        and not _OTHER_NUMBER.search(text, max(0, start - 30), start)
        and (len(number) in _COMMON_LENGTHS or _near_card(text, start, end))
    )


_CARD = (_stands_alone, _is_card)
_CARDS = (
    Kind("credit_card", r"\b[0-9]{12,19}\b", _CARD, _EIGHT_DIGITS),
    *(
        Kind("credit_card", rf"\b[0-9]{{4}}{grouping}\b", _CARD, _EIGHT_DIGITS)
        for separator in (" ", r"\.", "-")
        for grouping in (rf"(?:{separator}[0-9]{{4}}){{3}}", rf"{separator}[0-9]{{6}}{separator}[0-9]{{4,5}}")
    ),
)

# Accounts

_IBAN_LENGTHS = {
    15: "NO", 16: "BE", 18: "DK|FI|FK|FO|GL|NL|SD", 19: "MK|SI", 20: "AT|BA|EE|KZ|LT|LU|MN|XK", 21: "CH|HR|LI|LV",
    22: "BG|BH|CR|DE|GB|GE|IE|ME|RS|VA", 23: "AE|GI|IL|IQ|OM|SO|TL", 24: "AD|CZ|ES|MD|PK|RO|SA|SE|SK|TN|VG",
    25: "LY|PT|ST", 26: "IS|TR", 27: "BI|DJ|FR|GR|IT|MC|MR|SM", 28: "AL|AZ|BY|CY|DO|GT|HN|HU|LB|NI|PL|SV",
    29: "BR|EG|PS|QA|UA", 30: "JO|KW|MU|YE", 31: "MT|SC", 32: "LC", 33: "RU",
}  # fmt: skip
"""Characters of an account number by country, from the register of IBAN formats."""
_IBAN = r"\b[A-Za-z]{2}[0-9]{2}(?:[ -]?[0-9A-Za-z]){11}"
_IBANS = tuple(
    Kind("iban", rf"(?i)\b(?:{countries})[0-9]{{2}}(?:[ -]?[A-Z0-9]){{{length - 4}}}\b", _checked("iban"), _IBAN)
    for length, countries in _IBAN_LENGTHS.items()
)

# Numbers that states give to persons

_PERSONS = (
    Kind("us_ssn", r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b", _checked("us.ssn"), _EIGHT_DIGITS),
    Kind("us_ssn", r"\b[0-9]{3}[ .]?[0-9]{2}[ .]?[0-9]{4}\b", _checked("us.ssn", "ssn|social security|soc sec"), _EIGHT_DIGITS),
    Kind("us_itin", r"\b9[0-9]{2}-[0-9]{2}-[0-9]{4}\b", _checked("us.itin"), _EIGHT_DIGITS),
    Kind("br_cpf", r"\b[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}\b", _checked("br.cpf"), _EIGHT_DIGITS),
    Kind("br_cpf", r"\b[0-9]{11}\b", _checked("br.cpf", "cpf"), _EIGHT_DIGITS),
    Kind("ch_ahv", r"\b756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}\b", _checked("ch.ssn"), _EIGHT_DIGITS),
    Kind("cl_rut", r"\b[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9Kk]\b", _checked("cl.rut"), r"\.[0-9]{3}\.[0-9]{3}-"),
    Kind("cn_resident_id", r"\b[0-9]{17}[0-9Xx]\b", _checked("cn.ric"), _EIGHT_DIGITS),
    Kind("fi_hetu", r"\b[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Y]\b", _checked("fi.hetu"), r"[0-9]{6}[-+A-FU-Y][0-9]{3}"),
    Kind("fr_nir", r"\b[12] ?[0-9]{2} ?[0-9]{2} ?[0-9][0-9AB] ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}\b", _checked("fr.nir"), r"[0-9]{3} ?[0-9]{3} ?[0-9]{2}\b"),
    Kind("it_codice_fiscale", r"\b(?i:[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPR-T][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z])\b", _checked("it.codicefiscale")),
    Kind("kr_rrn", r"\b[0-9]{6}-[0-9]{7}\b", _checked("kr.rrn"), _EIGHT_DIGITS),
    Kind("mx_curp", r"\b[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[0-9A-Z][0-9]\b", _checked("mx.curp")),
    Kind("no_fodselsnummer", r"\b[0-9]{6} ?[0-9]{5}\b", _checked("no.fodselsnummer", _PERSON + "|fødselsnummer|fodselsnummer|personnummer"), _EIGHT_DIGITS),
    Kind("ro_cnp", r"\b[1-8][0-9]{12}\b", _checked("ro.cnp", _PERSON + "|cnp|cod numeric"), _EIGHT_DIGITS),
    Kind("se_personnummer", r"\b(?:[0-9]{2})?[0-9]{6}[-+][0-9]{4}\b", _checked("se.personnummer", _PERSON + "|personnummer|pnr"), _EIGHT_DIGITS),
    Kind("za_id", r"\b[0-9]{13}\b", _checked("za.idnr", _PERSON + "|rsa id|sa id"), _EIGHT_DIGITS),
    Kind("au_tfn", r"\b[0-9]{3} ?[0-9]{3} ?[0-9]{2,3}\b", _checked("au.tfn", "tfn|tax file"), _EIGHT_DIGITS),
    Kind("be_nn", r"\b[0-9]{2}[.-]?[0-9]{2}[.-]?[0-9]{2}[.-]?[0-9]{3}[.-]?[0-9]{2}\b", _checked("be.nn", _PERSON + "|rijksregisternummer|registre national|niss|insz"), _EIGHT_DIGITS),
    Kind("bg_egn", r"\b[0-9]{10}\b", _checked("bg.egn", "egn|егн"), _EIGHT_DIGITS),
    Kind("ca_sin", r"\b[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}\b", _checked("ca.sin", "sin|social insurance|nas"), _EIGHT_DIGITS),
    Kind("cz_rc", r"\b[0-9]{6}/[0-9]{3,4}\b", _checked("cz.rc", _PERSON + "|rodné číslo|rodne cislo|rč"), _EIGHT_DIGITS),
    Kind("de_tax_id", r"\b[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}\b", _checked("de.idnr", "steuer-?id|steueridentifikationsnummer|idnr|tin|tax id"), _EIGHT_DIGITS),
    Kind("dk_cpr", r"\b[0-9]{6}-[0-9]{4}\b", _checked("dk.cpr", _PERSON + "|cpr"), _EIGHT_DIGITS),
    Kind("es_dni", r"\b[0-9]{8}-?[A-Za-z]\b", _checked("es.dni", "dni|nif|documento"), _EIGHT_DIGITS),
    Kind("es_nie", r"\b[XYZxyz]-?[0-9]{7}-?[A-Za-z]\b", _checked("es.nie", "nie|nif|extranjero"), "[XYZxyz]-?[0-9]{7}"),
    Kind("gb_nhs", r"\b[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}\b", _checked("gb.nhs", "nhs"), _EIGHT_DIGITS),
    Kind("gb_nino", r"(?i)\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]\b", _said("national insurance|nino|ni number|ni no"), r"[A-Za-z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-Da-d]\b"),
    Kind("hr_oib", r"\b[0-9]{11}\b", _checked("hr.oib", "oib"), _EIGHT_DIGITS),
    Kind("ie_pps", r"\b[0-9]{7}[A-Wa-w][A-IWa-iw]?\b", _checked("ie.pps", "pps|ppsn|pps number"), r"[0-9]{7}[A-Wa-w]"),
    Kind("il_id", r"\b[0-9]{9}\b", _checked("il.idnr", _PERSON + "|teudat zehut"), _EIGHT_DIGITS),
    Kind("in_aadhaar", r"\b[2-9][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}\b", _checked("in_.aadhaar", "aadhaar|aadhar|adhar|uidai"), _EIGHT_DIGITS),
    Kind("in_pan", r"\b[A-Za-z]{5}[0-9]{4}[A-Za-z]\b", _checked("in_.pan", "pan|permanent account"), r"[A-Za-z]{5}[0-9]{4}[A-Za-z]"),
    Kind("nl_bsn", r"\b[0-9]{4}[. ]?[0-9]{2}[. ]?[0-9]{3}\b", _checked("nl.bsn", "bsn|burgerservicenummer|sofinummer"), _EIGHT_DIGITS),
    Kind("pl_pesel", r"\b[0-9]{11}\b", _checked("pl.pesel", "pesel"), _EIGHT_DIGITS),
    Kind("tr_kimlik", r"\b[1-9][0-9]{10}\b", _checked("tr.tckimlik", "tc|tckn|kimlik|kimlik no"), _EIGHT_DIGITS),
)  # fmt: skip

# What is personal data in some texts and the point of others: sought only where the options name it

_PHONE_WORDS = (
    r"call(?:ed|ing|s)?|phone|telephone|tel|mobile|cell|fax|desk|office|reach(?:ed)?|contact|sms|text|texts|whatsapp"
    r"|messages?|answering|dial|ring|number|registered|telefon|tel[eé]fono|handy|m[oó]vil"
)
_OPT_IN = (
    Kind("email", r"[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b", hint="[0-9A-Za-z_%+'-]@[0-9A-Za-z-]"),
    Kind("phone", r"(?:\+|\b00)[1-9](?:[ ./-]?(?:\([0-9]{1,4}\)|[0-9])){6,14}(?: ?(?:x|ext\.? ?)[0-9]{1,6})?\b", (_is_phone,), r"(?:\+|\b00)[1-9][ ./-]?[(0-9]"),
    Kind("phone", r"(?:\b1[-. ])?(?:\([0-9]{3}\) ?|\b[0-9]{3}[-. ])[0-9]{3}[-. ][0-9]{4}(?: ?(?:x|ext\.? ?)[0-9]{1,6})?\b", (_is_phone,), r"[0-9]{3}[-. ][0-9]{4}"),
    Kind("phone", r"(?:\([0-9]{2,5}\)[ -]?|\b)[0-9](?:[ .-]?[0-9]){5,11}(?: ?(?:x|ext\.? ?)[0-9]{1,6})?\b", (_is_phone, near(_PHONE_WORDS)), r"[0-9](?:[ .-]?[0-9]){5}"),
    Kind("ip_address", r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b", (_is_address,), r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"),
    Kind("ip_address", r"\b(?:[0-9A-Fa-f]{1,4}:){2,7}[0-9A-Fa-f:]*[0-9A-Fa-f]\b|\b[0-9A-Fa-f]{1,4}::[0-9A-Fa-f:]{1,35}[0-9A-Fa-f]\b", (_is_address,), "[0-9A-Fa-f]:[0-9A-Fa-f]{0,4}:"),
    Kind("mac_address", r"\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}\b", (_stands_alone,), "[0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-]"),
    Kind("imei", r"\b[0-9]{2}-?[0-9]{6}-?[0-9]{6}-?[0-9]\b", _checked("imei", "imei"), _EIGHT_DIGITS),
    Kind("bitcoin_address", r"\b(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|bc1[0-9a-z]{39,59})\b", _checked("bitcoin")),
    Kind("date_of_birth", r"\b[0-9]{1,4}[./-](?:[0-9]{1,2}|[A-Za-z]{3,9})[./-][0-9]{2,4}\b", _said("dob|birth|birthday|born|geboren"), r"[0-9][./-][0-9A-Za-z]{1,9}[./-][0-9]{2}"),
    Kind("driver_license", r"\b[A-Za-z]{0,3}[0-9](?:[ -]?[0-9]){4,13}[A-Za-z]{0,2}\b", _said(r"driver'?s'?|driving licen[cs]e|dl number|dl no"), "[0-9](?:[ -]?[0-9]){4}"),
    Kind("passport", r"\b[A-Za-z]{0,2}[0-9]{6,9}[A-Za-z]?\b", _said("passport|pasaporte|reisepass|passeport"), "[0-9]{6}"),
)  # fmt: skip

DEFAULT_KINDS = (*_CARDS, *_IBANS, *_PERSONS)
KINDS = (*DEFAULT_KINDS, *_OPT_IN)
