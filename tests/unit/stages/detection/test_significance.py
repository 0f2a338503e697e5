"""A p-value tells how often a normal series is scored as high."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.detection.vote import Vote
from akeso.domain.messages import Prediction
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Floats, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import Signal
from akeso.faces.api.views import anomaly_view
from akeso.plugins.discovery import build
from akeso.stages.detection.decide import DecideOptions, DecideState, decide
from akeso.stages.detection.score import ScoreOptions, score
from akeso.stages.detection.series_facts import FactsTable
from akeso.stages.detection.significance import Significance

SERIES, WARM, JUDGED = 300, 300, 100
Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]
SHAPES: dict[str, Draw] = {
    "normal": lambda random, size: 50.0 + 5.0 * random.standard_normal(size),
    "lognormal": lambda random, size: random.lognormal(3.0, 0.5, size),
    "heavy": lambda random, size: 100.0 + random.standard_t(4, size),
    "even": lambda random, size: random.uniform(1.0, 9.0, size),
}


def said(scores: Floats, slot: int = 0, signal: Signal = Signal.OTHER) -> Prediction:
    """Two detectors that agree on these scores."""
    nothing = np.full(len(scores), np.nan)
    signals = np.full(len(scores), signal, np.uint8)
    frame = FeatureFrame((slot + 1) * NANOSECONDS, NANOSECONDS, np.ones(len(scores)), signals)
    return Prediction(
        frame, ("ewma", "z_score"), (Vote.SHARED, Vote.SHARED), np.stack([scores, scores]), nothing, nothing, "1", 0.0
    )


def taught(scores: Floats) -> Significance:
    """scores: float64[slots, series]."""
    found = Significance()
    for slot, row in enumerate(scores):
        found.learn(said(row, slot), np.ones(len(row), bool))
    return found


def p_values(draw: Draw, signal: Signal, seed: int) -> Floats:
    """All p-values of made normal series that the real detectors scored."""
    random = np.random.default_rng(seed)
    values = np.maximum(draw(random, (WARM + JUDGED, SERIES)), 0.0)
    voters = ("ewma", "iqr", "z_score")
    detectors = {name: one for name, one in build("detectors").items() if name in voters}
    significance, found, everything = Significance(), [], np.ones(SERIES, bool)
    for slot, row in enumerate(values):
        frame = FeatureFrame((slot + 1) * NANOSECONDS, NANOSECONDS, row, np.full(SERIES, signal, np.uint8))
        prediction = significance.judged(score(frame, detectors, ScoreOptions(), perf_counter))
        if slot >= WARM:
            found.append(prediction.p_value)
        for detector in detectors.values():
            detector.learn(frame, everything)
        significance.learn(prediction, everything)
    return np.concatenate(found)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("signal", [Signal.OTHER, Signal.LATENCY])
def test_p_values_of_normal_series_are_uniform_in_the_tail(name: str, signal: Signal) -> None:
    found = p_values(SHAPES[name], signal, 5)
    assert np.isfinite(found).all()
    for level in (0.3, 0.1, 0.05):
        assert np.mean(found <= level) == pytest.approx(level, rel=0.5), level
    # Beyond what the past can tell, rather too large than too small.
    assert np.mean(found <= 0.01) < 0.02
    assert np.mean(found <= 1e-3) < 3e-3
    assert np.mean(found <= 1e-5) < 1e-4


@settings(max_examples=5, deadline=None)
@given(shape=st.floats(0.3, 5.0), scale=st.floats(0.05, 2.0), seed=st.integers(0, 2**32 - 1))
def test_p_values_are_uniform_whatever_scores_are_distributed_like(shape: float, scale: float, seed: int) -> None:
    scores = np.random.default_rng(seed).gamma(shape, scale, (400, 300))
    significance, found = taught(scores[:300]), []
    for slot, row in enumerate(scores[300:], start=300):
        judged = significance.judged(said(row, slot))
        found.append(judged.p_value[row >= 0.02])
        significance.learn(judged, np.ones(len(row), bool))
    seen = np.concatenate(found)
    among = scores[300:].size
    for level in (0.05, 0.01, 2e-3):
        # No more than promised, and not far fewer where the grid can tell.
        assert np.sum(seen <= level) / among <= 1.4 * level + 3 * np.sqrt(level / among)
    assert np.sum(seen <= 0.05) / among >= 0.025 or np.quantile(scores, 0.95) < 0.1


def test_what_was_never_as_high_is_rarer_than_one_in_the_past() -> None:
    significance = taught(np.random.default_rng(1).gamma(2.0, 0.1, (500, 3)))
    usual, high, higher = significance.judged(said(np.array([0.2, 2.0, 4.0]))).p_value
    assert usual > 0.2
    assert high < 1 / 500
    assert 0 < higher < high


def test_there_is_no_opinion_without_a_past_a_value_or_statistics() -> None:
    assert np.isnan(Significance().judged(said(np.ones(3))).p_value).all()
    significance = taught(np.random.default_rng(1).gamma(2.0, 0.1, (100, 2)))
    absent = said(np.ones(2))
    absent.frame.values[0] = np.nan
    assert np.isnan(significance.judged(absent).p_value).tolist() == [True, False]
    assert np.isnan(significance.judged(said(np.ones(2), signal=Signal.SILENCE)).p_value).all()


def test_what_is_not_normal_is_not_learnt() -> None:
    significance = taught(np.random.default_rng(1).gamma(2.0, 0.1, (200, 1)))
    before = significance.judged(said(np.array([3.0]))).p_value
    for slot in range(50):
        significance.learn(said(np.array([3.0]), slot), np.array([False]))
    assert significance.judged(said(np.array([3.0]))).p_value == before


def test_a_restored_snapshot_goes_on_where_the_other_stands() -> None:
    significance, twin = taught(np.random.default_rng(1).gamma(2.0, 0.1, (100, 4))), Significance()
    twin.restore(significance.snapshot())
    row = said(np.array([0.1, 0.5, 1.0, 3.0]))
    np.testing.assert_array_equal(twin.judged(row).p_value, significance.judged(row).p_value)


def test_an_anomaly_carries_the_p_value_of_its_slot() -> None:
    table = SeriesTable()
    table.intern_all([SeriesKey("t", "api", "queue_depth")])
    facts, state = FactsTable(table), DecideState()
    raised: list[Anomaly] = []
    for slot in range(5):
        loud = replace(said(np.array([5.0]), slot), p_value=np.array([1e-6 * (slot + 1)]))
        judgement = decide(replace(loud, expected=np.zeros(1)), facts, state, DecideOptions(min_samples=0))
        state = judgement.state
        raised += judgement.decision.raised
    (anomaly,) = raised
    decided = round(anomaly.detected_at.timestamp()) - 1
    assert anomaly.p_value == pytest.approx(1e-6 * (decided + 1))


def test_asking_changes_nothing() -> None:
    significance = taught(np.random.default_rng(1).gamma(2.0, 0.1, (100, 4)))
    before = significance.snapshot()
    significance.judged(said(np.full(4, 9.0)))
    assert all(np.array_equal(before[name], array) for name, array in significance.snapshot().items())


def test_an_unknown_p_value_is_null_to_the_outside() -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    anomaly = Anomaly("a", "t", SeriesKey("t", "api", "m"), Signal.OTHER, at, at, 2.0, 9.0, 1.0, 1.0)
    assert anomaly_view(anomaly)["p_value"] is None
    assert anomaly_view(replace(anomaly, p_value=1e-4))["p_value"] == pytest.approx(1e-4)
