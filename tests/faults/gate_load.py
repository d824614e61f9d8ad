"""A gate that threads put failing input through while something breaks, and what is found afterwards."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from dq_gate import Gate
from dq_gate.gate.runtime import connect
from tests.fakes import eventually
from tests.faults.judging import judge, walk
from tests.faults.promise import PROMISED, Control, Span
from tests.integration.gating import refusal, spooled

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

    from dq_gate import InputQuarantined

THREADS = 8
PAUSE = 0.004
"""Seconds a caller waits between two inputs: enough for a busy machine to do what the test breaks."""
WAIT = 60.0


class GateLoad:
    """Eight threads that put failing input through a gate for as long as it is entered.

    Args:
        settings: The gate's settings.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.waits: list[Span] = []
        self.answers: list[InputQuarantined] = []
        self._settings = settings
        self._control = Control()
        self._is_over = threading.Event()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(self._control)
        self._gate = self._open.enter_context(Gate.load(**self._settings))
        self._threads = [threading.Thread(target=self._put, args=(self._gate,)) for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(WAIT)
        with self._open:
            if error is None:
                eventually(lambda: spooled(self._gate.settings) == 0, WAIT)

    def await_more(self, stored: str, count: int) -> None:
        """Return once that many more answers said that the entry went to a place."""
        goal = self._count(stored) + count
        eventually(lambda: self._count(stored) >= goal, WAIT)

    def judge(self, fault: str) -> None:
        """Record what became of the entries, and check that each is there once and that all counters say so."""
        patient = self._gate.settings.model_copy(update={"store_timeout": WAIT})
        assert {answer.stored for answer in self.answers} <= {"store", "spool", "unknown"}
        prompt = (span.ended - span.began for span in self.waits if span.ended - span.began <= PROMISED)
        with closing(connect(patient)) as store:
            judge(
                fault,
                store,
                acknowledged={answer.entry_id for answer in self.answers if answer.stored != "unknown"},
                unknown={answer.entry_id for answer in self.answers if answer.stored == "unknown"},
                longest_wait_s=max(self._control.longest(self.waits), *prompt),
            )
            assert {entry.id for entry in walk(store)} == {answer.entry_id for answer in self.answers}

    def _count(self, stored: str) -> int:
        return sum(answer.stored == stored for answer in list(self.answers))

    def _put(self, gate: Gate) -> None:
        while not self._is_over.wait(PAUSE):
            began = time.monotonic()
            answer = refusal(gate)
            self.waits.append(Span(began, time.monotonic()))
            self.answers.append(answer)
