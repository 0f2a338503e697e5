"""The conformance suite of detectors: what every one of them, built in or third-party, has to hold.

A plugin author subclasses it and says how to make the detector:

    class TestMine(DetectorConformance):
        def make(self) -> Detector:
            return Mine()
"""

from collections.abc import Iterator

import numpy as np

from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Floats
from akeso.domain.telemetry.signal import Signal
from akeso.ports.detector import Detector, Scores

_ALL = np.array([int(s) for s in Signal], np.uint8)
_START = 1_700_000_000 * NANOSECONDS


def frame(values: Floats, slot: int = 0, signals: Floats | None = None) -> FeatureFrame:
    """One slot of a second; the signals are all there are, in turn, where none are given."""
    codes = np.resize(_ALL, len(values)) if signals is None else signals
    return FeatureFrame(
        _START + slot * NANOSECONDS, NANOSECONDS, np.asarray(values, np.float64), codes.astype(np.uint8)
    )


def noise(slots: int, series: int = 64, seed: int = 7) -> Iterator[FeatureFrame]:
    """Lively positive values with holes."""
    random = np.random.default_rng(seed)
    for slot in range(slots):
        values = random.lognormal(2.0, 0.4, series)
        values[random.random(series) < 0.05] = np.nan
        yield frame(values, slot)


class DetectorConformance:
    """Tests of one detector; `make` gives a fresh one."""

    def make(self) -> Detector:
        raise NotImplementedError

    def test_scores_have_one_finite_number_a_series(self) -> None:
        detector = self._taught(noise(60))
        for opinion in map(detector.score, noise(5, seed=8)):
            assert opinion.score.shape == opinion.expected.shape == opinion.spread.shape == (64,)
            assert all(np.issubdtype(each.dtype, np.floating) for each in (opinion.score, *opinion.told))
            assert np.isfinite(opinion.score).all()
            assert (opinion.score >= 0).all()
            assert not (opinion.spread < 0).any()

    def test_a_missing_value_scores_nothing(self) -> None:
        detector = self._taught(noise(60))
        assert not detector.score(frame(np.full(64, np.nan))).score.any()

    def test_a_frame_may_hold_more_series_than_the_last(self) -> None:
        detector = self._taught(noise(40, series=32))
        wider = next(noise(1, series=80))
        narrow = detector.score(frame(wider.values[:32]))
        wide = detector.score(wider)
        assert wide.score.shape == (80,)
        np.testing.assert_array_equal(wide.score[:32], narrow.score)
        detector.learn(wider, np.ones(80, bool))
        assert detector.score(wider).score.shape == (80,)

    def test_scoring_changes_no_state(self) -> None:
        detector = self._taught(noise(60))
        before = detector.snapshot()
        wild = frame(np.full(64, 1e4))
        first, second = detector.score(wild), detector.score(wild)
        same(first, second)
        after = detector.snapshot()
        assert before.keys() == after.keys()
        for name in before:
            np.testing.assert_array_equal(before[name], after[name])

    def test_a_score_sees_only_what_was_learnt_before(self) -> None:
        one, other = self._taught(noise(60)), self._taught(noise(60))
        now = next(noise(1, seed=9))
        opinion = one.score(now)
        other.score(frame(np.full(64, 1e5)))  # the future, in another order
        same(opinion, other.score(now))

    def test_a_restored_snapshot_is_the_same_detector(self) -> None:
        detector, twin = self._taught(noise(60)), self.make()
        twin.restore(detector.snapshot())
        for upcoming in noise(30, seed=10):
            same(detector.score(upcoming), twin.score(upcoming))
            detector.learn(upcoming, np.ones(64, bool))
            twin.learn(upcoming, np.ones(64, bool))

    def test_a_snapshot_does_not_change_afterwards(self) -> None:
        detector = self._taught(noise(60))
        snapshot = detector.snapshot()
        kept = {name: array.copy() for name, array in snapshot.items()}
        for upcoming in noise(20, seed=11):
            detector.learn(upcoming, np.ones(64, bool))
        for name, array in kept.items():
            np.testing.assert_array_equal(snapshot[name], array)

    def test_constant_series_are_quiet(self) -> None:
        detector = self.make()
        still = np.resize([0.0, 1.0, 2.5], 64)
        for slot in range(150):
            assert not (detector.score(frame(still, slot)).score >= 1.0).any()
            detector.learn(frame(still, slot), np.ones(64, bool))

    def test_masked_values_do_not_become_normal(self) -> None:
        detector = self._taught(noise(100))
        steady = np.full(64, np.exp(2.0))
        before = detector.score(frame(steady)).expected
        for slot in range(60):
            detector.learn(frame(np.full(64, 1e4), slot), np.zeros(64, bool))
        after = detector.score(frame(steady)).expected
        # A climb's notion of normal is the start of its span, whatever was learnt; all others must not have moved.
        assert self.short_memory or np.allclose(before, after, equal_nan=True)

    def test_ten_thousand_series_pass_in_one_call(self) -> None:
        detector = self.make()
        for wide in noise(3, series=10_000):
            assert detector.score(wide).score.shape == (10_000,)
            detector.learn(wide, np.ones(10_000, bool))

    # True for a detector whose whole memory is the last few values, normal or not; its class says so by the same name.
    short_memory = False

    def _taught(self, lessons: Iterator[FeatureFrame]) -> Detector:
        detector = self.make()
        for lesson in lessons:
            detector.learn(lesson, np.ones(len(lesson.values), bool))
        return detector


def same(one: Scores, other: Scores) -> None:
    """Fails unless both opinions are equal."""
    np.testing.assert_array_equal(one.score, other.score)
    np.testing.assert_array_equal(one.expected, other.expected)
    np.testing.assert_array_equal(one.spread, other.spread)
