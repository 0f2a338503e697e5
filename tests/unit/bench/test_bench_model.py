"""akeso bench model: every figure is there, and drift is told from wandering."""

import json

import pytest

from akeso.bench.model import model


def test_the_figures_are_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    model(as_json=True, series=20, seed=2)
    figures = json.loads(capsys.readouterr().out)
    assert figures["train_with_labels_s"] > figures["train_s"] > 0
    assert 0 < figures["artefact_mb"] < figures["state_mb"]
    assert figures["wandering_called_drift_at_most"] < 0.5 <= figures["drift_found_at_least"]
    assert figures["wandering_beyond_plain_bounds_at_least"] > figures["wandering_called_drift_at_most"]
