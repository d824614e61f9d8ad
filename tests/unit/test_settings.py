"""Where each setting comes from, and what is refused."""

from __future__ import annotations

import base64
import os
import traceback
from pathlib import Path

import pytest

from dq_gate.errors import SettingsError
from dq_gate.settings import SealingKey, Settings, load_settings, log_file, shown_log

SECRET = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(range(1, 33))).decode()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A working directory with nothing above it but the root, and no DQ_GATE variable."""
    for variable in [name for name in os.environ if name.startswith("DQ_GATE_")]:
        monkeypatch.delenv(variable)
    folder = tmp_path / "app" / "src"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_without_anything_the_defaults_hold(home):
    settings = load_settings()
    assert settings == Settings(state_dir=home / ".dq_gate")
    assert (settings.pack, settings.mode, settings.quarantine, settings.log) == ("query", "enforce", None, None)


def test_argument_beats_environment_beats_file_beats_default(home, monkeypatch):
    assert load_settings().max_open == 100_000
    write(home / "dq_gate.toml", "max_open = 1\n")
    assert load_settings().max_open == 1
    monkeypatch.setenv("DQ_GATE_MAX_OPEN", "2")
    assert load_settings().max_open == 2
    assert load_settings(max_open=3).max_open == 3


def test_none_is_no_argument(monkeypatch):
    monkeypatch.setenv("DQ_GATE_SOURCE", "faq")
    assert load_settings(source=None).source == "faq"


def test_an_empty_variable_is_none(monkeypatch):
    monkeypatch.setenv("DQ_GATE_QUARANTINE", "")
    assert load_settings().quarantine is None


def test_every_setting_can_come_from_the_environment(home, monkeypatch):
    write(home / "keys", f"older:{SECRET}").chmod(0o600)
    texts = {
        "pack": "document", "quarantine": "redis://localhost", "namespace": "n", "source": "s", "release": "1.2",
        "state_dir": "state", "log": "stdout", "mode": "shadow", "control_file": "control", "max_input_bytes": "10",
        "admitted_sample_rate": "0.5", "store_timeout": "0.1", "shutdown_timeout": "1", "max_open": "7",
        "max_attempts": "2", "lease_seconds": "60", "retention_days": "3", "reload": "false",
        "record": "masked", "record_rate": "0.5", "record_max_mb": "1", "record_days": "2",
        "trusted_packages": "acme.rules, shop", "sealing_keys": f"newer:{SECRET}", "sealing_keys_file": "keys",
        "redis_ca_file": "ca.pem", "redis_cert_file": "gate.pem", "redis_key_file": "gate.key",
        "sentinel_password": "p", "key_prefix": "tenant", "shards": "4", "wait_replicas": "1", "wait_timeout": "0.05",
        "keep_finished_days": "9", "tombstone_days": "9", "reviewer": "ann", "max_store_mb": "10", "spool_max_mb": "11",
        "redrive_lease_s": "5", "redrive_backoff_s": "1", "redrive_backoff_max_s": "60",
        "log_max_mb": "5", "log_backups": "2", "log_queue": "100", "metrics": ":9464",
        "notify": "stdout", "webhook_secret": "whsec_", "alert_state": "sqlite:///a.db",
    }  # fmt: skip
    assert texts.keys() == Settings.model_fields.keys()
    for name, text in texts.items():
        monkeypatch.setenv(f"DQ_GATE_{name.upper()}", text)
    settings = load_settings()
    default = Settings()
    assert [name for name in texts if getattr(settings, name) == getattr(default, name)] == []


def test_a_list_in_the_environment_is_words_with_commas(monkeypatch):
    monkeypatch.setenv("DQ_GATE_TRUSTED_PACKAGES", " acme.rules,shop, ")
    assert load_settings().trusted_packages == ("acme.rules", "shop")


# The file


def test_the_nearest_file_above_the_working_directory_is_read(home):
    write(home.parent.parent / "dq_gate.toml", 'source = "far"\n')
    assert load_settings().source == "far"
    write(home.parent / "dq_gate.toml", 'source = "near"\n')
    assert load_settings().source == "near"


def test_a_table_in_pyproject_is_read(home):
    write(home / "pyproject.toml", '[tool.dq_gate]\nsource = "faq"\n')
    assert load_settings().source == "faq"


def test_a_file_of_its_own_beats_the_table_beside_it(home):
    write(home / "pyproject.toml", '[tool.dq_gate]\nsource = "table"\n')
    write(home / "dq_gate.toml", 'source = "file"\n')
    assert load_settings().source == "file"


@pytest.mark.parametrize(
    "text", ["", "[tool.other]\nsource = 1\n", "tool = 5\n", "tool = 'dq_gate'\n", "not toml", "\x00"]
)
def test_a_pyproject_without_the_table_is_passed_over(home, text):
    write(home / "pyproject.toml", text)
    write(home.parent / "dq_gate.toml", 'source = "above"\n')
    assert load_settings().source == "above"


def test_a_named_file_is_read_instead(home, monkeypatch):
    write(home / "dq_gate.toml", 'source = "near"\n')
    monkeypatch.setenv("DQ_GATE_CONFIG", str(write(home.parent / "other.toml", 'source = "named"\n')))
    assert load_settings().source == "named"


def test_a_named_file_that_is_missing_is_an_error(monkeypatch):
    monkeypatch.setenv("DQ_GATE_CONFIG", "missing.toml")
    with pytest.raises(SettingsError, match=r"DQ_GATE_CONFIG: no such file: missing\.toml"):
        load_settings()


def test_a_named_pyproject_without_the_table_is_an_error(home, monkeypatch):
    monkeypatch.setenv("DQ_GATE_CONFIG", str(write(home / "pyproject.toml", "[tool.other]\n")))
    with pytest.raises(SettingsError, match=r"has no table \[tool\.dq_gate\]"):
        load_settings()


@pytest.mark.parametrize("content", [b"source = ", b"\xff\xfe", b"\xef\xbb\xbfsource = 'a'", b"a = 1\na = 2\n"])
def test_a_file_that_is_no_toml_is_an_error_that_names_it(home, content):
    (home / "dq_gate.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=r"dq_gate\.toml: is not TOML"):
        load_settings()


# Paths


def test_paths_in_a_file_are_relative_to_it(home):
    write(home.parent / "dq_gate.toml", 'state_dir = "state"\ncontrol_file = "mode.txt"\nlog = "events.jsonl"\n')
    settings = load_settings()
    assert settings.state_dir == home.parent / "state"
    assert settings.control_file == home.parent / "mode.txt"
    assert settings.log == str(home.parent / "events.jsonl")


def test_the_state_lies_beside_the_file(home):
    write(home.parent / "dq_gate.toml", "")
    assert load_settings().state_dir == home.parent / ".dq_gate"


def test_paths_from_elsewhere_are_relative_to_the_working_directory(home, monkeypatch):
    write(home.parent / "dq_gate.toml", "")
    monkeypatch.setenv("DQ_GATE_STATE_DIR", "state")
    assert load_settings(control_file="mode.txt").state_dir == home / "state"
    assert load_settings(control_file=Path("mode.txt")).control_file == home / "mode.txt"


def test_an_absolute_path_stays(tmp_path):
    assert load_settings(state_dir=tmp_path).state_dir == tmp_path


@pytest.mark.parametrize("word", ["stderr", "stdout", "otel", "structlog", "logging", "redis://host/0?stream=a"])
def test_a_word_for_the_log_is_no_path(home, word):
    write(home / "dq_gate.toml", f'log = "{word}"\n')
    assert load_settings().log == word


def test_of_several_destinations_the_files_are_relative_to_the_settings(home):
    write(home.parent / "dq_gate.toml", 'log = "stdout, events.jsonl,redis://host/0"\n')
    log = load_settings().log
    assert log == f"stdout,{home.parent}/events.jsonl,redis://host/0"
    assert log_file(log) == f"{home.parent}/events.jsonl"


def test_a_log_without_a_file_has_none():
    assert log_file(None) is None
    assert log_file("stdout,redis://host/0") is None


def test_a_log_is_shown_without_passwords():
    log = "stderr,redis://gate:secret@host:6379/0?stream=a,/var/log/a@b.jsonl,rediss://:other@host/0"
    assert shown_log(log) == "stderr,redis://host:6379/0?stream=a,/var/log/a@b.jsonl,rediss://host/0"
    assert shown_log(None) == "stderr"
    assert "secret" not in repr(load_settings(log=log))


@pytest.mark.parametrize(
    ("pack", "loaded"),
    [("query", "query"), ("query@1", "query@1"), ("own.yaml", "{}/own.yaml"), ("rules/own", "{}/rules/own")],
)
def test_a_pack_file_in_a_settings_file_is_found_from_any_directory(home, pack, loaded):
    write(home.parent / "dq_gate.toml", f'pack = "{pack}"\n')
    assert load_settings().pack == loaded.format(home.parent)


# What is refused


def test_an_unknown_name_is_refused_wherever_it_stands(home, monkeypatch):
    hint = r"unknown setting 'max_opn'; did you mean 'max_open'\? Allowed: admitted_sample_rate, "
    with pytest.raises(SettingsError, match="argument: " + hint):
        load_settings(max_opn=1)
    monkeypatch.setenv("DQ_GATE_MAX_OPN", "1")
    with pytest.raises(SettingsError, match="DQ_GATE_MAX_OPN: " + hint):
        load_settings()
    monkeypatch.delenv("DQ_GATE_MAX_OPN")
    write(home / "dq_gate.toml", "max_opn = 1\n")
    with pytest.raises(SettingsError, match=r"dq_gate\.toml: " + hint):
        load_settings()


@pytest.mark.parametrize("variable", ["DQ_GATE_CONFIG", "DQ_GATE_TRACEBACK"])
def test_variables_of_the_command_line_are_no_settings(home, monkeypatch, variable):
    monkeypatch.setenv(variable, str(write(home / "empty.toml", "")))
    load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mode", "Enforce"), ("namespace", "Upper"), ("namespace", "a\n"), ("namespace", "n" * 65), ("source", ""),
        ("source", "a b"), ("max_open", 0), ("max_open", "many"), ("max_input_bytes", 0), ("admitted_sample_rate", 1.1),
        ("admitted_sample_rate", float("nan")), ("store_timeout", 0), ("store_timeout", 0.3), ("shutdown_timeout", -1),
        ("shutdown_timeout", float("inf")), ("lease_seconds", 0), ("lease_seconds", float("inf")),
        ("retention_days", 0), ("release", "r" * 65), ("release", "\udcff"), ("state_dir", 5), ("quarantine", 5),
        ("pack", 5), ("log", 5),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused_by_name(name, value):
    with pytest.raises(SettingsError) as caught:
        load_settings(**{name: value})
    assert str(caught.value).startswith(f"argument: {name}: ")
    assert "\n" not in str(caught.value)


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        load_settings().mode = "off"


def test_every_setting_is_described():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


# Sealing keys


@pytest.fixture
def keys_file(home):
    """A file of keys that only its owner can read."""
    path = home / "sealing-keys"
    path.touch(0o600)
    path.write_text(f"# ours\n2026-07:{OTHER}\n\n2026-01:{SECRET}  # to be removed\n", encoding="ascii")
    return path


def test_the_first_key_is_the_one_that_seals(monkeypatch):
    monkeypatch.setenv("DQ_GATE_SEALING_KEYS", f"2026-07:{OTHER}, 2026-01:{SECRET}")
    keys = load_settings().sealing_keys
    assert [key.id for key in keys] == ["2026-07", "2026-01"]
    assert keys[1] == SealingKey("2026-01", bytes(range(32)))


def test_keys_are_read_from_a_file_too_after_those_of_the_setting(keys_file, monkeypatch):
    assert [key.id for key in load_settings(sealing_keys_file="sealing-keys").sealing_keys] == ["2026-07", "2026-01"]
    settings = load_settings(sealing_keys=f"first:{SECRET}", sealing_keys_file=keys_file)
    assert [key.id for key in settings.sealing_keys] == ["first", "2026-07", "2026-01"]


def test_a_file_of_keys_is_named_from_the_settings_file(keys_file, home, monkeypatch):
    write(home / "dq_gate.toml", 'sealing_keys_file = "sealing-keys"\n')
    monkeypatch.chdir(home.parent)
    monkeypatch.setenv("DQ_GATE_CONFIG", str(home / "dq_gate.toml"))
    assert len(load_settings().sealing_keys) == 2


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o620, 0o602])
def test_a_file_of_keys_that_is_open_to_others_is_refused(keys_file, mode):
    keys_file.chmod(mode)
    with pytest.raises(SettingsError, match="chmod 600"):
        load_settings(sealing_keys_file=keys_file)


def test_a_group_may_read_a_file_of_keys(keys_file):
    keys_file.chmod(0o440)
    assert len(load_settings(sealing_keys_file=keys_file).sealing_keys) == 2


@pytest.mark.parametrize(
    "content", [b"", b"# nothing\n", b"\xff", None], ids=["empty", "comments", "binary", "no file"]
)
def test_a_file_without_keys_is_refused(keys_file, content):
    if content is None:
        keys_file.unlink()
    else:
        keys_file.write_bytes(content)
    with pytest.raises(SettingsError, match="sealing-keys"):
        load_settings(sealing_keys_file=keys_file)


def test_a_mistake_in_the_file_names_the_file(keys_file):
    keys_file.write_text("2026-01:short\n", encoding="ascii")
    with pytest.raises(SettingsError, match=r"sealing-keys: sealing_keys: key '2026-01' is not base64"):
        load_settings(sealing_keys_file=keys_file)


MISTAKES = {
    SECRET: "key 1 is not id:base64",
    f"UPPER:{SECRET}": "key 1 is not id:base64",
    f"{'x' * 33}:{SECRET}": "key 1 is not id:base64",
    f":{SECRET}": "key 1 is not id:base64",
    f"a:{SECRET}!": "key 'a' is not base64",
    f"a:{SECRET[:-4]}": "not base64|bytes, not 32",
    f"b:{OTHER},a:{SECRET}{SECRET}": "key 'a' (is not base64|has)",
    f"a:{SECRET},a:{OTHER}": "key 'a' is there twice",
    "a:": "key 'a' has 0 bytes, not 32",
}


@pytest.mark.parametrize(("text", "reason"), MISTAKES.items(), ids=range(len(MISTAKES)))
def test_a_key_that_is_none_is_refused_and_not_shown(monkeypatch, text, reason):
    monkeypatch.setenv("DQ_GATE_SEALING_KEYS", text)
    with pytest.raises(SettingsError, match=reason) as caught:
        load_settings()
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__context__)
    assert "DQ_GATE_SEALING_KEYS" in told
    assert [secret for secret in (SECRET[:10], OTHER[:10]) if secret in told.partition("Error:")[2]] == []


@pytest.mark.parametrize("value", [5, {"a": SECRET}, [5], [SECRET]])
def test_keys_of_another_type_are_refused_and_not_shown(value):
    with pytest.raises(SettingsError, match="sealing_keys") as caught:
        load_settings(sealing_keys=value)
    assert SECRET not in f"{caught.value} {caught.value.__context__}"


def test_settings_show_no_key():
    settings = load_settings(sealing_keys=f"a:{SECRET}")
    assert [text for text in (repr(settings), str(settings), repr(settings.sealing_keys)) if "x00" in text] == []


def test_addresses_of_notifiers_stand_one_a_line_in_the_environment(monkeypatch):
    monkeypatch.setenv("DQ_GATE_NOTIFY", "page,ticket=webhook+https://h/?a,b\n\n  command:notify-send a b\n")
    assert load_settings().notify == ("page,ticket=webhook+https://h/?a,b", "command:notify-send a b")


def test_secrets_of_notifiers_are_never_shown(monkeypatch):
    monkeypatch.setenv("DQ_GATE_NOTIFY", f"webhook+https://{SECRET}@h/")
    monkeypatch.setenv("DQ_GATE_WEBHOOK_SECRET", SECRET)
    assert SECRET not in repr(load_settings()) + str(load_settings())
    with pytest.raises(SettingsError) as caught:
        load_settings(notify={SECRET: SECRET}, webhook_secret=[SECRET])
    assert SECRET not in str(caught.value)
