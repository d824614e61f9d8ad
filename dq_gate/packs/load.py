"""From a name or a path to a resolved pack: found, parsed, built on its bases. Errors name file, line and rule."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dq_gate.core.model import PackId
from dq_gate.errors import PackError, did_you_mean
from dq_gate.packs.context import digest
from dq_gate.packs.schema import CONSTRAINTS, FieldSpec, PackSpec, RuleSpec, UnknownFields
from dq_gate.packs.shipped import shipped_packs, shipped_path
from dq_gate.packs.yaml import Document, decode_utf8, load_yaml, read_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import ErrorDetails

_SHIPPED_NAME = re.compile(r"([a-z][a-z0-9_-]*)(?:@([0-9]+))?\Z")
OPTION_FILES = {"patterns_file": "patterns", "phrases_file": "phrases", "words_file": "words"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands."""

    path: Path
    line: int

    def error(self, reason: str, *, rule_id: str | None = None) -> PackError:
        """An error about what stands here."""
        return PackError(reason, path=self.path, line=self.line, rule_id=rule_id)


@dataclass(frozen=True, slots=True)
class ResolvedRule:
    """A rule as written, its option files read, and where it stands."""

    spec: RuleSpec
    options: dict[str, Any]
    place: Place


@dataclass(slots=True)
class ResolvedPack:
    """A pack with everything it builds on. Not compiled yet.

    Attributes:
        reference: Names the pack for good: a shipped name, or an absolute path.
        files: Digests of the files it was read from, by path.
        attachments: Digests of the files that its checks read while they were compiled, by path.
        unknown_fields: As a file says it; None when none does.
    """

    name: str
    version: int
    description: str
    path: Path
    reference: str = ""
    unknown_fields: UnknownFields | None = None
    fields: dict[str, tuple[FieldSpec, Place]] = field(default_factory=dict)
    rules: dict[str, ResolvedRule] = field(default_factory=dict)
    files: dict[Path, str] = field(default_factory=dict)
    attachments: dict[Path, str] = field(default_factory=dict)

    @property
    def on_unknown_fields(self) -> UnknownFields:
        """What a field that the pack does not name means."""
        return self.unknown_fields or "warn"

    @property
    def id(self) -> PackId:
        """Name, version and a digest of everything that decides a verdict; whole once the pack is compiled."""
        content = {
            "unknown_fields": self.on_unknown_fields,
            "fields": {
                name: spec.model_dump(mode="json", exclude={"description"}) for name, (spec, _) in self.fields.items()
            },
            "rules": [
                [rule.spec.model_dump(mode="json", exclude={"why", "examples", "shadow_until"}), rule.options]
                for rule in self.rules.values()
            ],
            "attachments": sorted(self.attachments.values()),
        }
        text = json.dumps(content, sort_keys=True, default=str)
        return PackId(self.name, self.version, digest(text.encode()))


def load_pack(reference: str | Path) -> ResolvedPack:
    """Find, read and resolve a pack.

    Args:
        reference: A shipped pack's name, `name@version`, or a path to a YAML file.

    Raises:
        PackError: with file, line and rule id, and what is allowed instead.
    """
    path, version = _find(reference, base=Path())
    pack = _resolve(path, trail=())
    is_shipped = isinstance(reference, str) and _SHIPPED_NAME.match(reference)
    pack.reference = str(reference if is_shipped else path.absolute())
    if version is not None and pack.version != version:
        raise PackError(f"is at version {pack.version}, not {version}", path=path)
    return pack


def _find(reference: str | Path, *, base: Path, place: Place | None = None) -> tuple[Path, int | None]:
    """The file of a pack, and the version asked for; `place` is where the reference stands."""
    shipped = _SHIPPED_NAME.match(reference) if isinstance(reference, str) else None
    if shipped:
        name, version = shipped.groups()
        if name not in shipped_packs():
            reason = f"no shipped pack {name!r}{did_you_mean(name, shipped_packs())}, or a path to a YAML file"
            raise place.error(reason) if place else PackError(reason)
        return shipped_path(name), int(version) if version else None
    path = base / reference
    if not path.is_file():
        reason = f"no such pack file; name a YAML file or a shipped pack: {', '.join(shipped_packs())}"
        raise place.error(f"{reference}: {reason}") if place else PackError(reason, path=path)
    return path, None


def _resolve(path: Path, trail: tuple[Path, ...]) -> ResolvedPack:
    raw = read_file(path)
    document = load_yaml(decode_utf8(raw, path=path), path=path)
    spec = _parse(document, path)
    pack = ResolvedPack(spec.pack, spec.version, spec.description, path, files={path: digest(raw)})
    trail = (*trail, path.resolve())
    for index, reference in enumerate(spec.extends):
        _extend(pack, reference, Place(path, document.line("extends", index)), trail)
    _drop(pack, spec.disable, Place(path, document.line("disable")))
    _add_own(pack, spec, document)
    return pack


def _extend(pack: ResolvedPack, reference: str, place: Place, trail: tuple[Path, ...]) -> None:
    """Build a pack on another one."""
    path, version = _find(reference, base=place.path.parent, place=place)
    if path.resolve() in trail:
        raise place.error(f"extends {reference}, which is this pack, or builds on it")
    base = _resolve(path, trail)
    if version is not None and base.version != version:
        raise place.error(f"extends {reference}, which is at version {base.version}")
    _inherit(pack, base)


