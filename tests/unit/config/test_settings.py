"""Settings: which source wins, and that whatever is misspelt or of the wrong kind is refused by name."""

from datetime import timedelta
from pathlib import Path

import pytest

from akeso.config.settings import Settings, load_settings
from akeso.domain.errors import InvalidSettings
from akeso.domain.estate.service import Trust


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(**overrides: object) -> InvalidSettings:
    with pytest.raises(InvalidSettings) as refusal:
        load_settings(None, overrides)
    return refusal.value


def test_without_anything_effects_are_only_shown_and_ask_for_a_person() -> None:
    settings = load_settings()
    assert (settings.dry_run, settings.trust, settings.host) == (True, Trust.APPROVE, "127.0.0.1")
    assert settings.journal_url == f"sqlite+aiosqlite:///{Path.cwd() / 'akeso-data' / 'akeso.db'}"


def test_a_command_wins_over_the_environment_over_env_file_over_toml(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "akeso.toml").write_text('tenant = "toml"\nport = 1\nhost = "toml"\nlog_level = "error"\n')
    (folder / ".env").write_text("AKESO_TENANT=file\nAKESO_PORT=2\nAKESO_HOST=file\n")
    monkeypatch.setenv("AKESO_TENANT", "environment")
    monkeypatch.setenv("AKESO_PORT", "3")
    settings = load_settings(None, {"tenant": "command"})
    assert (settings.tenant, settings.port, settings.host, settings.log_level) == ("command", 3, "file", "error")


def test_nested_names_are_merged_from_all_sources(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "akeso.toml").write_text("[healing.agent.advance]\ninitial_delay = 7\nrecheck_interval = 8\n")
    monkeypatch.setenv("AKESO_HEALING__AGENT__ADVANCE__INITIAL_DELAY", "0.3")
    advance = load_settings(None, {"healing": {"agent": {"advance": {"plans": 5}}}}).healing.agent.advance
    assert (advance.initial_delay, advance.recheck_interval, advance.plans) == (
        timedelta(seconds=0.3),
        timedelta(seconds=8),
        5,
    )


@pytest.mark.parametrize("text", ["2.5", "PT2.5S", "00:00:02.5"])
def test_durations_are_seconds_also_where_there_is_only_text(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKESO_RUNTIME__HEARTBEAT", text)
    assert load_settings().runtime.heartbeat == timedelta(seconds=2.5)


def test_options_of_plugins_are_passed_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKESO_DETECTORS", '{"ewma": {"alpha": 0.5}}')
    assert load_settings().detectors == {"ewma": {"alpha": 0.5}}


def test_a_misspelt_name_is_refused_wherever_it_stands(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(trsut="auto").field == "trsut"
    assert refused(healing={"agnet": {}}).field == "healing.agnet"
    assert refused(healing={"agent": {"advance": {"initial_dely": 1}}}).field == "healing.agent.advance.initial_dely"
    (folder / "akeso.toml").write_text("[runtime]\ntik = 1\n")
    assert refused().field == "runtime.tik"
    (folder / "akeso.toml").unlink()
    (folder / ".env").write_text("AKESO_TRSUT=auto\n")
    assert refused().field == "akeso_trsut"
    (folder / ".env").unlink()
    monkeypatch.setenv("AKESO_TRSUT", "auto")
    assert refused().field == "AKESO_TRSUT"
    monkeypatch.delenv("AKESO_TRSUT")
    monkeypatch.setenv("AKESO_RUNTIME__TIK", "1")
    assert refused().field == "runtime.tik"


def test_what_belongs_to_others_is_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("DATABASE_URL=postgresql://x\nAKESO_TRUST=auto\nAKESO_URL=http://x\n")
    monkeypatch.setenv("AKESO_API_KEY", "ak_x")
    assert load_settings().trust is Trust.AUTO


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"port": "many"}, "port"),
        ({"port": 70000}, "port"),
        ({"trust": "blind"}, "trust"),
        ({"dry_run": "perhaps"}, "dry_run"),
        ({"tenant": ""}, "tenant"),
        ({"log_level": "loud"}, "log_level"),
        ({"runtime": 3}, "runtime"),
        ({"runtime": {"attempts": "often"}}, "runtime.attempts"),
        ({"runtime": {"tick": "soon"}}, "runtime.tick"),
        ({"detectors": {"ewma": 3}}, "detectors.ewma"),
    ],
)
def test_a_wrong_value_is_refused_by_name(overrides: dict[str, object], field: str) -> None:
    assert refused(**overrides).field == field


def test_files_that_cannot_be_read_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidSettings, match=r"none\.toml: there is no such settings file"):
        load_settings(Path("none.toml"))
    (folder / "bad.toml").write_text("port = = 1")
    with pytest.raises(InvalidSettings, match=r"bad\.toml: is no TOML"):
        load_settings(Path("bad.toml"))
    monkeypatch.setenv("AKESO_HEALING", "{")
    assert refused().field == "environment"


def test_settings_cannot_be_changed_afterwards() -> None:
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.dry_run = False


def test_every_setting_has_a_default() -> None:
    assert all(not field.is_required() for field in Settings.model_fields.values())


def test_the_key_of_a_language_model_comes_from_akeso_s_variable_or_the_provider_s(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    chosen = {"llm": {"provider": "groq", "model": "m"}}
    assert load_settings(None, chosen).llm.api_key.get_secret_value() == ""
    (folder / ".env").write_text("GROQ_API_KEY=from-file\nOPENAI_API_KEY=of-another\n")
    assert load_settings(None, chosen).llm.api_key.get_secret_value() == "from-file"
    monkeypatch.setenv("GROQ_API_KEY", "from-environment")
    assert load_settings(None, chosen).llm.api_key.get_secret_value() == "from-environment"
    monkeypatch.setenv("AKESO_LLM__API_KEY", "own")
    settings = load_settings(None, chosen)
    assert settings.llm.api_key.get_secret_value() == "own"
    assert "own" not in repr(settings.llm)


def test_the_language_model_has_times_and_limits_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKESO_LLM__PATIENCE__EACH", "7.5")
    monkeypatch.setenv("AKESO_LLM__LIMITS__DAY_MONEY", "2.5")
    llm = load_settings().llm
    assert (llm.patience.each, llm.limits.day_money) == (timedelta(seconds=7.5), 2.5)
    assert refused(llm={"provider": "oracle"}).field == "llm.provider"
    assert refused(llm={"limits": {"day_moeny": 1}}).field == "llm.limits.day_moeny"
