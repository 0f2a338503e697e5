"""`akeso knowledge` without a running Akeso."""

import json
from pathlib import Path

import pytest

from akeso.domain.errors import NotFound
from akeso.faces.cli.knowledge import explain, list_symptoms


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_list_tells_what_each_symptom_brings_about(capsys: pytest.CaptureFixture[str]) -> None:
    list_symptoms(as_json=True)
    found = {symptom["name"]: symptom for symptom in json.loads(capsys.readouterr().out)}
    assert [link["effect"] for link in found["thermal_throttling"]["effects"]] == ["slow_clock"]
    list_symptoms()
    assert "thermal_throttling" in capsys.readouterr().out


def test_a_symptom_is_explained_with_sources_to_its_last_effect(capsys: pytest.CaptureFixture[str]) -> None:
    explain("coolant_leak")
    told = " ".join(capsys.readouterr().out.split())
    assert "metric" in told
    assert "ASHRAE" in told
    assert "long_lock_times" in told


def test_a_team_s_own_knowledge_is_told_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "own.yaml").write_text("symptoms: {door_open: {says: the door is open, layer: physical}}")
    (folder / "akeso.toml").write_text('knowledge = "own.yaml"')
    explain("door_open", as_json=True)
    assert json.loads(capsys.readouterr().out)["says"] == "the door is open"


def test_a_misspelt_symptom_is_answered_with_the_nearest() -> None:
    with pytest.raises(NotFound, match="did you mean overheating"):
        explain("overheatin")
