"""Detectors that look at all metrics of a service together."""

from importlib.util import find_spec

import numpy as np
import pytest

from akeso.composition.detection import make_detectors
from akeso.config.settings import load_settings
from akeso.domain.estate.service import Services
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Floats, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.detectors.autoencoder import Autoencoder
from akeso.plugins.discovery import discover
from akeso.ports.detector import Detector

METRICS, SLOTS, START = 6, 600, 1_700_000_040  # a turn begins with it
# The forest is grown by the extra [ml]; before a landing it is installed (tests/extras).
NAMES = ["autoencoder", "isolation_forest"] if find_spec("sklearn") else ["autoencoder"]


def table(services: int = 1) -> SeriesTable:
    made = SeriesTable()
    made.intern_all(SeriesKey("t", f"s{s}", f"m{m}") for s in range(services) for m in range(METRICS))
    return made


def values(slots: int, services: int = 1, seed: int = 1) -> Floats:
    """float64[slots, services * METRICS]: the load of a service drives all its metrics, half of them downwards."""
    random = np.random.default_rng(seed)
    load = np.repeat(random.uniform(-1.0, 1.0, (slots, services)), METRICS, axis=1)
    sign = np.resize([1.0, -1.0], services * METRICS)
    return np.asarray(100.0 + 30.0 * load * sign + random.normal(0.0, 1.5, load.shape))


def slot(number: int, row: Floats) -> FeatureFrame:
    return FeatureFrame((START + number) * NANOSECONDS, NANOSECONDS, row, np.zeros(len(row), np.uint8))


def made(name: str, services: int = 1) -> Detector:
    detector: Detector = discover("detectors")[name](table=table(services), pace_s=1.0)
    return detector


def taught(name: str, services: int = 1) -> tuple[Detector, Floats]:
    """(the detector, its scores in the second half)."""
    detector, found = made(name, services), []
    for number, row in enumerate(values(SLOTS, services)):
        if number >= SLOTS // 2:
            found.append(detector.score(slot(number, row)).score)
        detector.learn(slot(number, row), np.ones(len(row), bool))
    return detector, np.array(found)


def apart(services: int = 1) -> Floats:
    """Each metric well within its range, and one of service 0 where the others' load never has it."""
    row = np.resize([125.0, 75.0], services * METRICS)
    row[2] = 78.0
    return row


@pytest.mark.parametrize("name", NAMES)
def test_a_combination_that_never_was_is_noticed_though_each_value_is_usual(name: str) -> None:
    detector, calm = taught(name)
    assert np.mean(calm.max(axis=1) >= 1.0) < 0.02
    assert detector.score(slot(SLOTS, apart())).score.max() > 1.0


def test_the_metric_that_does_not_fit_scores_highest() -> None:
    detector, _ = taught("autoencoder")
    assert int(detector.score(slot(SLOTS, apart())).score.argmax()) == 2


@pytest.mark.parametrize("name", NAMES)
def test_another_service_is_not_blamed(name: str) -> None:
    detector, _ = taught(name, services=2)
    score = detector.score(slot(SLOTS, apart(2))).score
    assert score[:METRICS].max() > 1.0
    assert score[METRICS:].max() < 1.0


@pytest.mark.parametrize("name", NAMES)
def test_what_is_restored_is_fitted_again_to_the_same(name: str) -> None:
    detector, _ = taught(name)
    twin = made(name)
    twin.restore(detector.snapshot())
    for number, row in enumerate(values(150, seed=9), start=SLOTS):
        np.testing.assert_array_equal(twin.score(slot(number, row)).score, detector.score(slot(number, row)).score)
        for each in (twin, detector):
            each.learn(slot(number, row), np.ones(len(row), bool))


def test_nothing_is_said_before_a_model_is_fitted() -> None:
    detector = Autoencoder(table())
    for number, row in enumerate(values(100)):
        assert not detector.score(slot(number, row)).score.any()
        detector.learn(slot(number, row), np.ones(METRICS, bool))


def test_a_missing_value_is_neither_judged_nor_does_it_hide_the_others() -> None:
    detector, _ = taught("autoencoder")
    row = apart()
    row[5] = np.nan
    score = detector.score(slot(SLOTS, row)).score
    assert score[5] == 0.0
    assert score.argmax() == 2
    assert score[2] > 0.8


def test_the_settings_switch_them_on_and_they_get_the_table() -> None:
    features = table(2)
    assert "autoencoder" not in make_detectors(load_settings(None, {}), Services(), features)
    settings = load_settings(None, {"detectors": {"autoencoder": {"pace_s": 1.0}}})
    detector = make_detectors(settings, Services(), features)["autoencoder"]
    for number, row in enumerate(values(SLOTS, 2)):
        detector.learn(slot(number, row), np.ones(len(row), bool))
    score = detector.score(slot(SLOTS, apart(2))).score
    assert score[:METRICS].max() > 1.0 > score[METRICS:].max()
