"""The gate: the public face, and the wiring of pack, settings and runtime."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload
from weakref import WeakSet

from dq_gate.core.decide import decide
from dq_gate.core.flow import Proceed, Refuse
from dq_gate.errors import ConfigurationError, InputQuarantined
from dq_gate.events import PackRejected
from dq_gate.gate import shell
from dq_gate.gate.guard import guard
from dq_gate.gate.rules import Rules
from dq_gate.gate.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from dq_gate.core.flow import Ending
    from dq_gate.core.model import Decision
    from dq_gate.gate.batch import Batch
    from dq_gate.gate.frames import FrameResult
    from dq_gate.gate.guard import GuardedCall
    from dq_gate.gate.runtime import Runtime
    from dq_gate.packs.compile import CompiledPack
    from dq_gate.review.consumer import RedriveReport
    from dq_gate.settings import Settings

F = TypeVar("F")


class Gate:
    """Rules in front of retrieval: clean input passes, failing input is quarantined with its reasons.

    A gate opens no thread, socket or file before it first admits an input, and starts afresh in a forked child. It
    is safe to use from several threads and event loops at once. Make one with `Gate.load`.

    Attributes:
        rules: What is in force now; a reload puts others in their place.
        settings: Where things go.
        redrives: Its runs of `redrive` in this process.
    """

    def __init__(self, pack: CompiledPack, settings: Settings) -> None:
        from dq_gate.gate.reload import Reloader

        self.rules = Rules(pack)
        self.settings = settings
        self._reloader = Reloader(pack, settings) if settings.reload else None
        self._guards: WeakSet[GuardedCall] = WeakSet()
        self.redrives = Runs()
        self._runtime: Runtime | None = None
        self._lock = threading.Lock()
        self._closed = False

    @classmethod
    def load(cls, pack: str | Path | None = None, **settings: Any) -> Gate:
        """Load a rule pack and make a gate of it.

        Args:
            pack: A shipped pack's name, `name@version`, or a path to a YAML file. Default: the setting `pack`.
            settings: Any setting of `dq_gate.settings.Settings`; overrides environment and settings file.

        Raises:
            PackError: the pack cannot be used; says file, line and rule.
            SettingsError: a setting cannot be used; says where it came from.
        """
        from dq_gate.gate.runtime import prepare
        from dq_gate.packs.compile import compile_pack
        from dq_gate.settings import load_settings

        loaded = load_settings(**settings)
        prepare(loaded)
        compiled = compile_pack(
            pack or loaded.pack, max_bytes=loaded.max_input_bytes, trusted_packages=loaded.trusted_packages
        )
        return cls(compiled, loaded)

    @property
    def pack(self) -> CompiledPack:
        """The compiled rules in force."""
        return self.rules.pack

    def check(self, record: Mapping[str, Any], *, waived: frozenset[str] = frozenset()) -> Decision:
        """Judge a record and do nothing else: no event, no count, no quarantine.

        Args:
            record: Field names to values. It is never changed.
            waived: Ids of rules to skip.
        """
        rules = self.rules
        if rules.unused:
            rules.warn_of_unused()
        return decide(rules.pack.plan, record, waived=waived)

    def admit(self, record: Mapping[str, Any], *, key: str | None = None) -> dict[str, Any]:
        """Judge a record, count it, and quarantine it if it fails.

        Args:
            record: Field names to values. It is never changed.
            key: Your name for this input, such as topic, partition and offset. The same key in one namespace, source
                and pack is the same entry, so a retry adds nothing.

        Returns:
            The record itself when clean, or a repaired copy.

        Raises:
            InputQuarantined: it failed; within 300 ms, whatever the quarantine store does.
        """
        return _value(self.run(record, key=key))

    async def aadmit(self, record: Mapping[str, Any], *, key: str | None = None) -> dict[str, Any]:
        """As `admit`, awaiting. Cancelling it does not cancel the put."""
        return _value(await self.arun(record, key=key))

    @overload
    def guard(self, function: F, /) -> F: ...
    @overload
    def guard(
        self, /, *, bind: Mapping[str, str] | None = None, fallback: Callable[[Decision], Any] | None = None
    ) -> Callable[[F], F]: ...
    def guard(
        self,
        function: F | None = None,
        /,
        *,
        bind: Mapping[str, str] | None = None,
        fallback: Callable[[Decision], Any] | None = None,
    ) -> F | Callable[[F], F]:
        """Decorate a retrieval function: its arguments are judged before it runs.

        Works on functions, coroutine functions, generators and async generators (judged at their first `next`),
        methods, classmethods and staticmethods. Parameters named like a field of the pack are judged; others pass.

        Args:
            function: What to guard, when used without parentheses.
            bind: Parameter name to field name, where they differ.
            fallback: Answers in place of a refused call; it gets the decision. Without one, the call raises
                `InputQuarantined`.

        Raises:
            BindingError: at decoration, when parameters and fields do not fit.
        """
        self.rules.warn_of_unused()
        if function is not None:
            return guard(self, function, bind or {}, fallback)
        return lambda target: guard(self, target, bind or {}, fallback)

    def add_guard(self, call: GuardedCall) -> None:
        """Have a pack that no longer fits a guarded function refused when it is reloaded."""
        with self._lock:
            self._guards.add(call)

    def batch(self) -> Batch:
        """Admit many records as one batch: one event at the end, and no waiting for each put.

        Rules that judge whole batches need frames: `admit_frame`, or `dq-gate admit` for a file.
        Use it as a context manager; leaving it waits until every failing record is stored.
        """
        from dq_gate.gate.batch import Batch

        return Batch(self.runtime(), self.rules)

    def check_frame(self, frame: Any) -> FrameResult:
        """Judge every row of a frame and do nothing else.

        Args:
            frame: A polars or pandas DataFrame or a pyarrow Table; one column a field.

        Returns:
            `clean` and `quarantined`, of the same kind as the frame, and a `report` of counts.

        Raises:
            MissingExtraError: the extra `batch` is not installed.
        """
        from dq_gate.gate.frames import check_frame

        return check_frame(self.pack, frame)

    def admit_frame(self, frame: Any) -> FrameResult:
        """As `check_frame`, with every row counted and every failing one quarantined."""
        from dq_gate.gate.frames import admit_frame

        batch = self.batch()
        return admit_frame(batch.rules.pack, frame, batch)

    def redrive(
        self,
        handler: Callable[..., object],
        *,
        consumer: str | None = None,
        rate: float | None = None,
        once: bool = False,
    ) -> RedriveReport:
        """Send released entries of this gate's pack through the gate again, and what passes to a handler.

        Runs until `stop_redrive` or `close`, while others may run beside it, here or on other machines. An entry
        counts as redriven once its handler returned; one that fails again, or whose handler raises, is pending with
        one attempt more. A handler may see an entry twice (its process was killed, or lost the store), but never
        misses one: make it idempotent.

        Args:
            handler: Takes the record, repaired where it was; with a parameter named `entry_id`, the entry's id too.
            consumer: Names this consumer in history and events. Default: the machine and the process.
            rate: Entries a second at the most.
            once: End when nothing is left that can be redriven now.

        Returns:
            How many entries were redriven, returned to pending, died, and were left as they are.

        Raises:
            BackendUnavailableError: with `once`, the store was away for longer than `redrive_lease_s`; without, it is
                waited for.
            ConfigurationError: the handler gives something to await or to iterate over; its work is not done.
        """
        from dq_gate.gate.redrive import redrive

        return redrive(self, handler, consumer=consumer, rate=rate, once=once)

    async def aredrive(
        self,
        handler: Callable[..., object],
        *,
        consumer: str | None = None,
        rate: float | None = None,
        once: bool = False,
    ) -> RedriveReport:
        """As `redrive`, awaiting what the handler gives; the event loop never waits for the store.

        Cancelling it cuts the entry at hand short, which stays released; `stop_redrive` lets its handler finish.
        """
        from dq_gate.gate.redrive import aredrive

        return await aredrive(self, handler, consumer=consumer, rate=rate, once=once)

    def stop_redrive(self) -> None:
        """Have every `redrive` and `aredrive` of this gate end after the entry at hand. Returns at once.

        May be called from any thread, from a signal handler, and from the handler at work.
        """
        self.redrives.stop()

    def run(
        self, record: Any, *, key: str | None = None, has_fallback: bool = False, rules: Rules | None = None
    ) -> Ending:
        """Send a record through the flow, waiting; under the rules in force unless others are given."""
        entered = perf_counter_ns()
        runtime, rules = self.runtime(), rules or self.rules
        if rules.unused:
            rules.warn_of_unused()
        ending = shell.run(entered, runtime, rules, record, key=key, has_fallback=has_fallback)
        if runtime.observes and type(ending) is Proceed:
            runtime.observe(rules, record, ending.record)
        return ending

    async def arun(
        self, record: Any, *, key: str | None = None, has_fallback: bool = False, rules: Rules | None = None
    ) -> Ending:
        """Send a record through the flow, awaiting; under the rules in force unless others are given."""
        entered = perf_counter_ns()
        runtime, rules = self.runtime(), rules or self.rules
        if rules.unused:
            rules.warn_of_unused()
        ending = await shell.arun(entered, runtime, rules, record, key=key, has_fallback=has_fallback)
        if runtime.observes and type(ending) is Proceed:
            runtime.observe(rules, record, ending.record)
        return ending

    def runtime(self) -> Runtime:
        """This process's runtime, made at the first call."""
        runtime = self._runtime
        return runtime if runtime is not None else self._start()

    def _start(self) -> Runtime:
        from dq_gate.gate.runtime import Runtime

        _STARTED.add(self)  # before the lock is taken: a fork meanwhile has to find it
        with self._lock:
            if self._closed:
                _STARTED.discard(self)
                raise RuntimeError("this gate is closed; load a new one")
            if self._runtime is None:
                self._runtime = Runtime(self.pack, self.settings, each_window=self._reload)
                _close_at_end_of_worker(self)
            return self._runtime

    def _reload(self) -> None:
        """Take up what changed in the pack's files; keep the rules in force when it cannot be used."""
        runtime = self._runtime
        if self._reloader is None or runtime is None:
            return
        try:
            pack = self._reloader.changed_pack()
            if pack is None:
                return
            with self._lock:
                guards = list(self._guards)
            for call in guards:
                call.refuse_unless_fits(pack)
        except ConfigurationError as error:
            runtime.emitter.emit(PackRejected(str(error)))
            return
        except Exception as error:  # noqa: BLE001 - code that a pack names may raise anything; windows have to go on
            runtime.emitter.emit(PackRejected(type(error).__name__))
            return
        self.rules = Rules(pack)
        runtime.take(pack)

    def close(self) -> None:
        """Put or spool what waits, within `shutdown_timeout`, and let go of everything. Idempotent.

        A redrive that is at work is waited for as long, and then left to itself.
        """
        with self._lock:
            self._closed = True
            runtime, self._runtime = self._runtime, None
        self.redrives.close(self.settings.shutdown_timeout)
        if runtime is not None:
            runtime.close()
        _STARTED.discard(self)

    async def aclose(self) -> None:
        """As `close`, without blocking the event loop."""
        import asyncio

        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _after_fork_in_child(self) -> None:
        runtime, self._runtime = self._runtime, None
        self.redrives = Runs()
        self._lock = threading.Lock()
        if runtime is not None:
            runtime.abandon()


def _value(ending: Ending) -> dict[str, Any]:
    if isinstance(ending, Proceed):
        value: dict[str, Any] = ending.record
        return value
    assert isinstance(ending, Refuse)
    raise InputQuarantined(ending.decision, ending.receipt.entry_id, ending.receipt.stored)


_STARTED: set[Gate] = set()
"""Gates at work in this process, kept alive until they are closed, at exit at the latest."""


def _abandon_all() -> None:
    inherited = list(_STARTED)
    _STARTED.clear()
    for gate in inherited:
        gate._after_fork_in_child()  # noqa: SLF001 - this module's own hook


def _close_at_end_of_worker(gate: Gate) -> None:
    """In a worker of multiprocessing, which leaves out `atexit` but runs finalisers of its own."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, gate.close, exitpriority=0)


def _close_all() -> None:
    for gate in list(_STARTED):
        gate.close()


os.register_at_fork(after_in_child=_abandon_all)
atexit.register(_close_all)
