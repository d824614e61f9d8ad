"""Settings: what can be configured, and where each value comes from.

An argument overrides the environment (`DQ_GATE_<NAME>`), which overrides the settings file, which overrides the
default. The settings file is `DQ_GATE_CONFIG`, else the nearest `dq_gate.toml`, or `pyproject.toml` with a
`[tool.dq_gate]` table, in the working directory or above it.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from dq_gate.errors import SettingsError, did_you_mean

ENV_PREFIX = "DQ_GATE_"
CONFIG_VARIABLE = "DQ_GATE_CONFIG"
_NO_SETTINGS = frozenset({CONFIG_VARIABLE, "DQ_GATE_TRACEBACK"})
_PATHS = frozenset(
    {"state_dir", "control_file", "sealing_keys_file", "redis_ca_file", "redis_cert_file", "redis_key_file"}
)
"""Settings that name a place: relative to the settings file when they stand there, else to the working directory."""
_LOG_WORDS = frozenset({"stderr", "stdout", "otel", "structlog", "logging"})

MAX_PORT = 65_535
SEALING_KEY_BYTES = 32
_OPEN_TO_OTHERS = 0o027
"""Permissions that a file of keys must not have. A group may read it: that is how containers are given secrets."""
_KEY_ID = re.compile(r"[a-z0-9._-]{1,32}")

Name = Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,64}$")]


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A key-encryption key of the quarantine: AES-256.

    Attributes:
        id: What sealed payloads name it by (`[a-z0-9._-]{1,32}`).
        secret: 32 bytes; shown nowhere.
    """

    id: str
    secret: bytes = field(repr=False)


def _words(value: Any) -> Any:
    """A list, as an environment variable can carry it."""
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


def _lines(value: Any) -> Any:
    """A list whose words may hold commas and spaces, as an environment variable can carry it."""
    return tuple(filter(None, map(str.strip, value.splitlines()))) if isinstance(value, str) else value


def _with_port(address: str) -> str:
    """An address whose port can be: the resolver takes a larger number for another one."""
    port = address.rpartition(":")[2]
    if port != address and not 1 <= int(port) <= MAX_PORT:
        raise ValueError(f"a port is a number from 1 to {MAX_PORT}")
    return address


MetricsAddress = Annotated[
    str,
    Field(pattern=r"^(registry|(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]*):[0-9]{1,5})$"),
    AfterValidator(_with_port),
]


def _sealing_keys(value: Any) -> tuple[SealingKey, ...]:
    """Keys as `id:base64`. No message quotes what was given: it may be the secret."""
    words = _words(value)
    if not isinstance(words, (list, tuple)):
        raise ValueError("give keys as id:base64, with commas between them")  # noqa: TRY004 - pydantic wants it
    keys = tuple(word if isinstance(word, SealingKey) else sealing_key(word, n) for n, word in enumerate(words, 1))
    ids = [key.id for key in keys]
    for key_id in ids:
        if ids.count(key_id) > 1:
            raise ValueError(f"key {key_id!r} is there twice")
    return keys


def sealing_key(word: Any, number: int) -> SealingKey:
    """A key written as `id:base64`.

    Args:
        word: The text.
        number: Its place in a list, which the message names instead of what stands there.

    Raises:
        ValueError: it is none; the message does not quote it.
    """
    key_id, colon, text = word.partition(":") if isinstance(word, str) else ("", "", "")
    if not colon or not _KEY_ID.fullmatch(key_id):
        raise ValueError(f"key {number} is not id:base64, with an id of [a-z0-9._-], at most 32 characters")
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"key {key_id!r} is not base64; make one with: dq-gate quarantine new-key") from None
    if len(secret) != SEALING_KEY_BYTES:
        raise ValueError(
            f"key {key_id!r} has {len(secret)} bytes, not {SEALING_KEY_BYTES}; make one with: "
            "dq-gate quarantine new-key"
        )
    return SealingKey(key_id, secret)


