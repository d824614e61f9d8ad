"""The process that judges windows: `python -m dq_gate.gate.drift_judge`, fed by `DriftWatch` through a pipe.

It reads lengths and pickles from its own parent, answers a line of JSON to each, and ends when the pipe does.
"""

from __future__ import annotations

import os
import pickle
import sys
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from typing import IO

    from dq_gate.checks.base import FrameJudge
    from dq_gate.packs.compile import CompiledPack


def main() -> None:
    """Serve one parent."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print must not be taken for an answer
    start = _read(sys.stdin.buffer)
    if start is None:
        return
    sys.path[:] = start["path"]
    os.nice(10)
    pack: CompiledPack | None = None
    while (request := _read(sys.stdin.buffer)) is not None:
        if pack is None or pack.id.digest != request["digest"]:
            pack = _load(start)
        answers.write(orjson.dumps(_examine(pack, request)) + b"\n")


def _read(pipe: IO[bytes]) -> Any:
    """The next thing the parent says, or None when it is gone."""
    head = pipe.read(8)
    if len(head) < 8:  # noqa: PLR2004 - a length has eight bytes
        return None
    return pickle.loads(pipe.read(int.from_bytes(head, "big")))  # noqa: S301 - from this process's own parent


def _load(start: dict[str, Any]) -> CompiledPack | None:
    from dq_gate.errors import ConfigurationError
    from dq_gate.packs.compile import compile_pack

    try:
        return compile_pack(
            start["reference"], max_bytes=start["max_bytes"], trusted_packages=start["trusted_packages"]
        )
    except ConfigurationError:
        return None


def _examine(pack: CompiledPack | None, request: dict[str, Any]) -> list[dict[str, Any]]:
    if pack is None or pack.id.digest != request["digest"]:
        return [{"rule_id": rule_id, "error": "PackChanged"} for rule_id in request["rules"]]
    from dq_gate.packs.table import table_of

    frame = table_of(pack, request["records"])
    begin = {rule.rule.id: rule.begin for rule in pack.frame_rules}
    return [_answer(rule_id, begin[rule_id](), frame) for rule_id in request["rules"]]


def _answer(rule_id: str, judge: FrameJudge, frame: Any) -> dict[str, Any]:
    try:
        rows = judge.look(frame)
        whole = judge.end()
    except Exception as error:  # noqa: BLE001 - reported by name, and the rule counts as failing
        return {"rule_id": rule_id, "error": type(error).__name__}
    if whole is not None:
        return {"rule_id": rule_id, "message": whole.message}
    if rows:
        first = next(iter(rows.values()))
        return {"rule_id": rule_id, "message": f"{len(rows)} of {frame.height} inputs: {first.message}"}
    return {"rule_id": rule_id, "message": None}


if __name__ == "__main__":
    main()
