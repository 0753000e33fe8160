"""Settings: read once, never changed, explained when wrong, and no secret is ever shown."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from hub.core.settings import Settings, SettingsError, load_settings, secret_path, settings_table


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"HUB_{name.upper()}", raising=False)
    monkeypatch.setenv("HUB_HOME", str(tmp_path))


def test_every_setting_stands_in_the_table_with_its_meaning() -> None:
    rows = settings_table().splitlines()[2:]
    assert len(rows) == len(Settings.model_fields)
    for row, (name, field) in zip(rows, Settings.model_fields.items(), strict=True):
        assert row.startswith(f"| `HUB_{name.upper()}` |")
        assert field.description
        assert field.description in row


def test_settings_never_change() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]  # the point of the test


def test_an_empty_variable_counts_as_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_GATE_URL", "")
    monkeypatch.setenv("HUB_REDIS_URL", "redis://cache")
    assert load_settings().gate() == "redis://cache"


def test_a_wrong_value_is_explained_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_PORT", "eighty")
    monkeypatch.setenv("HUB_LOG_LEVEL", "loud")
    with pytest.raises(SettingsError, match=r"HUB_PORT: .*integer.*; HUB_LOG_LEVEL: "):
        load_settings()


def test_a_wrong_secret_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_SECRET_KEY", "hunter2")
    with pytest.raises(SettingsError, match=r"HUB_SECRET_KEY: .*at least 32") as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)


def test_a_secret_is_not_printed_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_SECRET_KEY", "k" * 40)
    settings = load_settings()
    assert settings.secret() == "k" * 40
    assert "kkk" not in repr(settings)


def test_the_kept_secret_serves_every_process_of_the_home(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="HUB_SECRET_KEY is not set"):
        load_settings().secret()
    secret_path(tmp_path).write_text("s" * 64 + "\n")
    assert load_settings().secret() == "s" * 64


def test_a_given_secret_goes_before_the_kept_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret_path(tmp_path).write_text("s" * 64)
    monkeypatch.setenv("HUB_SECRET_KEY", "g" * 32)
    assert load_settings().secret() == "g" * 32


def test_the_console_is_reached_on_this_machine_whatever_it_listens_on() -> None:
    assert Settings(host="::", port=9000).console_url == "http://127.0.0.1:9000"
    assert Settings(host="::1", port=9000).console_url == "http://[::1]:9000"


def test_a_missing_address_says_which_variable_gives_it() -> None:
    with pytest.raises(SettingsError, match="HUB_DATABASE_URL is not set"):
        Settings().database()
