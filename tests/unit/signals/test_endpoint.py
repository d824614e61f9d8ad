"""An address is taken as it is written."""

from __future__ import annotations

import socket

import pytest

from dq_gate.signals.endpoint import place_of


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (":9464", (socket.AF_INET, ("0.0.0.0", 9464))),
        ("127.0.0.1:80", (socket.AF_INET, ("127.0.0.1", 80))),
        ("[::1]:9464", (socket.AF_INET6, ("::1", 9464))),
    ],
)
def test_an_address_is_a_place_to_listen_at(address, place):
    assert place_of(address) == place
