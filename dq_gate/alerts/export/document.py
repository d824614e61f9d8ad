"""YAML as Prometheus reads it: expressions stand as blocks, comments first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from dq_gate.core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

_WIDTH = 4096
"""No line is folded: what is compared with `diff` and read in reviews keeps its lines."""


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as blocks, and repeats what is equal: Prometheus files have no anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's protocol
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def dump(document: dict[str, Any]) -> str:
    """A document as YAML, keys in the order given."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)


def commented(remarks: Iterable[str]) -> str:
    """Remarks as comment lines."""
    return "".join(f"# {printable(remark)}\n" for remark in remarks)
