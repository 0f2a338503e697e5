"""Drift statistics, by hand."""

from math import log, log2

import numpy as np
import pytest

from akeso.domain.telemetry.signal import Signal
from akeso.stages.model.drift import DriftOptions, drift, drifted, judged, summarise, variability

TEN = np.arange(1.0, 11.0)[:, None]  # its deciles are its values


def test_equal_samples_have_not_drifted() -> None:
    found = drift(TEN, TEN, bins=5)
    assert found.ks[0] == found.js[0] == 0.0
    assert found.psi[0] == pytest.approx(0.0)


def test_the_stability_index_by_hand() -> None:
    # Two bins, split at the median 5: 5 and 5 of ten before, 1 and 9 after; half a value is added to each.
    after = np.array([1.0, *[9.0] * 9])[:, None]
    before_low, before_high, after_low, after_high = 5.5 / 11, 5.5 / 11, 1.5 / 11, 9.5 / 11
    by_hand = (after_low - before_low) * log(after_low / before_low)
    by_hand += (after_high - before_high) * log(after_high / before_high)
    found = drift(TEN, after, bins=2)
    assert found.psi[0] == pytest.approx(by_hand)
    assert found.chance[0] == pytest.approx(1 * (1 / 10 + 1 / 10))


def test_the_divergence_by_hand() -> None:
    after = np.array([1.0, *[9.0] * 9])[:, None]
    p, q = (0.5, 0.5), (0.1, 0.9)
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    by_hand = sum(a * log2(a / m) + b * log2(b / m) for a, b, m in zip(p, q, middle, strict=True)) / 2
    assert drift(TEN, after, bins=2).js[0] == pytest.approx(by_hand)


def test_the_distance_by_hand() -> None:
    # Up to 3 there are .3 before and none after, from 3.5 on still .3 before and all after.
    after = np.full((4, 1), 3.5)
    assert drift(TEN, after).ks[0] == pytest.approx(0.7)


def test_samples_that_do_not_meet_are_as_far_apart_as_can_be() -> None:
    found = drift(TEN, TEN + 100, bins=5)
    assert found.ks[0] == pytest.approx(1.0)
    assert found.psi[0] > 1.5
    # All recent values lie in the last bin, which held a fifth before: .8 log2 2, and the last bin's two terms.
    by_hand = (0.8 * 1 + 0.2 * log2(0.2 / 0.6) + log2(1 / 0.6)) / 2
    assert found.js[0] == pytest.approx(by_hand)


def test_features_without_values_say_nothing() -> None:
    nothing = np.full((10, 1), np.nan)
    for found in (drift(nothing, TEN), drift(TEN, nothing)):
        assert np.isnan([found.psi[0], found.ks[0], found.js[0]]).all()


def test_what_never_moves_and_what_has_too_few_values_is_not_judged() -> None:
    random = np.random.default_rng(1)
    reference, recent = random.normal(size=(60, 4)), random.normal(size=(30, 4))
    reference[:, 0] = recent[:, 0] = 0.0  # an error ratio without errors
    recent[5:, 1] = np.nan
    signals = np.array([Signal.ERRORS, Signal.LATENCY, Signal.TRAFFIC, Signal.LATENCY], np.uint8)
    assert judged(reference, recent, signals, 20).tolist() == [False, False, False, True]
    reference[:, 0] = 1.0  # it was one, and is another
    assert judged(reference, recent, signals, 20)[0]


def shifted(share: float, seed: int, slots: int = 24) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    reference, recent = random.lognormal(size=(30, 40)), random.lognormal(size=(slots, 40))
    recent[:, : int(share * 40)] *= 20
    return reference, recent, np.full(40, Signal.LATENCY, np.uint8)


@pytest.mark.parametrize("seed", range(40))
def test_chance_alone_is_no_drift_even_with_small_samples(seed: int) -> None:
    summary = summarise(*shifted(0.0, seed), DriftOptions())
    assert summary.features == 40
    assert not drifted(summary, DriftOptions())
    assert summary.share < 0.25


@pytest.mark.parametrize("seed", range(5))
def test_most_features_have_to_drift(seed: int) -> None:
    assert drifted(summarise(*shifted(0.6, seed), DriftOptions()), DriftOptions())
    assert not drifted(summarise(*shifted(0.3, seed), DriftOptions()), DriftOptions())


def test_two_features_are_too_few_to_tell() -> None:
    reference, recent, signals = shifted(1.0, 1)
    two = summarise(reference[:, :2], recent[:, :2], signals[:2], DriftOptions())
    assert two.share == 1.0
    assert not drifted(two, DriftOptions())
    nothing = summarise(reference[:, :0], recent[:, :0], signals[:0], DriftOptions())
    assert (nothing.features, nothing.worst) == (0, -1)


def test_the_worst_feature_is_named() -> None:
    reference, recent, signals = shifted(0.0, 3)
    recent[:, 17] += 1000
    assert summarise(reference, recent, signals, DriftOptions()).worst == 17
    assert summarise(reference, recent, np.full(40, Signal.LATENCY, np.uint8), DriftOptions()).ks < 0.4


def sluggish(slots: int, features: int, seed: int, memory: float = 0.97) -> np.ndarray:
    """Features that wander about their mean: neighbouring values resemble each other."""
    random = np.random.default_rng(seed)
    values = [random.normal(size=features)]
    for _ in range(slots - 1):
        values.append(memory * values[-1] + random.normal(size=features) * np.sqrt(1 - memory**2))
    return np.exp(0.1 * np.array(values))


@pytest.mark.parametrize("seed", range(10))
def test_features_that_wander_have_not_drifted_until_they_go_farther_than_usual(seed: int) -> None:
    signals, series = np.full(40, Signal.LATENCY, np.uint8), sluggish(600, 40, seed)
    reference, recent = series[:240], series[-150:]
    assert np.mean(drift(reference, recent).ks > 0.2) > 0.5  # by the measure of independent samples they have
    assert summarise(reference, recent, signals, DriftOptions()).share < 0.3
    assert summarise(reference, recent * 1.8, signals, DriftOptions()).share > 0.9


def test_how_much_a_feature_wanders_is_seen_in_the_parts_of_its_reference() -> None:
    steady = np.random.default_rng(1).normal(size=(200, 1))
    climbing = np.arange(200.0)[:, None]
    found = variability(np.hstack([steady, climbing]), DriftOptions())
    assert found.ks[0] < 0.15
    assert found.ks[1] == pytest.approx(1.0 - 0.8687 * np.sqrt(1 / 50 + 1 / 150))  # a quarter against the rest
    assert found.psi[1] > 1
