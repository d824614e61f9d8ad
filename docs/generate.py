"""Writes the reference pages that are generated from the code: `make docs`. A test holds the pages to this."""

from __future__ import annotations

import inspect
import json
import os
import re
from dataclasses import fields
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic.fields import FieldInfo

    from dq_gate.checks.base import Check

REFERENCE = Path(__file__).parent / "reference"
_MADE = "<!-- Made by `make docs` from the code; edit the code, not this page. -->\n"


def pages() -> dict[str, str]:
    """Every generated page's text, by file name."""
    return {
        "alerts.md": alerts(),
        "alerts.schema.json": alert_language(),
        "checks.md": checks(),
        "cli.md": cli(),
        "dashboard.json": grafana(),
        "events.md": events(),
        "events.schema.json": event_lines(),
        "metrics.md": metrics(),
        "pack.schema.json": pack_language(),
        "packs.md": packs(),
        "settings.md": settings(),
    }


def pack_language() -> str:
    """The JSON Schema that editors complete and check packs by."""
    from dq_gate.packs.jsonschema import pack_schema

    return json.dumps(pack_schema(), indent=2, ensure_ascii=False) + "\n"


def event_lines() -> str:
    """The JSON Schema of event lines."""
    from dq_gate.events.schema import event_schema

    return json.dumps(event_schema(), indent=2, ensure_ascii=False) + "\n"


def grafana() -> str:
    """The dashboard that Grafana imports."""
    from dq_gate.signals.dashboard import dashboard

    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


def metrics() -> str:
    """The metrics catalogue."""
    from dq_gate.signals.metrics import METRICS

    parts = [
        "# Metrics",
        _MADE,
        (
            "What the setting `metrics` offers to Prometheus; see [Measure with Prometheus]"
            "(../how-to/measure-with-prometheus.md). Label values come from settings, packs and the event catalogue, "
            "never from an input, and a metric has at most 1,000 series in a process; what would be more is counted "
            "with the label values `other`."
        ),
    ]
    for metric in METRICS:
        labels = ", ".join(map(_code, metric.labels))
        parts += [f"## {metric.name}", f"{metric.help} A {metric.kind} by {labels}."]
        if metric.buckets:
            parts.append(f"Buckets up to {', '.join(f'{bound:g}' for bound in metric.buckets)} s.")
        if metric.kind == "gauge":
            parts.append(f"Over the processes of a fleet: {_ACROSS[metric.across]}.")
    return _join(parts)


_ACROSS = {
    "livesum": "the sum of those that live",
    "livemax": "the highest of those that live",
    "livemostrecent": "what was set last by one that lives",
}


def alert_language() -> str:
    """The JSON Schema that editors complete and check alert files by."""
    from dq_gate.alerts.jsonschema import alerts_schema

    return json.dumps(alerts_schema(), indent=2, ensure_ascii=False) + "\n"


def alerts() -> str:
    """The alert language: a page written by hand, whose tables between marks are made."""
    from dq_gate.alerts.load import load_rules
    from dq_gate.alerts.rules import KINDS, BurnWindow, EventSpec
    from dq_gate.alerts.rules.base import Mute, Rule

    models: dict[str, type[BaseModel]] = {"every kind": Rule, "mute": Mute, "example": EventSpec}
    models |= {**KINDS, "burn_rate window": BurnWindow}
    shipped = [
        (f"`{rule.name}`", rule.severity, rule.summary or "", _runbook(rule.runbook or "")) for rule in load_rules()
    ]
    tables = {"shipped": _table(("alert", "severity", "fires when", "runbook"), shipped)}
    common = {f"`{info.alias or name}`" for name, info in Rule.model_fields.items()}

    for name, model in models.items():
        known = common if issubclass(model, Rule) and model is not Rule else set[str]()
        rows = [row for row in _options(model) if row[0] not in known]
        tables[name] = _table(("key", "type", "default", "meaning"), rows)

    def made(mark: re.Match[str]) -> str:
        return f"<!-- made: {mark[1]} -->\n{tables.pop(mark[1])}\n<!-- end -->"

    text = (REFERENCE / "alerts.md").read_text(encoding="utf-8")
    page = re.sub(r"<!-- made: ([a-z_ ]+) -->\n(?:(?!<!--).*\n)*<!-- end -->", made, text)
    assert not tables, f"alerts.md has no mark for {', '.join(tables)}"
    return page


def _runbook(path: str) -> str:
    return f"[{Path(path).stem}](../{path.removeprefix('docs/')})"