def _inherit(pack: ResolvedPack, parent: ResolvedPack) -> None:
    pack.unknown_fields = parent.unknown_fields or pack.unknown_fields
    pack.fields |= parent.fields
    pack.rules |= parent.rules
    pack.files |= parent.files


def _drop(pack: ResolvedPack, rule_ids: Iterable[str], place: Place) -> None:
    constraints = _constraints(pack)
    for rule_id in rule_ids:
        if rule_id in pack.rules:
            del pack.rules[rule_id]
        elif rule_id in constraints:
            name, change = constraints[rule_id]
            spec, _ = pack.fields[name]
            pack.fields[name] = (spec.model_copy(update=change), place)
        else:
            known = (*pack.rules, *constraints)
            raise place.error(f"disable: no inherited rule {rule_id!r}{did_you_mean(rule_id, known)}")


def _constraints(pack: ResolvedPack) -> dict[str, tuple[str, dict[str, Any]]]:
    """The fields' constraints by rule id: the field, and the change to it that drops the constraint."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for name, (spec, _) in pack.fields.items():
        if spec.is_required:
            found[f"field.{name}.required"] = (name, {"required": False})
        for key in CONSTRAINTS:
            if getattr(spec, key) is not None:
                found[f"field.{name}.{key}"] = (name, {key: None})
    return found


def _add_own(pack: ResolvedPack, spec: PackSpec, document: Document) -> None:
    if spec.unknown_fields is not None:
        pack.unknown_fields = spec.unknown_fields
    for name, field_spec in spec.fields.items():
        pack.fields[name] = (field_spec, Place(pack.path, document.line("fields", name)))
    first_line: dict[str, int] = {}
    for index, rule in enumerate(spec.rules):
        place = Place(pack.path, document.line("rules", index))
        if rule.id in first_line:
            raise place.error(f"repeats the id of line {first_line[rule.id]}", rule_id=rule.id)
        first_line[rule.id] = place.line
        pack.rules[rule.id] = ResolvedRule(rule, _read_option_files(rule, place, pack.files), place)


def _read_option_files(rule: RuleSpec, place: Place, files: dict[Path, str]) -> dict[str, Any]:
    """The rule's options, those kept in files (`patterns_file`) read in; notes the files."""
    options = dict(rule.options)
    for key, target in OPTION_FILES.items():
        if key not in options:
            continue
        name = options.pop(key)
        if not isinstance(name, str):
            raise place.error(f"{key} must be a path", rule_id=rule.id)
        if target in options:
            raise place.error(f"{key} and {target} exclude each other", rule_id=rule.id)
        path = place.path.parent / name
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise place.error(f"{path.name}: cannot be read: {error.strerror}", rule_id=rule.id) from None
        files[path] = digest(raw)
        options[target] = _lines(raw, path, place, rule.id)
    return options


def _lines(raw: bytes, path: Path, place: Place, rule_id: str) -> list[str]:
    lines = (line.strip() for line in decode_utf8(raw, path=path).split("\n"))
    kept = [line for line in lines if line and not line.startswith("#")]
    if not kept:
        raise place.error(f"{path.name}: holds no expression", rule_id=rule_id)
    return kept


def _parse(document: Document, path: Path) -> PackSpec:
    if not isinstance(document.value, dict):
        raise PackError("is no pack: a mapping with pack, version, fields and rules is expected", path=path, line=1)
    try:
        return PackSpec.model_validate(document.value)
    except ValidationError as error:
        raise _pack_error(first_problem(error), document, path) from None


def _pack_error(problem: ErrorDetails, document: Document, path: Path) -> PackError:
    """Say a pydantic problem in a pack author's terms."""
    location = tuple(part for part in problem["loc"] if part != "function-after")
    return PackError(
        describe_problem(problem, model_at(location)),
        path=path,
        line=document.line(*location),
        rule_id=_rule_id_at(document.value, location),
    )


def first_problem(error: ValidationError) -> ErrorDetails:
    """The problem to tell: a misspelt key before the one that it leaves missing."""
    problems = error.errors(include_url=False, include_input=False)
    return min(problems, key=lambda problem: problem["type"] != "extra_forbidden")


def describe_problem(problem: ErrorDetails, model_fields: Iterable[str]) -> str:
    """One pydantic problem in a line: where, what is wrong, what is allowed.

    Args:
        problem: As pydantic reports it.
        model_fields: Keys allowed where it occurred, for unknown ones.
    """
    key = str(problem["loc"][-1]) if problem["loc"] else ""
    where = ".".join(str(part) for part in problem["loc"] if not isinstance(part, int)) or "the file"
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r}{did_you_mean(key, model_fields)}"
    if problem["type"] == "missing":
        return f"{key} is missing"
    if problem["type"] == "value_error" and not problem["loc"]:
        return str(problem["ctx"]["error"])
    message = problem["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    return message if key == "[key]" else f"{where}: {message}"


def model_at(location: tuple[int | str, ...]) -> Iterable[str]:
    """Keys allowed at a place of a pack file."""
    match location:
        case ("fields", _, _, *_):
            return FieldSpec.model_fields
        case ("rules", _, "examples", *_):
            return ("pass", "fail")
        case ("rules", _, *_):
            return RuleSpec.model_fields
        case _:
            return PackSpec.model_fields


def _rule_id_at(value: Any, location: tuple[int | str, ...]) -> str | None:
    match location:
        case ("rules", int(index), *_):
            rule = value["rules"][index]
            rule_id = rule.get("id") if isinstance(rule, dict) else None
            return rule_id if isinstance(rule_id, str) else None
        case _:
            return None