class Settings(BaseModel):
    """Every setting. Each is also an argument of `Gate.load` and a variable `DQ_GATE_<NAME>`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    pack: str = Field("query", description="Pack that commands use when none is named.")
    trusted_packages: Annotated[tuple[str, ...], BeforeValidator(_words)] = Field(
        (),
        description="Packages whose code a pack may name: models, schemas, functions, plugins. A list, or words with "
        "commas between them. Code of any other package is not imported.",
    )
    quarantine: str | None = Field(
        None,
        description="Address of the quarantine store: sqlite:///path, redis://, rediss://, redis+sentinel:// or "
        "redis+cluster://. Without one it is a SQLite file in the state directory.",
    )
    redis_ca_file: Path | None = Field(
        None,
        description="Authorities whose certificates a Redis may show, in PEM, for addresses that begin with rediss. "
        "Default: those that the machine trusts.",
    )
    redis_cert_file: Path | None = Field(
        None, description="This client's certificate, in PEM, for a Redis that asks for one."
    )
    redis_key_file: Path | None = Field(
        None, description="The key of redis_cert_file, in PEM and without a password, when it is not in the same file."
    )
    sentinel_password: str | None = Field(
        None, repr=False, description="Password of the sentinels; that in the address is the server's."
    )
    key_prefix: str = Field(
        "dq", pattern=r"^[a-z0-9._-]{1,32}$", description="What the names of all keys in Redis begin with."
    )
    shards: int = Field(
        1,
        ge=1,
        le=256,
        description="Parts that a namespace is kept in, so that the nodes of a Redis cluster share it. Choose it "
        "before the first entry: a store with another number does not find what is there.",
    )
    wait_replicas: int = Field(
        0, ge=0, description="Replicas of Redis that must confirm an entry before it counts as stored."
    )
    wait_timeout: float = Field(0.1, gt=0, le=0.2, description="Seconds that replicas may take to confirm an entry.")
    namespace: Name = Field("default", description="Keeps the quarantines of several applications apart.")
    source: Name = Field("default", description="Where input comes from: the application's or feed's name.")
    release: str | None = Field(None, max_length=64, description="The application's release, put on every event.")
    state_dir: Path = Field(
        Path(".dq_gate"),
        description="Directory of the spool, the local quarantine and the CLI's events. Default: .dq_gate beside "
        "the settings file, else in the working directory.",
    )
    log: str | None = Field(
        None,
        repr=False,
        description="Where events go: stderr, stdout, a file's path, redis://host:port/db?stream=NAME, otel "
        "(OpenTelemetry), structlog or logging (the application's own); several with commas between them. Default: "
        "stderr; the CLI writes to events.jsonl in the state directory.",
    )
    log_max_mb: float = Field(
        0.0, ge=0, description="Megabytes at which a log file is rotated, becoming `.1`; 0 leaves that to others."
    )
    log_backups: int = Field(5, ge=1, description="Rotated log files that are kept.")
    log_queue: int = Field(
        10_000,
        ge=1,
        description="Event lines that wait for a destination that is slow: stderr, stdout, redis, otel. What does not "
        "fit is dropped, and counted in the next window.",
    )
    metrics: MetricsAddress | None = Field(
        None,
        description="Where Prometheus reads metrics: host:port, :port (every interface), or registry (the application "
        "serves `prometheus_client.REGISTRY` itself). Needs the extra `prometheus`. Default: nowhere.",
    )
    notify: Annotated[tuple[str, ...], BeforeValidator(_lines)] = Field(
        (),
        repr=False,
        description="Who is told of alerts: addresses, in the environment one a line, each "
        "`[SEVERITY[,SEVERITY]=]ADDRESS`: stdout, command:PROGRAM ARGS, webhook+https://, alertmanager+http:// or an "
        "apprise URL (extra `notify`).",
    )
    alert_state: str | None = Field(
        None,
        repr=False,
        description="Where watches of alerts keep what they read and said: sqlite:///path.db or a Redis address. "
        "Default: a file for each alert pack in the state directory.",
    )
    webhook_secret: str | None = Field(
        None,
        repr=False,
        description="What webhooks are signed with, as Standard Webhooks says: `whsec_` and base64, or any text. "
        "Several, with spaces between them, sign side by side while one takes over from another.",
    )
    mode: Literal["enforce", "shadow", "off"] = Field(
        "enforce",
        description="enforce refuses failing input; shadow judges and counts but lets all pass; off does not judge.",
    )
    control_file: Path | None = Field(
        None, description="A file holding one word, the mode; re-read every 10 s, it overrides `mode`."
    )
    reload: bool = Field(
        True, description="Whether a gate at work looks every 10 s for changes of its pack's files, and takes them up."
    )
    max_input_bytes: int = Field(
        1024 * 1024, ge=1, description="A larger record fails before any rule runs (bytes of its text, UTF-8)."
    )
    admitted_sample_rate: float = Field(
        0.01, ge=0, le=1, description="Share of admitted inputs that are logged one by one."
    )
    record: Literal["off", "masked", "full"] = Field(
        "off",
        description="Whether a sample of admitted inputs is kept in the state directory, for `rules backtest`: masked "
        "keeps the shape of texts alone.",
    )
    record_rate: float = Field(0.01, gt=0, le=1, description="Share of admitted inputs that is recorded.")
    record_max_mb: float = Field(100.0, gt=0, description="Megabytes of recordings kept; the oldest go first.")
    record_days: float = Field(7.0, gt=0, description="Age at which recordings are removed.")
    store_timeout: float = Field(0.15, gt=0, le=0.25, description="Seconds a store may take to answer.")
    spool_max_mb: float = Field(
        1024.0,
        gt=0,
        description="Megabytes that all spools of the state directory may hold together; beyond it, while the store is "
        "away, failing input is refused and its entry kept nowhere.",
    )
    shutdown_timeout: float = Field(5.0, ge=0, description="Seconds that closing may take to put or spool what waits.")
    max_open: int = Field(100_000, ge=1, description="Open entries a group keeps; beyond it failures are only counted.")
    max_store_mb: float = Field(
        2048.0,
        gt=0,
        description="Megabytes of entries that the namespace keeps in the store; beyond it failures are only counted.",
    )
    max_attempts: int = Field(5, ge=1, description="Failed redrives after which an entry is dead.")
    redrive_lease_s: float = Field(
        60.0, gt=0, description="Seconds after which a redrive whose consumer died is taken over by another."
    )
    redrive_backoff_s: float = Field(
        10.0, ge=0, description="Seconds before an entry that failed its redrive is redriven again; doubled each time."
    )
    redrive_backoff_max_s: float = Field(3600.0, ge=0, description="Seconds that this wait never exceeds.")
    lease_seconds: float = Field(900.0, gt=0, description="How long a claim holds before it lapses.")
    sealing_keys: Annotated[tuple[SealingKey, ...], BeforeValidator(_sealing_keys)] = Field(
        (),
        repr=False,
        description="Keys that payloads are sealed with at rest (AES-256-GCM): words `id:base64` with commas between "
        "them, each of 32 bytes. The first seals, all of them open. Needs the extra `seal`.",
    )
    sealing_keys_file: Path | None = Field(
        None,
        description="A file with more sealing keys, one `id:base64` a line, `#` before comments; refused when it is "
        "open to others. Its keys come after those of `sealing_keys`.",
    )
    retention_days: float = Field(30.0, gt=0, description="Age at which an open entry expires.")
    keep_finished_days: float = Field(
        90.0,
        gt=0,
        description="Days that a finished entry (redriven, discarded, dead, expired) stays at the least; after them "
        "review commands purge it.",
    )
    tombstone_days: float = Field(
        90.0, ge=0, description="Days that the id of a purged entry is remembered, so that a late duplicate is known."
    )
    reviewer: str | None = Field(
        None, max_length=64, description="Who reviews, for history and events. Default: the name of the login."
    )


def load_settings(**arguments: Any) -> Settings:
    """Gather settings from arguments, environment and file.

    Args:
        arguments: Settings by name; None means not given.

    Raises:
        SettingsError: an unknown name or a value that does not fit; says where it came from.
    """
    file = _settings_file()
    values: dict[str, tuple[Any, str]] = {}
    base = Path.cwd()
    if file is not None:
        base = file.parent
        values |= {name: (_placed(name, value, base), str(file)) for name, value in _table(file).items()}
    values |= _environment()
    values |= {name: (value, "argument") for name, value in arguments.items() if value is not None}
    values.setdefault("state_dir", (base / ".dq_gate", "default"))
    for name in _PATHS & values.keys():
        value, origin = values[name]
        root = base if origin == str(file) else Path.cwd()
        if isinstance(value, (str, Path)):
            values[name] = (root / value, origin)
    settings = _validate(values)
    if settings.sealing_keys_file is None:
        return settings
    return _validate(values | _with_keys_of(settings.sealing_keys_file, settings.sealing_keys))


def _with_keys_of(path: Path, first: tuple[SealingKey, ...]) -> dict[str, tuple[Any, str]]:
    """The setting `sealing_keys` with the keys of a file added."""
    try:
        with path.open(encoding="ascii") as file:
            if os.fstat(file.fileno()).st_mode & _OPEN_TO_OTHERS:
                raise SettingsError(
                    f"{path}: holds sealing keys and is open to others; run: chmod 600 {quote(str(path))}"
                )
            lines = [line.partition("#")[0].strip() for line in file]
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not a text of sealing keys, one id:base64 a line") from None
    keys = tuple(filter(None, lines))
    if not keys:
        raise SettingsError(f"{path}: holds no sealing key; make one with: dq-gate quarantine new-key")
    return {"sealing_keys": ((*first, *keys), str(path))}


def _placed(name: str, value: Any, base: Path) -> Any:
    """A value of the settings file; a path among words is made one that holds from any directory."""
    if name == "log" and isinstance(value, str):
        return ",".join(str(base / word) if _is_log_file(word) else word for word in log_destinations(value))
    is_pack_file = name == "pack" and isinstance(value, str) and ("/" in value or value.endswith((".yaml", ".yml")))
    return str(base / value) if is_pack_file else value


def log_destinations(log: str) -> tuple[str, ...]:
    """The destinations that a value of the setting `log` names, each once."""
    return tuple(dict.fromkeys(_words(log)))


def log_file(log: str | None) -> str | None:
    """The first file that a value of the setting `log` names."""
    return next(filter(_is_log_file, log_destinations(log or "")), None)


def shown_log(log: str | None) -> str:
    """A value of the setting `log` as it may be shown: without passwords."""
    return re.sub(r"//[^/@,]*@", "//", log or "stderr")


def _is_log_file(destination: str) -> bool:
    return destination not in _LOG_WORDS and "://" not in destination


def _settings_file() -> Path | None:
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        path = Path(named).absolute()
        if not path.is_file():
            raise SettingsError(f"{CONFIG_VARIABLE}: no such file: {named}")
        return path
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "dq_gate.toml").is_file():
            return folder / "dq_gate.toml"
        pyproject = folder / "pyproject.toml"
        if pyproject.is_file() and _has_table(pyproject):
            return pyproject
    return None


def _has_table(pyproject: Path) -> bool:
    try:
        return _tool_table(tomllib.loads(pyproject.read_text(encoding="utf-8"))) is not None
    except (OSError, ValueError):
        return False


def _tool_table(data: dict[str, Any]) -> dict[str, Any] | None:
    match data:
        case {"tool": {"dq_gate": dict(table)}}:
            return table
        case _:
            return None


def _table(file: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"{file}: is not TOML: {error}") from None
    table = _tool_table(data) if file.name == "pyproject.toml" else data
    if table is None:
        raise SettingsError(f"{file}: has no table [tool.dq_gate]")
    return table


def _environment() -> dict[str, tuple[Any, str]]:
    return {
        variable.removeprefix(ENV_PREFIX).lower(): (value, variable)
        for variable, value in os.environ.items()
        if variable.startswith(ENV_PREFIX) and variable not in _NO_SETTINGS and value != ""
    }


def _validate(values: dict[str, tuple[Any, str]]) -> Settings:
    try:
        return Settings.model_validate({name: value for name, (value, _) in values.items()})
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = str(problem["loc"][0])
        origin = values[name][1]
        if problem["type"] == "extra_forbidden":
            reason = f"unknown setting {name!r}{did_you_mean(name, Settings.model_fields)}"
        else:
            message = problem["msg"].removeprefix("Value error, ")
            reason = f"{name}: {message[:1].lower()}{message[1:]}"
        raise SettingsError(f"{origin}: {reason}") from None