def checks() -> str:
    """The builtin checks."""
    import dq_gate.engines  # noqa: F401 - enters the engines in the catalogue
    from dq_gate.checks import CATALOGUE

    parts = [
        "# Checks",
        _MADE,
        (
            "A rule names a check, and the check's options stand beside the rule's own keys. A check runs on both "
            "planes, single records and frames, with the same verdict, unless its entry says otherwise. On a field of "
            "type `list[str]` a check of text judges each item. The samples of a check that needs many rows are "
            "batches: lists of a field's values, or of records."
        ),
    ]
    for name, check in sorted(CATALOGUE.items()):
        text, meanings = _without_options(inspect.cleandoc(check.compile.__doc__ or ""))
        parts += [f"## {name}", text, _place(check)]
        if check.options.model_fields:
            parts.append(_table(("option", "type", "default", "meaning"), _options(check.options, meanings)))
        if check.repairs:
            parts.append("Repairs: " + "; ".join(f"`{repair}`" for repair in check.repairs) + ".")
        if check.passes:  # what an engine passes is its users' business
            passes = ", ".join(_sample(*sample) for sample in check.passes)
            fails = ", ".join(_sample(*sample) for sample in check.fails)
            parts.append(f"Passes: {passes}. Fails: {fails}.")
    return _join(parts)


def _place(check: Check) -> str:
    """What a check's rules are about, and where they run if not everywhere."""
    kinds = ", ".join(f"`{kind}`" for kind in sorted(check.accepts))
    about = {
        "field": f"Field types: {kinds}.",
        "record": "About the whole record: its rules name no field.",
        "either": f"Field types: {kinds}; also about the whole record, in rules that name no field.",
    }[check.subject]
    return about if len(check.planes) > 1 else f"{about} Runs on the {check.planes[0]} plane only."


def _without_options(docstring: str) -> tuple[str, dict[str, str]]:
    """A check's docstring without its section on options, and that section by option."""
    before, _, section = docstring.partition("\nOptions:\n")
    block, _, after = section.partition("\n\n")
    return f"{before}\n{after}".strip(), _entries(block)


def _entries(block: str) -> dict[str, str]:
    """The entries of an indented docstring section: name and meaning."""
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", block, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def _sample(options: dict[str, Any], value: Any) -> str:
    text = _code(ascii(value))
    return f"{text} with {_code(', '.join(f'{key}: {item!r}' for key, item in options.items()))}" if options else text


def packs() -> str:
    """The pack language."""
    from dq_gate.packs.schema import Examples, FieldSpec, PackSpec, RuleSpec

    return _join(
        [
            "# Rule packs",
            _MADE,
            (
                "A pack is a YAML file (1.2, core schema). Only `true` and `false` are booleans; dates, octal, "
                "hexadecimal and sexagesimal numbers are strings; a duplicate key, an unknown key, a tag or an alias "
                "bomb is an error. "
                "A pack is named by a shipped name (`query`), a name at a version (`query@1`), or a path."
            ),
            "## The file",
            _table(("key", "type", "default", "meaning"), _options(PackSpec)),
            "## Fields",
            inspect.cleandoc(FieldSpec.__doc__ or ""),
            (
                "`type` is one of `str`, `int`, `float`, `bool`, `datetime`, `list[str]`, `vector`, `object`, `any`. "
                "Missing, None, NaN and an empty CSV cell are null: a required field fails, rules on another are "
                "skipped."
            ),
            _table(("key", "type", "default", "meaning"), _options(FieldSpec)),
            "## Rules",
            inspect.cleandoc(RuleSpec.__doc__ or "")
            + " The option `patterns_file` names a file beside the pack that holds one expression a line, with `#` "
            "comments, in UTF-8; it stands for `patterns`.",
            _table(("key", "type", "default", "meaning"), _options(RuleSpec)),
            "### Examples",
            inspect.cleandoc(Examples.__doc__ or ""),
            _table(("key", "type", "default", "meaning"), _options(Examples)),
            "## Rules that every pack has",
            _table(
                ("rule", "fails when"),
                [
                    ("`record.type`", "the record is no mapping of fields"),
                    ("`record.size`", "it is larger than the setting `max_input_bytes`; no other rule is run"),
                    ("`record.fields.known`", "it has fields that the pack does not name (`unknown_fields`)"),
                    ("`record.syntax`", "a line of a file is no record at all"),
                    ("`field.<name>.required`", "a required field is null"),
                    ("`field.<name>.type`", "a value is not of the field's type"),
                    ("`field.<name>.ge` and so on", "a value breaks a constraint of the field"),
                ],
            ),
        ]
    )


