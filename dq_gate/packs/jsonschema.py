"""The pack language as a JSON Schema, for editors that complete and check YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dq_gate.engines  # noqa: F401 - enters the engines in the catalogue
from dq_gate.checks import CATALOGUE
from dq_gate.packs.load import OPTION_FILES
from dq_gate.packs.schema import PackSpec, RuleSpec

if TYPE_CHECKING:
    from dq_gate.checks.base import Check


def pack_schema() -> dict[str, Any]:
    """The schema, draft 2020-12. What each check takes as options is part of it."""
    schema = PackSpec.model_json_schema(by_alias=True)
    definitions = schema["$defs"]
    rule = definitions["RuleSpec"]
    rule["properties"]["check"]["examples"] = sorted(CATALOGUE)
    rule["allOf"] = [_options_of(check, definitions) for _, check in sorted(CATALOGUE.items())]
    rule["additionalProperties"] = True
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "dq_gate rule pack", **schema}


def _options_of(check: Check, definitions: dict[str, Any]) -> dict[str, Any]:
    """A rule that names this check takes these options and no others; a check of a plugin is left alone."""
    options = check.options.model_json_schema()
    definitions.update(options.pop("$defs", {}))
    properties = options.get("properties", {})
    files = {name: {"type": "string"} for name, target in OPTION_FILES.items() if target in properties}
    own = {*RuleSpec.model_fields, *properties, *files}
    required = [name for name in options.get("required", []) if name not in OPTION_FILES.values()]
    then: dict[str, Any] = {"properties": {**properties, **files}, "propertyNames": {"enum": sorted(own)}}
    if required:
        then["required"] = required
    return {"if": {"properties": {"check": {"const": check.name}}, "required": ["check"]}, "then": then}
