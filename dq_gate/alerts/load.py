"""From a YAML file to alert rules, or to one precise error: file, line, alert, what is allowed instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import BaseModel, ValidationError

from dq_gate.alerts.problems import problems, problems_between
from dq_gate.alerts.rules import KINDS, AlertRule, BurnWindow, Examples
from dq_gate.alerts.rules.base import Mute
from dq_gate.errors import AlertRuleError, PackError, did_you_mean
from dq_gate.packs.context import digest
from dq_gate.packs.load import describe_problem
from dq_gate.packs.shipped import shipped_path
from dq_gate.packs.yaml import Document, load_yaml, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dq_gate.alerts.problems import Keys

PACK_NAME = r"[a-z0-9][a-z0-9._-]{0,63}"
_PACK_NAME = re.compile(PACK_NAME + r"\Z")
_NESTED: dict[str, type[BaseModel]] = {"examples": Examples, "mute": Mute, "windows": BurnWindow}


@dataclass(frozen=True, slots=True)
class AlertPack:
    """The rules of one file.

    Attributes:
        name: What its state, its lease and its history are kept under.
        rules: The rules, in the file's order.
        digest: Hash of all that the rules say.
    """

    name: str
    rules: tuple[AlertRule, ...]
    digest: str


def load_pack(path: Path | None = None) -> AlertPack:
    """Read an alert rule file.

    Args:
        path: The file; None means the rules that travel with dq_gate.

    Raises:
        AlertRuleError: the file cannot be read, or a rule in it cannot be used.
    """
    file = path or shipped_path("alerts")
    try:
        document = read_yaml(file)
    except PackError as error:
        raise AlertRuleError(str(error)) from None
    rules = _parse_document(document, file)
    return AlertPack(_pack_name(document, file), rules, _digest(rules))


def load_rules(path: Path | None = None) -> tuple[AlertRule, ...]:
    """Read the rules of an alert rule file.

    Args:
        path: The file; None means the rules that travel with dq_gate.

    Raises:
        AlertRuleError: the file cannot be read, or a rule in it cannot be used.
    """
    return load_pack(path).rules


def parse_rules(text: str, *, path: Path | str = "alerts.yaml") -> tuple[AlertRule, ...]:
    """Parse the text of an alert rule file.

    Args:
        text: YAML.
        path: Where it came from, for errors.

    Raises:
        AlertRuleError: a rule cannot be used.
    """
    try:
        document = load_yaml(text, path=path)
    except PackError as error:
        raise AlertRuleError(str(error)) from None
    return _parse_document(document, path)


def _pack_name(document: Document, file: Path) -> str:
    name = document.value.get("pack")
    if name is None and not _PACK_NAME.match(file.stem):
        raise AlertRuleError(f"{file}:1: the file's name is no name for a pack; write `pack: NAME` in it")
    return str(name) if name is not None else file.stem


def _digest(rules: tuple[AlertRule, ...]) -> str:
    said = [rule.model_dump(mode="json") for rule in rules]
    return digest(orjson.dumps(said, option=orjson.OPT_SORT_KEYS))


def _parse_document(document: Document, path: Path | str) -> tuple[AlertRule, ...]:
    value = document.value
    raws = value.get("alerts") if isinstance(value, dict) else None
    if not isinstance(raws, list) or not raws:
        raise AlertRuleError(f"{path}:{document.line('alerts')}: is no alert file: a list `alerts` is expected")
    for key in sorted(value.keys() - {"pack", "alerts"}):
        reason = f"unknown key {key!r}{did_you_mean(key, ['pack', 'alerts'])}"
        raise AlertRuleError(f"{path}:{document.line(key)}: {reason}")
    name = value.get("pack", "alerts")
    if not isinstance(name, str) or not _PACK_NAME.match(name):
        reason = "pack must be 1 to 64 of the characters a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit"
        raise AlertRuleError(f"{path}:{document.line('pack')}: {reason}")
    return _parse_rules(raws, document, path)


def _parse_rules(raws: list[Any], document: Document, path: Path | str) -> tuple[AlertRule, ...]:
    rules: dict[str, AlertRule] = {}
    places: dict[str, _Place] = {}
    for index, raw in enumerate(raws):
        place = _Place(document, path, index, raw)
        rule = _parse_rule(raw, place)
        if rule.name in rules:
            raise place.error(("name",), "this name stands twice")
        rules[rule.name], places[rule.name] = rule, place
    for name, keys, reason in problems_between(rules):
        raise places[name].error(keys, reason)
    return tuple(rules.values())


class _Place:
    """Where an alert stands in its file."""

    def __init__(self, document: Document, path: Path | str, index: int, raw: Any) -> None:
        self._document = document
        self._path = path
        self._index = index
        name = raw.get("name") if isinstance(raw, dict) else None
        self._alert = f"alert {name}" if isinstance(name, str) else f"alert number {index + 1}"

    def error(self, keys: Keys, reason: str) -> AlertRuleError:
        """An error about the node under these keys, or the nearest that exists."""
        line = self._document.line("alerts", self._index, *keys)
        return AlertRuleError(f"{self._path}:{line}: {self._alert}: {reason}")


def _parse_rule(raw: Any, place: _Place) -> AlertRule:
    if not isinstance(raw, dict):
        raise place.error((), "a mapping with name, kind, where, within and severity is expected")
    kind = str(raw.get("kind"))
    if kind not in KINDS:
        raise place.error(("kind",), f"unknown kind {kind!r}{did_you_mean(kind, KINDS)}")
    try:
        rule = KINDS[kind].model_validate(raw)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        raise place.error(problem["loc"], describe_problem(problem, _keys_at(KINDS[kind], problem["loc"]))) from None
    for keys, reason in problems(rule):
        raise place.error(keys, reason)
    return rule


def _keys_at(model: type[AlertRule], keys: Keys) -> Iterable[str]:
    """Keys allowed at a place of a rule."""
    place = _NESTED.get(str(keys[0]), model) if len(keys) > 1 else model
    return [field.alias or name for name, field in place.model_fields.items()]
