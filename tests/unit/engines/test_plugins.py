"""Checks from other distributions: found by entry point, imported only when trusted, never in place of others."""

from __future__ import annotations

import importlib
import sys

import pytest

from dq_gate.checks import CATALOGUE
from dq_gate.core.decide import decide
from dq_gate.engines import plugins
from dq_gate.errors import PackError
from dq_gate.packs.compile import compile_pack

CHECK = """
from dq_gate.checks.base import Compiled, Options, check
from dq_gate.core.model import Finding

class EvenOptions(Options):
    but: int = 0

@check("{name}", EvenOptions, accepts=("int",), passes=(({{}}, 2),), fails=(({{}}, 3),))
def even(options: EvenOptions) -> Compiled:
    '''The number is even.'''
    return Compiled(lambda value: Finding("is odd") if value % 2 and value != options.but else None, None)
"""


@pytest.fixture(autouse=True)
def _catalogue_as_it_was():
    before = dict(CATALOGUE)
    yield
    CATALOGUE.clear()
    CATALOGUE.update(before)
    plugins._loaded.clear()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a distribution of one module, as pip would."""
    monkeypatch.syspath_prepend(tmp_path)

    def install_distribution(entry_points, code, *, module="bookshop_checks", distribution="bookshop"):
        (tmp_path / f"{module}.py").write_text(code)
        information = tmp_path / f"{distribution}-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = "\n".join(f"{name} = {value}" for name, value in entry_points.items())
        (information / "entry_points.txt").write_text(f"[dq_gate.checks]\n{lines}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)
        importlib.invalidate_caches()

    return install_distribution


@pytest.fixture
def load(tmp_path):
    def load_pack_with(check, *, trusted=("bookshop_checks",)):
        path = tmp_path / "pack.yaml"
        path.write_text(
            "pack: books\nversion: 1\nfields: {number: {type: int}}\n"
            f"rules:\n  - {{id: number.even, field: number, check: {check}, but: 7}}\n"
        )
        return compile_pack(path, trusted_packages=trusted)

    return load_pack_with


def test_a_plugins_check_is_used_by_its_name(install, load):
    install({"even": "bookshop_checks:even"}, CHECK.format(name="even"))
    pack = load("even")
    assert decide(pack.plan, {"number": 2}).outcome == "clean"
    assert decide(pack.plan, {"number": 7}).outcome == "clean"
    [violation] = decide(pack.plan, {"number": 3}).violations
    assert (violation.check, violation.message) == ("even", "is odd")


def test_a_plugin_that_is_not_trusted_is_not_imported(install, load):
    install({"even": "bookshop_checks:even"}, CHECK.format(name="even"))
    with pytest.raises(PackError, match=r"pack.yaml:5: rule number.even: check even of a plugin: .*trusted_packages"):
        load("even", trusted=("other",))
    assert "bookshop_checks" not in sys.modules


def test_a_plugin_that_another_pack_trusts_is_not_trusted_by_this_one(install, load):
    install({"even": "bookshop_checks:even"}, CHECK.format(name="even"))
    load("even")
    load("even")
    with pytest.raises(PackError, match="trusted_packages"):
        load("even", trusted=())


def test_a_check_that_no_plugin_brings_is_unknown(load):
    with pytest.raises(PackError, match="unknown check 'even'"):
        load("even")


def test_a_plugin_that_enters_no_check_of_the_name_is_refused(install, load):
    install({"even": "bookshop_checks:even"}, CHECK.format(name="odd"))
    with pytest.raises(PackError, match="bookshop_checks:even enters no check of that name with @check"):
        load("even")


def test_a_plugin_cannot_replace_a_builtin_check(install, load):
    builtin = CATALOGUE["range"]
    install({"even": "bookshop_checks:even"}, CHECK.format(name="even") + CHECK.format(name="range"))
    with pytest.raises(PackError, match="replaces other checks: range"):
        load("even")
    assert CATALOGUE["range"] is builtin


def test_an_entry_point_of_a_builtins_name_is_never_loaded(install, load):
    install({"range": "bookshop_checks:even"}, CHECK.format(name="range"))
    with pytest.raises(PackError, match="but"):  # the builtin check has no such option
        load("range")
    assert "bookshop_checks" not in sys.modules


def test_a_plugin_that_breaks_is_told_by_what_it_raised(install, load):
    install({"even": "bookshop_checks:even"}, "1 / 0")
    with pytest.raises(PackError, match="importing it raised ZeroDivisionError"):
        load("even")


def test_two_plugins_of_one_name_are_refused(install, load):
    install({"even": "bookshop_checks:even"}, CHECK.format(name="even"))
    install({"even": "library_checks:even"}, CHECK.format(name="even"), module="library_checks", distribution="library")
    with pytest.raises(PackError, match="several plugins: bookshop_checks:even, library_checks:even"):
        load("even")
