"""Checks that other distributions bring, by the entry point group `dq_gate.checks`.

An entry point is called as its check is, and stands for the function that `@check` entered in the catalogue:

    [project.entry-points."dq_gate.checks"]
    isbn = "bookshop.checks:isbn"
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from dq_gate.checks import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate.checks.base import Check

GROUP = "dq_gate.checks"
_loaded: dict[str, str] = {}
"""Checks that came from plugins, and where each is: a pack that does not trust a plugin does not get its check because
another pack did."""


def find_check(name: str, load: Callable[[str], Any]) -> Check | None:
    """The check of this name: from the catalogue, or else from an installed plugin.

    Args:
        name: As a pack says it.
        load: Imports `package.module:name`, if the package is trusted; see `dq_gate.checks.base.Context.load`.

    Returns:
        The check, or None when nobody brings one of this name.

    Raises:
        ValueError: a plugin has it, but is not trusted, does not work, or is not the only one.
    """
    if name in CATALOGUE and name not in _loaded:
        return CATALOGUE[name]
    reference = _loaded.get(name) or _reference(name)
    if reference is None:
        return None
    before = dict(CATALOGUE)
    try:
        load(reference)
    except ValueError as error:
        raise ValueError(f"check {name} of a plugin: {error}") from None
    _refuse_changes(before, reference)
    if name not in CATALOGUE:
        raise ValueError(f"check {name} of a plugin: {reference} enters no check of that name with @check")
    _loaded[name] = reference
    return CATALOGUE[name]


def _reference(name: str) -> str | None:
    """What the entry point of this name stands for."""
    references = sorted({entry.value for entry in entry_points(group=GROUP, name=name)})
    if len(references) > 1:
        raise ValueError(f"check {name} is brought by several plugins: {', '.join(references)}; uninstall all but one")
    return references[0] if references else None


def _refuse_changes(before: dict[str, Check], reference: str) -> None:
    """Undo and refuse the loading of a plugin that put checks of its own in the place of others."""
    changed = sorted(name for name, check in before.items() if CATALOGUE.get(name) is not check)
    if changed:
        CATALOGUE.update(before)
        raise ValueError(f"{reference} is a plugin that replaces other checks: {', '.join(changed)}")
