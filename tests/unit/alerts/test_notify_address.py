"""Addresses of notifiers: what each word means, and that no secret in one shows."""

from __future__ import annotations

import sys

import pytest

from dq_gate.alerts.notify.address import SCHEMES, open_recipients, parse_address
from dq_gate.alerts.notify.apprise import Apprise, known_schemes
from dq_gate.errors import MissingExtraError, SettingsError

# apprise imports a module that Python deprecated
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

SECRET = "s3cr3t-t0k3n"


def error_of(word, **settings):
    with pytest.raises(SettingsError) as caught:
        open_recipients([word], **settings)
    return str(caught.value)


def test_an_address_without_severities_is_told_of_all():
    assert parse_address("stdout").severities == {"page", "ticket", "info"}


def test_severities_before_an_address_choose_its_alerts():
    address = parse_address("page,ticket=webhook+https://hooks.example/x?a=b,c=d")
    assert address.severities == {"page", "ticket"}
    assert address.endpoint().url == "https://hooks.example/x?a=b,c=d"


def test_an_equals_sign_within_an_address_is_no_severity():
    assert parse_address("webhook+https://hooks.example/?page=1").severities == {"page", "ticket", "info"}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("", "address 1: is no address; write stdout, command:"),
        ("://x", "is no address"),
        ("pgae=stdout", "no severity 'pgae'; did you mean 'page'? Allowed: info, page, ticket"),
        ("stdot", "no such notifier; did you mean 'stdout'?"),
        ("stdout:x", "stdout: takes no address"),
        ("comand:ls", "no such notifier; did you mean 'command'?"),
        ("webhok+https://h/", "no such notifier; did you mean 'webhook+https'?"),
        ("webhook://h/", "no such notifier; did you mean 'webhook+http'?"),
        ("alertmanager://h:9093", "no such notifier; did you mean 'alertmanager+http'?"),
        ("slak://a/b/c", "no such notifier; did you mean 'slack'?"),
        ("https://hooks.example/x", "what listens there? Write webhook+https://"),
        ("slack://", "slack: apprise does not understand this address"),
        ("command:", "names no program; write command:PROGRAM ARGS"),
        ("command:'ls", "has a quotation mark without its end"),
        ("command:/nowhere/dq-no-such-program -v", "no program 'dq-no-such-program' can be run"),
        ("webhook+https://", "has no host, or a fragment"),
        ("webhook+https://h/#part", "has no host, or a fragment"),
        ("webhook+https://h:port/", "has a broken host or port"),
        ("webhook+https://[::1/", "has a broken host or port"),
        ("webhook+https://h/a b", "holds a character that no address has"),
        ("webhook+https://h/\r\nx: y", "holds a character that no address has"),
        ("webhook+https://höst/", "holds a character that no address has"),
    ],
)  # fmt: skip
def test_a_wrong_address_is_one_precise_line(word, said):
    error = error_of(word)
    assert said in error
    assert error.startswith("notify: address 1: ")
    assert "\n" not in error


@pytest.mark.parametrize(
    "word",
    [
        f"slak://{SECRET}/b",
        f"slack://{SECRET}",
        f"{SECRET}",
        f"webhook+https://user:{SECRET}@h:{SECRET}/",
        f"webhook+https://user:{SECRET}@/",
        f"webhook+https://h/{SECRET} x",
        f"https://h/{SECRET}",
        f"command:nowhere-dq '{SECRET}",
        f"command:nowhere-dq {SECRET}",
    ],
)
def test_no_error_shows_a_secret(word):
    assert SECRET not in error_of(word)


@pytest.mark.parametrize(
    ("word", "begins"),
    [
        (
            f"webhook+https://user:{SECRET}@hooks.example:8443/{SECRET}?t={SECRET}",
            "webhook+https://hooks.example:8443#",
        ),
        (f"alertmanager+http://user:{SECRET}@[::1]:9093", "alertmanager+http://[::1]:9093#"),
        (f"command:{sys.executable} -c pass {SECRET}", f"command:{sys.executable.rpartition('/')[2]}#"),
        (f"json://{SECRET}/path", "json#"),
    ],
)
def test_a_name_is_the_same_in_every_run_and_shows_no_secret(word, begins):
    (first,), (second,) = (open_recipients([given]).notifiers for given in (word, "page=" + word))
    assert first.name == second.name
    assert first.name.startswith(begins)
    assert SECRET not in first.name + repr(first) + repr(parse_address(word)) + repr(vars(first).get("_endpoint"))


def test_names_tell_addresses_apart_that_differ_in_a_secret():
    first, second = open_recipients(["webhook+https://h/one", "webhook+https://h/two"]).notifiers
    assert first.name != second.name


@pytest.mark.parametrize(
    ("words", "printed"),
    [([], {"page", "ticket", "info"}), (["command:true"], {"page", "ticket", "info"}), (["page=stdout"], {"page"})],
)
def test_everything_is_printed_unless_severities_are_named(words, printed):
    assert open_recipients(words).printed == printed


def test_an_address_twice_is_refused():
    with pytest.raises(SettingsError, match=r"stdout stands there twice; name all its severities at once"):
        open_recipients(["page=stdout", "ticket=stdout"])
    with pytest.raises(SettingsError, match=r"command:true#\w{8} stands there twice"):
        open_recipients(["page=command:true", "command:true"])


def test_a_user_and_password_become_a_header_and_leave_the_address():
    endpoint = parse_address("webhook+https://us%40er:p%3Aw@h/x").endpoint()
    assert endpoint.url == "https://h/x"
    assert endpoint.authorization == "Basic dXNAZXI6cDp3"


def test_a_broken_webhook_secret_is_refused_without_showing_it():
    error = error_of("stdout", webhook_secret=f"raw whsec_{SECRET}!")
    assert error == "webhook_secret: secret 2 begins with whsec_ and is not base64 after it"


def test_without_apprise_its_addresses_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'dq-gate\[notify\]'"):
        open_recipients(["slack://a/b/c"])
    assert "did you mean 'webhook+https'" in error_of("webook+https://h/")


def test_no_scheme_of_apprise_is_taken_for_a_misspelling_of_ours():
    from difflib import get_close_matches

    assert [scheme for scheme in known_schemes("x") if get_close_matches(scheme, SCHEMES, cutoff=0.7)] == []


def test_everything_else_is_an_address_of_apprise():
    (notifier,) = open_recipients(["page=json://localhost:1/"]).notifiers
    assert isinstance(notifier, Apprise)
    assert notifier.severities == {"page"}
