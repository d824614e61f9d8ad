from __future__ import annotations

import polars as pl
import pytest
from pydantic import ValidationError

from dq_gate.checks.pii import NoPiiOptions, no_pii
from dq_gate.checks.pii_kinds import DEFAULT_KINDS, KINDS
from dq_gate.checks.sensitive import kind_names

CHECK = no_pii(NoPiiOptions())
ALL = no_pii(NoPiiOptions(kinds=kind_names(KINDS)))

SAMPLES = {
    "au_tfn": "my TFN is 123 456 782",
    "be_nn": "rijksregisternummer 85.07.30-033.28",
    "bg_egn": "egn 7523169263",
    "bitcoin_address": "send it to 1NEDqZPvTWRaoho48qXuLLsrYomMXPABfD",
    "br_cpf": "sou o 390.533.447-05",
    "ca_sin": "my SIN: 123-456-782",
    "ch_ahv": "756.9217.0769.85 is mine",
    "cl_rut": "soy 12.531.909-2",
    "cn_resident_id": "360426199101010071 is my number",
    "credit_card": "charge 4111 1111 1111 1111",
    "cz_rc": "rodné číslo 710319/2745",
    "date_of_birth": "date of birth: 1980-02-29",
    "de_tax_id": "meine Steuer-ID 36 574 261 809",
    "dk_cpr": "CPR 211062-5629",
    "driver_license": "my driver's license is F162823540116",
    "email": "write to jo.doe@example.com",
    "es_dni": "mi DNI es 54362315K",
    "es_nie": "NIE X-2482300W",
    "fi_hetu": "I am 131052-308T",
    "fr_nir": "c'est 2 95 10 99 126 111 93",
    "gb_nhs": "NHS number 943 476 5870",
    "gb_nino": "my NI number is AB 12 34 56 C",
    "hr_oib": "OIB 33392005961",
    "iban": "pay to GB82 WEST 1234 5698 7654 32",
    "ie_pps": "PPS 6433435F",
    "il_id": "id number 039337423",
    "imei": "IMEI 49-015420-323751-8",
    "in_aadhaar": "aadhaar 2341 2341 2346",
    "in_pan": "PAN ACUPA7085R",
    "ip_address": "blocked at 86.121.97.248",
    "it_codice_fiscale": "sono RCCMNL83S18D969H",
    "kr_rrn": "971013-9019902",
    "mac_address": "on 00:1B:44:11:3A:B7",
    "mx_curp": "BOXW310820HNERXN09",
    "nl_bsn": "BSN 1112.22.333",
    "no_fodselsnummer": "fødselsnummer 151086 95088",
    "passport": "passport no. C01X00T47 or 123456789",
    "phone": "+1 212-555-0147 x12",
    "pl_pesel": "PESEL 44051401359",
    "ro_cnp": "CNP 1630615123457",
    "se_personnummer": "personnummer 880320-0016",
    "tr_kimlik": "TC kimlik 17291716060",
    "us_itin": "ITIN 912-90-3456",
    "us_ssn": "536-22-1234",
    "za_id": "SA ID 7503305044089",
}
"""Of every kind, text with one: numbers that their check digits hold, of nobody."""


def test_every_kind_has_a_sample():
    assert sorted(SAMPLES) == kind_names(KINDS)


@pytest.mark.parametrize("kind", SAMPLES)
def test_data_of_every_kind_are_found_named_and_taken_out(kind):
    text = f"hello, {SAMPLES[kind]}, thanks"
    check = no_pii(NoPiiOptions(kinds=[kind]))
    finding = check.judge(text)
    assert finding.message == f"holds personal data: {kind}"
    assert text[slice(*finding.span)] not in check.redact(text)
    assert check.judge(check.redact(text)) is None
    assert ALL.judge(ALL.redact(text)) is None


def test_what_some_texts_are_about_is_only_looked_for_when_named():
    missed = {kind for kind, text in SAMPLES.items() if CHECK.judge(text) is None}
    assert missed == set(SAMPLES) - set(kind_names(DEFAULT_KINDS))


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "4111-1111-1111-1111",
        "4111.1111.1111.1111",
        "5500 0055 5555 5559",
        "2223003122003222",
        "3782 822463 10005",
        "378282246310005",
        "3056 930902 5904",
        "6011111111111117",
        "3530111333300000",
        "6759649826438453",
        "6304000000000000",
        "4000000000000000006",
    ],
)
def test_cards_of_many_issuers_and_spellings_are_found(number):
    text = f"my card {number} 12/27 123 was charged twice"
    assert text[slice(*CHECK.judge(text).span)] == number


