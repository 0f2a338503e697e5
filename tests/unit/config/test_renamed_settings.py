"""Settings of earlier releases: understood under their old names, with a warning that names the present ones."""

from operator import attrgetter
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from akeso.config.settings import Settings, load_settings
from akeso.domain.detection.vote import Vote
from akeso.domain.errors import InvalidSettings
from akeso.domain.renamed import SETTINGS, current


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(**overrides: object) -> InvalidSettings:
    with pytest.raises(InvalidSettings) as refusal:
        load_settings(None, overrides)
    return refusal.value


@pytest.mark.parametrize("old", SETTINGS)
def test_every_present_name_is_a_setting(old: str) -> None:
    attrgetter(current(old))(Settings())


def test_an_old_name_in_the_file_sets_what_it_is_called_now(folder: Path) -> None:
    (folder / "akeso.toml").write_text("[features.features]\nlooks = false\nslot = 0.5\n[budget]\ncredit = 3\n")
    with capture_logs() as logs:
        settings = load_settings()
    assert (settings.features.early_evaluation, settings.features.slot.total_seconds()) == (False, 0.5)
    assert settings.budget.initial_tokens == 3
    said = {(each["setting"], each["now"]) for each in logs if each["event"] == "settings.renamed"}
    assert ("features.features.looks", "features.early_evaluation") in said
    assert ("budget.credit", "budget.initial_tokens") in said


def test_an_old_name_in_the_environment_wins_over_the_present_one_in_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "akeso.toml").write_text("[decision]\nmin_samples = 9\n")
    monkeypatch.setenv("AKESO_DECISION__DECIDE__WARM", "7")
    monkeypatch.setenv("AKESO_MODEL__DECIDE__ADVISORY", '["cusum"]')
    with capture_logs() as logs:
        settings = load_settings()
    assert (settings.decision.min_samples, settings.votes) == (7, {"cusum": Vote.NONE})
    assert {"AKESO_DECISION__MIN_SAMPLES", "AKESO_VOTES__CUSUM"} <= {each.get("now") for each in logs}


def test_a_list_of_detectors_gives_each_of_them_its_vote() -> None:
    lists = {"alone": ["cusum"], "advisory": ["iqr", "ewma"], "rules": ["silence"]}
    with capture_logs() as logs:
        votes = load_settings(None, {"decision": {"decide": lists}}).votes
    assert votes == {"cusum": Vote.STANDALONE, "iqr": Vote.NONE, "ewma": Vote.NONE, "silence": Vote.RULE}
    assert "votes.cusum" in {each.get("now") for each in logs}


def test_one_detector_in_two_lists_is_refused() -> None:
    assert "votes.cusum is given twice" in refused(decision={"alone": ["cusum"], "advisory": ["cusum"]}).reason


def test_old_names_within_a_variable_that_holds_a_section_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKESO_FEATURES", '{"features": {"enough": 5}, "live": 2}')
    features = load_settings().features
    assert (features.min_calls, features.live.total_seconds()) == (5, 2.0)


def test_an_old_name_given_by_a_command_is_understood() -> None:
    advance = load_settings(None, {"healing": {"agent": {"advance": {"settle": 0.5}}}}).healing.agent.advance
    assert advance.initial_delay.total_seconds() == 0.5


def test_two_sections_that_became_one_may_say_the_same_and_nothing_else() -> None:
    alike = {"decision": {"decide": {"warm": 3}}, "model": {"decide": {"warm": 3}}}
    assert load_settings(None, alike).model.decide.min_samples == 3
    unlike = refused(decision={"min_samples": 4}, model={"decide": {"warm": 3}})
    assert unlike.reason.startswith("decision.min_samples is given twice")


def test_present_names_are_taken_without_a_word() -> None:
    with capture_logs() as logs:
        load_settings(None, {"budget": {"initial_tokens": 2}, "decision": {"high_score": 2.5}})
    assert logs == []


@pytest.mark.parametrize(
    ("overrides", "field", "place"),
    [
        ({"healing": {"agent": {"advance": {"dry_run": False}}}}, "healing.agent.advance.dry_run", "dry_run"),
        ({"healing": {"gate": {"govern": {"trust": "auto"}}}}, "healing.gate.govern.trust", "trust"),
        ({"models": {"pipeline": {"recent": 60}}}, "models.pipeline.recent", "selfcheck.drift_window"),
        ({"model": {"score": {"model": "3"}}}, "model.score.model", "run time"),
    ],
)
def test_what_would_be_overwritten_is_refused_and_its_place_named(
    overrides: dict[str, object], field: str, place: str
) -> None:
    refusal = refused(**overrides)
    assert refusal.field == field
    assert place in refusal.reason


def test_what_is_set_once_is_read_at_every_place() -> None:
    given = {"trust": "auto", "dry_run": False, "healing": {"guards": {"repeats": 5, "repeat_window": 60}}}
    healing = load_settings(None, given).healing
    assert (healing.gate.govern.trust.name, healing.gate.govern.dry_run) == ("AUTO", False)
    assert healing.agent.advance.dry_run is False
    assert healing.gate.guards == healing.effects.guards == healing.guards
    assert healing.gate.govern.repeat_window.total_seconds() == 60


def test_a_change_of_one_value_reaches_every_place() -> None:
    settings = load_settings()
    changed = settings.changed(dry_run=False)
    assert changed.healing.agent.advance.dry_run is False
    assert settings.healing.agent.advance.dry_run is True
