"""What a gate needs to act in one process: emitter, windows, writer. Made at first use, afresh in a forked child."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dq_gate import events
from dq_gate.core.model import PackId, Receipt
from dq_gate.gate.drift import DriftWatch, drifted, watched
from dq_gate.gate.recording import Recorder
from dq_gate.quarantine.address import open_store, store_kind
from dq_gate.quarantine.build import build_entry
from dq_gate.quarantine.redis_address import RedisOptions
from dq_gate.quarantine.redis_tls import TlsFiles
from dq_gate.quarantine.spool import Spool
from dq_gate.quarantine.vault import vault_of
from dq_gate.quarantine.writer import Writer
from dq_gate.signals.emitter import Emitter
from dq_gate.signals.meter import Meter, Readings
from dq_gate.signals.prometheus import require_prometheus
from dq_gate.signals.sinks import require_sinks
from dq_gate.signals.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dq_gate.core.flow import Count, Counted, Report
    from dq_gate.core.model import Decision, GateMode, Violation
    from dq_gate.gate.rules import Rules
    from dq_gate.packs.batch import BatchVerdict
    from dq_gate.packs.compile import CompiledPack
    from dq_gate.quarantine.entry import Entry, Store
    from dq_gate.settings import Settings
    from dq_gate.signals.emitter import Plane
    from dq_gate.signals.windows import Tally

MAX_NAMED = 32
"""Most rules or fields that one event names."""
MEASURED_EVERY = 6
"""Windows after which the store is measured again: a minute's worth. The first time is after the first."""
_MODES: dict[str, GateMode] = {"enforce": "enforce", "shadow": "shadow", "off": "off"}


def store_address(settings: Settings) -> str:
    """The quarantine's address; without one, a SQLite file in the state directory."""
    return settings.quarantine or f"sqlite:///{settings.state_dir / 'quarantine.db'}"


def connect(settings: Settings) -> Store:
    """Open the quarantine store that the settings name."""
    return open_store(
        store_address(settings),
        settings.namespace,
        max_open=settings.max_open,
        max_bytes=int(settings.max_store_mb * 1e6),
        timeout=settings.store_timeout,
        redis=redis_options(settings),
    )


def redis_options(settings: Settings) -> RedisOptions:
    """How a Redis is to be used, as the settings say."""
    return RedisOptions(
        tls=TlsFiles(settings.redis_ca_file, settings.redis_cert_file, settings.redis_key_file),
        sentinel_password=settings.sentinel_password,
        wait_replicas=settings.wait_replicas,
        wait_timeout=settings.wait_timeout,
        key_prefix=settings.key_prefix,
        shards=settings.shards,
    )


def prepare(settings: Settings) -> None:
    """Refuse an address that cannot be, and import now what the first input would have to wait for. Opens nothing.

    Raises:
        SettingsError: the quarantine's address, or one where events go, has no form that is known.
        MissingExtraError: there are sealing keys and the extra `seal` is not installed, or events go to OpenTelemetry
            and the extra `otel` is not, or there are metrics and the extra `prometheus` is not.
    """
    connect(settings)
    vault_of(settings)
    require_sinks(settings.log or "stderr")
    import_module("ddsketch")
    if settings.metrics is not None:
        require_prometheus()
    if store_kind(store_address(settings)) == "redis":
        import_module("redis")