@pytest.mark.parametrize(
    "text",
    [
        "card 4111 1111 1111 1112",
        "card 0000 0000 0000 0000",
        "card 1111111111111117",
        "card 94111111111111111",
        "card 411111111111111122222",
        "4111 1111-1111 1111",
        "order number 4111111111111111",
        "tracking: 4111111111111111",
        "/orders/4111111111111111",
        "#4111111111111111",
        "A4111111111111111",
        "id-4111111111111111",
        "4111111111111111.25",
        "550e8400-e29b-41d4-a716-411111111111",
        "barcode 4006381333931",
        "at 1700000000000 ms",
        "snowflake 4000000000000000006",
    ],
)
def test_numbers_that_are_no_cards_pass(text):
    assert CHECK.judge(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "GB82 WEST 1234 5698 7654 33",
        "GB82WEST123456987654321",
        "XGB82WEST12345698765432",
        "US82WEST12345698765432",
        "000-12-3456",
        "666-12-3456",
        "900-12-3456",
        "536-22-12345",
        "1536-22-1234",
        "536-22-1234-5",
        "536221234",
        "part 12345678Z",
        "invoice 33392005961",
        "what is a social security number?",
        "ticket 943 476 5870",
        "mail me at jo@example.com or +1 212-555-0147 from 86.121.97.248",
    ],
)
def test_numbers_that_prove_nothing_pass(text):
    assert CHECK.judge(text) is None


@pytest.mark.parametrize(
    "number", ["GB82WEST12345698765432", "gb82west12345698765432", "GB82 WEST 1234 5698 7654 32", "NO9386011117947"]
)
def test_account_numbers_end_where_their_country_says(number):
    text = f"to {number} EUR 20 today"
    assert text[slice(*CHECK.judge(text).span)] == number


@pytest.mark.parametrize("text", ["my ssn: 536221234", "social security number 536 22 1234", "536.22.1234 (SSN)"])
def test_a_number_of_no_certain_form_counts_beside_a_word_that_says_what_it_is(text):
    assert CHECK.judge(text) is not None


@pytest.mark.parametrize("text", ["егн: 7523169263", "rč 710319/2745", "jmbg_oib=33392005961"])
def test_the_word_may_be_of_any_script_and_part_of_a_name(text):
    assert CHECK.judge(text) is not None


@pytest.mark.parametrize("text", ["doeibsn 111222333", "oibs 33392005961", "начегнал 7523169263"])
def test_a_part_of_a_word_says_nothing(text):
    assert CHECK.judge(text) is None


@pytest.mark.parametrize(
    "number", ["+447700 921 916", "+46 (0)8 928 571 38", "345-899-3560x4587", "(602)272-9781", "001-253-366-9781"]
)
def test_phone_numbers_are_known_by_their_form(number):
    text = f"{number}-Fax"
    assert text[slice(*ALL.judge(text).span)] == number


@pytest.mark.parametrize(
    "text", ["version 1.2.3.4.5", "v1.2.3.4", "127.0.0.1", "999.1.1.1", "at 12:30:45", "std::move"]
)
def test_versions_times_and_this_machine_are_no_addresses(text):
    assert no_pii(NoPiiOptions(kinds=["ip_address"])).judge(text) is None


@pytest.mark.parametrize("address", ["2001:db8::ff00:42:8329", "fe80::1ff:fe23:4567:890a", "86.121.97.248"])
def test_addresses_of_both_versions_are_found(address):
    text = f"from {address}."
    assert text[slice(*no_pii(NoPiiOptions(kinds=["ip_address"])).judge(text).span)] == address


def test_everything_is_taken_out_and_the_rest_stays():
    text = "card 4111 1111 1111 1111, SSN 536-22-1234, order 42"
    assert CHECK.redact(text) == "card [credit_card], SSN [us_ssn], order 42"


def test_what_is_allowed_as_a_whole_is_let_through():
    check = no_pii(NoPiiOptions(allow=["4111[ 1]*"]))
    assert check.judge("4111 1111 1111 1111") is None
    assert check.judge("4012 8888 8888 1881") is not None


@pytest.mark.parametrize("options", [{"kinds": ["creditcard"]}, {"kinds": []}, {"allow": ["("]}])
def test_kinds_and_expressions_that_are_none_are_refused(options):
    with pytest.raises(ValidationError):
        NoPiiOptions.model_validate(options)


def test_surrogates_hide_nothing():
    text = "\ud800 4111 1111 1111 1111 \udfff"
    assert text[slice(*CHECK.judge(text).span)] == "4111 1111 1111 1111"
    assert CHECK.redact(text) == "\ufffd [credit_card] \ufffd"


def test_the_columnar_form_marks_every_kind_and_no_plain_question():
    texts = list(SAMPLES.values())
    column = pl.DataFrame({"v": [*texts, "where is my card from 2019?"]})
    assert column.select(ALL.suspects(pl.col("v")))["v"].to_list() == [True] * len(texts) + [False]