def settings() -> str:
    """The settings."""
    from dq_gate.settings import Settings

    doc = inspect.getdoc(inspect.getmodule(Settings)) or ""
    return _join(
        [
            "# Settings",
            _MADE,
            doc.partition("\n\n")[2],
            '```toml\n# dq_gate.toml\nquarantine = "redis://localhost:6379/0"\nsource = "support-bot"\n```',
            _table(("setting", "type", "default", "meaning"), _options(Settings)),
        ]
    )


def events() -> str:
    """The event catalogue."""
    from dq_gate.events import CATALOGUE, CONTEXT_FIELDS
    from dq_gate.events.schema import documented

    parts = [
        "# Events",
        _MADE,
        (
            "One JSON object a line, in printable ASCII, under 8 KiB. No event carries an input's content, nor a name "
            "that an input chose. A field without a value is left out. [JSON Schema](events.schema.json) of it all, "
            "which `dq-gate signals schema` prints too."
        ),
        "## Fields of every event",
        _table(("field", "meaning"), [(f"`{name}`", meaning) for name, meaning in CONTEXT_FIELDS.items()]),
    ]
    for name, event in CATALOGUE.items():
        summary, described = documented(event)
        parts += [f"## {name}", f"{summary} Level: {event.level}."]
        if described:
            rows = [(f"`{field.name}`", described[field.name]) for field in fields(event)]
            parts.append(_table(("field", "meaning"), rows))
    return _join(parts)


def cli() -> str:
    """The command line, as its own help says it."""
    parts = [
        "# Command line",
        _MADE,
        (
            "Exit codes everywhere: 0 fine; 1 findings (something failed a rule, an alert fired); 2 usage or "
            "configuration; "
            "3 a backend is unavailable; 70 a defect of dq_gate. Everything that lists or reports takes "
            "`--format table|json|jsonl`."
        ),
    ]
    for path in _commands():
        parts += [f"## {' '.join(('dq-gate', *path))}", f"```text\n{_help(path)}\n```"]
    return _join(parts)


def _commands() -> Iterator[tuple[str, ...]]:
    from typer.main import get_command

    from dq_gate.cli.app import app

    yield ()
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]  # the root is a group
        yield (name,)
        for child in getattr(command, "commands", {}):
            yield (name, child)


def _help(path: tuple[str, ...]) -> str:
    from typer.testing import CliRunner

    from dq_gate.cli.app import app

    environment = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
    result = CliRunner().invoke(app, [*path, "--help"], env=environment, prog_name="dq-gate")
    assert result.exit_code == 0, result.output
    return "\n".join(line.rstrip() for line in result.output.strip("\n").splitlines())


def _options(model: type[BaseModel], meanings: dict[str, str] | None = None) -> list[tuple[str, ...]]:
    return [
        (
            f"`{info.alias or name}`",
            _named(info.metadata) or _type(info.annotation),
            _default(info),
            info.description or (meanings or {})[name],
        )
        for name, info in model.model_fields.items()
    ]


def _named(metadata: Iterable[Any]) -> str | None:
    """What a type is called whose values are parsed from words of their own."""
    names = {"parse_duration": "duration", "parse_clause": "clause", "parse_whole": "`inputs` or clause"}
    names["parse_time_of_day"] = "time of day"
    parsers = (getattr(getattr(one, "func", None), "__name__", "") for one in metadata)
    return next((names[parser] for parser in parsers if parser in names), None)


def _type(annotation: Any) -> str:
    """A type in a reader's words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _named(arguments[1:]) or _type(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(_type(argument) for argument in arguments if argument is not NoneType)
    if origin is Literal:
        return ", ".join(f"`{argument}`" for argument in arguments)
    if origin in (list, tuple):
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"{_type(arguments[1])} by name"
    return {"Path": "path", "Any": "any value"}.get(annotation.__name__, f"{annotation.__name__}")


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    default = info.get_default(call_default_factory=True, validated_data={})
    if default is None or isinstance(default, BaseModel) or default in ([], {}, (), ""):
        return "none"
    if isinstance(default, tuple):
        return ", ".join(_code(str(item)) for item in default)
    return _code(str(default).lower() if isinstance(default, bool) else str(default))


def _code(text: str) -> str:
    return f"`{text}`" if "`" not in text else f"`` {text} ``"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _join(parts: list[str]) -> str:
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


if __name__ == "__main__":
    os.environ.pop("COLUMNS", None)
    for file_name, text in pages().items():
        (REFERENCE / file_name).write_text(text, encoding="utf-8")
