"""Batch rules at work on requests: windows of admitted inputs, judged in a process of their own.

No caller waits for any of it: an input is appended to a list, and a thread hands whole windows to the other process.
While that is at work on one, the windows that fill up meanwhile are let go.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from dq_gate.core.model import Finding
from dq_gate.events import DistributionDrifted, RuleCrashed, SchemaDrifted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import IO

    from dq_gate.core.decide import Rule
    from dq_gate.core.model import PackId, Violation
    from dq_gate.events import Event
    from dq_gate.packs.compile import CompiledPack, FrameRule
    from dq_gate.packs.schema import WindowSpec
    from dq_gate.settings import Settings

PATIENCE = 120.0
"""Seconds that judging a window may take, the start of the process included."""
TICK = 0.5
"""Seconds between looks at the windows' age."""


@dataclass(slots=True)
class _Window:
    """The inputs that came since a window opened.

    Attributes:
        rule_ids: What judges it.
    """

    spec: WindowSpec
    rule_ids: tuple[str, ...]
    records: list[dict[Any, Any]] = field(default_factory=list)
    opened: float = field(default_factory=time.monotonic)

    def is_due(self, now: float) -> bool:
        return bool(self.records) and (len(self.records) >= self.spec.inputs or now - self.opened >= self.spec.seconds)

    def take(self) -> list[dict[Any, Any]]:
        """The window's inputs; a new one opens."""
        records, self.records, self.opened = self.records, [], time.monotonic()
        return records[: self.spec.inputs]


class DriftWatch:
    """Gathers admitted inputs and has them judged, window by window.

    Args:
        pack: Its rules with a `window` judge; the other process loads it anew.
        settings: What the pack may do.
        report: Takes the events.
    """

    def __init__(self, pack: CompiledPack, settings: Settings, report: Callable[..., None]) -> None:
        self._rules = {rule.rule.id: rule for rule in watched(pack)}
        self._windows = _windows(self._rules.values())
        self._pack = pack.id
        self._report = report
        self._judge = Judge(pack.resolved.reference, settings)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dq-gate-drift", daemon=True)
        self._thread.start()

    def offer(self, record: Mapping[Any, Any]) -> None:
        """Take an admitted input into every window that has room."""
        for window in self._windows:
            if len(window.records) < window.spec.inputs:
                window.records.append(dict(record))

    def close(self) -> None:
        """Stop; windows that are not full are let go."""
        self._stop.set()
        self._judge.stop()
        self._thread.join()

    def abandon(self) -> None:
        """In a forked child: the other process is the parent's."""
        self._stop.set()
        self._judge.let_go()

    def _run(self) -> None:
        while not self._stop.wait(TICK):
            for window in self._windows:
                if window.is_due(time.monotonic()):
                    self._examine(window.rule_ids, window.take())

    def _examine(self, rule_ids: tuple[str, ...], records: list[dict[Any, Any]]) -> None:
        try:
            answers = self._judge.examine(self._pack, rule_ids, records)
        except JudgeFailedError as error:
            answers = [{"rule_id": rule_id, "error": error.kind} for rule_id in rule_ids]
        if self._stop.is_set():
            return
        for answer in answers:
            event = _event(self._rules[answer["rule_id"]].rule, answer, len(records))
            if event is not None:
                self._report(event, plane="batch", pack=self._pack)


def watched(pack: CompiledPack) -> tuple[FrameRule, ...]:
    """The rules that judge windows of requests."""
    return tuple(rule for rule in pack.frame_rules if rule.window is not None)


def _windows(rules: Iterable[FrameRule]) -> list[_Window]:
    """One window for all rules that ask for the like."""
    by_spec: dict[WindowSpec, list[str]] = {}
    for rule in rules:
        assert rule.window is not None
        by_spec.setdefault(rule.window, []).append(rule.rule.id)
    return [_Window(spec, tuple(rule_ids)) for spec, rule_ids in by_spec.items()]


def _event(rule: Rule, answer: dict[str, Any], rows: int) -> Event | None:
    if "error" in answer:
        return RuleCrashed(rule.id, rule.check, answer["error"])
    if answer["message"] is None:
        return None
    return drifted(rule.violation(Finding(answer["message"])), rows, is_enforced=not rule.shadow)


def drifted(violation: Violation, rows: int, *, is_enforced: bool) -> Event:
    """The event that so many inputs fail a rule as a whole."""
    kind = SchemaDrifted if violation.check == "schema_drift" else DistributionDrifted
    mode = "enforce" if is_enforced else "shadow"
    return kind(violation.rule_id, violation.check, violation.field, mode, violation.message, rows)


class JudgeFailedError(Exception):
    """The other process gave no answer.

    Attributes:
        kind: Name of what went wrong.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(kind)


class Judge:
    """The other process: started when the first window is due, and anew when it died or was too slow."""

    def __init__(self, reference: str, settings: Settings) -> None:
        self._start_words = {
            "reference": reference,
            "max_bytes": settings.max_input_bytes,
            "trusted_packages": settings.trusted_packages,
            "path": sys.path,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._is_stopped = False

    def examine(self, pack: PackId, rule_ids: tuple[str, ...], records: list[dict[Any, Any]]) -> list[dict[str, Any]]:
        """What the rules say of these records.

        Raises:
            JudgeFailedError: it did not say.
        """
        try:
            request = pickle.dumps({"digest": pack.digest, "rules": rule_ids, "records": records})
        except Exception as error:  # noqa: BLE001 - an input may hold what cannot leave its process
            raise JudgeFailedError(type(error).__name__) from None
        try:
            process = self._started()
        except OSError as error:  # no room for one more process, or it died at once
            raise JudgeFailedError(type(error).__name__) from None
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            _send(process.stdin, request)
            answers: list[dict[str, Any]] = orjson.loads(process.stdout.readline())
        except (OSError, ValueError) as error:
            self._drop(process)
            raise JudgeFailedError("Died" if isinstance(error, OSError) else "NoAnswer") from None
        finally:
            watchdog.cancel()
        return answers

    def stop(self) -> None:
        """End the process, also in the middle of a window."""
        with self._lock:
            self._is_stopped = True
            process = self._process
        if process is not None:
            self._drop(process)

    def let_go(self) -> None:
        """In a forked child: leave the pipes to the parent, so that its end is theirs.

        Their numbers stay taken: whatever these buffers still hold goes nowhere.
        """
        process = self._process
        nowhere = os.open(os.devnull, os.O_RDWR)
        for pipe in (process.stdin, process.stdout) if process is not None else ():
            if pipe is not None and not pipe.closed:
                os.dup2(nowhere, pipe.fileno(), inheritable=False)
        os.close(nowhere)

    def _started(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._is_stopped:
                raise JudgeFailedError("Stopped")
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "dq_gate.gate.drift_judge"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
                assert self._process.stdin is not None
                _send(self._process.stdin, pickle.dumps(self._start_words))
            return self._process

    def _drop(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _close(pipe)
        with self._lock:
            if self._process is process:
                self._process = None


def _send(pipe: IO[bytes], content: bytes) -> None:
    pipe.write(len(content).to_bytes(8, "big") + content)
    pipe.flush()


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except OSError:  # what it still held cannot reach a dead process
        return
