"""What a check may ask of its pack: trusted code, and files beside it."""

from __future__ import annotations

import sys

import pytest

from dq_gate.packs.context import PackContext, digest


@pytest.fixture
def context(tmp_path):
    return PackContext(None, {}, tmp_path, ("shop.rules", "json"), {})


@pytest.fixture
def broken_module(tmp_path, monkeypatch):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/rules.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shop", raising=False)


def test_code_of_a_trusted_package_is_found(context):
    assert context.load("json.decoder:JSONDecoder.decode").__name__ == "decode"


@pytest.mark.parametrize("reference", ["os:system", "jsonx:loads", "shop:main", "shop.rulesets:main", ".json:loads"])
def test_code_of_any_other_package_is_not_imported(context, reference):
    with pytest.raises(ValueError, match=r"`trusted_packages` \(now: shop.rules, json\) does not name it"):
        context.load(reference)


@pytest.mark.parametrize("reference", ["json", "json:", ":loads", ""])
def test_a_reference_without_module_or_name_is_refused(context, reference):
    with pytest.raises(ValueError, match=r"package\.module:name"):
        context.load(reference)


def test_a_name_that_is_not_there_is_told(context):
    with pytest.raises(ValueError, match="json:lods: module 'json' has no attribute 'lods'"):
        context.load("json:lods")


def test_code_that_breaks_when_imported_is_told(context, broken_module):
    with pytest.raises(ValueError, match=r"shop.rules:check: importing it raised ZeroDivisionError"):
        context.load("shop.rules:check")


def test_code_that_ends_the_interpreter_when_imported_is_told(context, monkeypatch):
    def leave(_: str) -> None:
        raise SystemExit(3)

    monkeypatch.setattr("dq_gate.packs.context.import_module", leave)
    with pytest.raises(ValueError, match=r"shop.rules:check: importing it raised SystemExit: 3"):
        context.load("shop.rules:check")


def test_a_file_that_is_read_is_noted_with_its_digest(context, tmp_path):
    (tmp_path / "suite.json").write_bytes(b"{}")
    assert context.read("suite.json") == b"{}"
    assert context.files == {tmp_path / "suite.json": digest(b"{}")}


@pytest.mark.parametrize("name", ["missing.json", "nul\0", "."])
def test_a_file_that_cannot_be_read_is_told_by_name(context, name):
    with pytest.raises(ValueError, match="cannot be read"):
        context.read(name)
    assert context.files == {}