class Runtime:
    """One gate at work in one process.

    Attributes:
        mode: The gate's mode at the moment.
        emitter: Where events go.
        observes: Whether admitted inputs are to be shown to `observe`.

    Args:
        pack: The rules in force at the start.
        settings: Where things go.
        each_window: Called with every window that closes, every 10 s.
    """

    def __init__(self, pack: CompiledPack, settings: Settings, each_window: Callable[[], None]) -> None:
        self.settings = settings
        self.mode = mode_of(settings)
        self._source = settings.source
        self._sample_rate = settings.admitted_sample_rate
        self._meter = None if settings.metrics is None else Meter(settings.metrics, settings.namespace, settings.source)
        self.emitter = Emitter.of(settings, pack.id, observe=None if self._meter is None else self._meter.note)
        self._each_window = each_window
        self._vault = vault_of(settings)
        address = store_address(settings)
        kind = store_kind(address)
        self._writer = Writer(
            open_store=lambda: connect(settings),
            open_spool=lambda: Spool(
                settings.state_dir / "spool", spool_target(settings), max_bytes=settings.spool_max_mb * 1e6
            ),
            report=self.emitter.emit,
            store_kind=kind,
            retention_s=settings.retention_days * 86_400,
        )
        self._recorder: Recorder | None = None
        if settings.record != "off":
            self._recorder = Recorder(settings, self.emitter.process, self.emitter.emit)
        self._drift: DriftWatch | None = None
        self.observes = False
        self.emitter.emit(events.GateStarted(mode=self.mode, store=kind))
        self.take(pack)
        if settings.quarantine is None:
            self.emitter.emit(events.StoreLocal())
        self._windows_closed = 0
        self._windows = Windows(
            self.emitter,
            mode=lambda: self.mode,
            on_close=self._after_window,
            on_tick=self._publish,
            unkept=lambda: self._writer.unkept,
            spooled=lambda: self._writer.spooled,
        )

    def take(self, pack: CompiledPack) -> None:
        """Go on under these rules: events name them from now on."""
        self.emitter.name_pack(pack.id)
        before, self._drift = self._drift, None
        if before is not None:
            before.close()
        if watched(pack):
            self._drift = DriftWatch(pack, self.settings, self.emitter.emit)
        self.observes = self._recorder is not None or self._drift is not None
        self.emitter.emit(events.PackLoaded(rules=len(pack.rules)))
        if self._meter is not None:
            self._meter.expect((rule.id, "shadow" if rule.shadow else "enforce") for rule in pack.rules)

    def count_unseen(self, outcome: Counted, times: int, decision: Decision | None = None) -> None:
        """Count inputs that share one verdict: rows found clean or refused as a whole, or not judged."""
        self._windows.count(self._source, outcome, decision, 0, times)

    def count_batch(self, rules: Rules, whole: BatchVerdict, rows: int) -> None:
        """Count what so many rows failed as a whole, and report it, and what crashed."""
        is_enforced = self.mode == "enforce"
        self._windows.count_rules(self._source, whole.violations, is_enforced=is_enforced)
        self._windows.count_rules(self._source, whole.shadowed, is_enforced=False)
        emit = partial(self.emitter.emit, plane="batch", pack=rules.pack.id)
        for crash in whole.crashes:
            emit(events.RuleCrashed(crash.rule_id, crash.check, crash.error))
        for violation in whole.violations:
            emit(drifted(violation, rows, is_enforced=is_enforced))
        for violation in whole.shadowed:
            emit(drifted(violation, rows, is_enforced=False))

    def count(self, rules: Rules, command: Count, latency_ns: int, *, plane: Plane = "request") -> None:
        """Count an input that these rules judged, and report what is worth a line.

        That is a repair, a crash, a shadow hit, a sample of the clean; of a batch, which ends in a line of its own,
        only a crash.
        """
        decision = command.decision
        self._windows.count(self._source, command.outcome, decision, latency_ns)
        if decision is None:
            return
        emit, pack = self.emitter.emit, rules.pack.id
        for crash in decision.crashes:
            emit(events.RuleCrashed(crash.rule_id, crash.check, crash.error), plane=plane, pack=pack)
        if plane == "batch":
            return
        shadowed = decision.shadowed if command.outcome != "shadowed" else decision.violations + decision.shadowed
        if shadowed:
            emit(events.RuleShadowed(_rule_ids(shadowed)), pack=pack)
        latency_us = latency_ns / 1e3
        if command.outcome == "repaired":
            emit(events.InputRepaired(decision.repaired_by[:MAX_NAMED], latency_us), pack=pack)
        elif command.outcome == "clean" and random.random() < self._sample_rate:  # noqa: S311 - sampling
            admitted = events.InputAdmitted(self._sample_rate, _rule_ids(decision.violations), latency_us)
            emit(admitted, pack=pack)

    def observe(self, rules: Rules, record: Any, admitted: Any) -> None:
        """Show an input, as it came and as it was admitted, to whoever keeps samples. Never raises."""
        recorder, drift = self._recorder, self._drift
        try:
            if recorder is not None and isinstance(record, Mapping):
                recorder.offer(rules, record)
            if drift is not None and isinstance(admitted, Mapping):
                drift.offer(admitted)
        except Exception:  # noqa: BLE001 - a sample is not worth a failed call
            self.emitter.count_dropped(1)

    def entry(self, rules: Rules, record: Any, decision: Decision, key: str | None) -> Entry:
        """The quarantine entry of an input that failed these rules."""
        return build_entry(
            _plain(record),
            decision.violations,
            pack=rules.pack.id,
            namespace=self.settings.namespace,
            source=self._source,
            now=time.time(),
            key=key,
            withheld=rules.withheld,
            redactions=rules.redactions,
            found=frozenset(violation.rule_id for violation in (*decision.violations, *decision.shadowed)),
            subject_fields=rules.subject_fields,
            vault=self._vault,
        )

    def put(self, entry: Entry) -> Future[Receipt]:
        """Hand an entry to the writer; a gate that was closed meanwhile keeps it no more."""
        try:
            return self._writer.submit(entry)
        except RuntimeError:
            refused: Future[Receipt] = Future()
            refused.set_result(Receipt(entry.id, "none"))
            return refused

    def report(self, command: Report, entry: Entry, latency_ns: int, put_ns: int) -> None:
        """Report a failed input and where its entry went."""
        self._windows.count_put(put_ns)
        violations = command.decision.violations
        pack = PackId(entry.pack, entry.pack_version, entry.pack_digest)
        self.emitter.emit(
            events.InputQuarantined(
                entry_id=command.receipt.entry_id,
                stored=command.receipt.stored,
                rules=_rule_ids(violations),
                fields=tuple(dict.fromkeys(violation.field for violation in violations))[:MAX_NAMED],
                group=entry.fingerprint,
                fallback=command.fallback,
                latency_us=latency_ns / 1e3,
                put_ms=round(put_ns / 1e6, 3),
            ),
            pack=pack,
        )
        if command.fallback:
            self.emitter.emit(events.FallbackUsed(command.receipt.entry_id), pack=pack)

    def close(self) -> None:
        """Put or spool what waits, report the last window, let go of everything."""
        unwritten = self._writer.close(self.settings.shutdown_timeout)
        self._windows.close()
        if self._drift is not None:
            self._drift.close()
        self._flush_recording()
        self.emitter.emit(events.GateStopped(unwritten=unwritten))
        if self._meter is not None:
            self._meter.close()
        self.emitter.close()

    def abandon(self) -> None:
        """Forget all of this in a forked child, touching nothing that the parent still uses."""
        self._writer.abandon()
        if self._drift is not None:
            self._drift.abandon()
        self.emitter.abandon()
        _ABANDONED.append(self)

    def _publish(self, tally: Tally) -> None:
        """Bring the metrics up to date, if there are any."""
        if self._meter is not None:
            self._meter.publish(tally, self._readings(), self.emitter.emit)

    def _readings(self) -> Readings:
        return Readings(
            mode=self.mode,
            dropped=self.emitter.dropped,
            unkept=self._writer.unkept,
            spooled=self._writer.spooled,
            is_degraded=self._writer.is_degraded,
        )

    def _after_window(self) -> None:
        if self._windows_closed % MEASURED_EVERY == 0:
            self._writer.measure()
        self._windows_closed += 1
        self.emitter.follow_rotation()
        self.mode = mode_of(self.settings)
        self._flush_recording()
        self._each_window()

    def _flush_recording(self) -> None:
        if self._recorder is not None:
            self._recorder.flush()


_ABANDONED: list[Runtime] = []
"""Runtimes of the parent, kept so that no finaliser closes what the parent uses."""


def spool_target(settings: Settings) -> str:
    """Names the store that spooled entries are meant for, without its password."""
    from dq_gate.quarantine.spool import target_of

    place = settings.namespace if settings.key_prefix == "dq" else f"{settings.key_prefix}/{settings.namespace}"
    return target_of(store_address(settings), place)


def mode_of(settings: Settings) -> GateMode:
    """The mode in force: the control file's word; without a readable one, the setting's."""
    return _MODES.get(_read_word(settings.control_file), settings.mode)


def _read_word(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _plain(record: Any) -> Any:
    """A mapping as a dict whose methods are nobody's own, so that it can be kept; all else as it is."""
    if type(record) is dict or not isinstance(record, Mapping):
        return record
    try:
        return dict(record)
    except Exception:  # noqa: BLE001 - a hostile mapping is bad input, not a defect
        return dict(dict.items(record)) if isinstance(record, dict) else record


def _rule_ids(violations: tuple[Violation, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(violation.rule_id for violation in violations))[:MAX_NAMED]
