"""Packs made without files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq_gate.packs.compile import DEFAULT_MAX_BYTES, compile_resolved
from dq_gate.packs.load import Place, ResolvedPack, ResolvedRule
from dq_gate.packs.schema import FieldSpec, RuleSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dq_gate.packs.compile import CompiledPack
    from dq_gate.packs.schema import UnknownFields

HERE = Place(Path("test.yaml"), 1)


def make_pack(
    fields: Mapping[str, dict[str, Any]],
    rules: Iterable[dict[str, Any]] = (),
    *,
    unknown_fields: UnknownFields = "warn",
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> CompiledPack:
    """A pack of fields and rules, written as in YAML."""
    pack = ResolvedPack("test", 1, "", HERE.path, unknown_fields=unknown_fields)
    pack.fields = {name: (FieldSpec.model_validate(spec), HERE) for name, spec in fields.items()}
    specs = [RuleSpec.model_validate(rule) for rule in rules]
    pack.rules = {spec.id: ResolvedRule(spec, spec.options, HERE) for spec in specs}
    return compile_resolved(pack, max_bytes=max_bytes)
