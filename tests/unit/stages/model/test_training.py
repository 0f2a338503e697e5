"""Training from the past and from labels, and giving detectors back what they learnt."""

from datetime import UTC, datetime, timedelta

import numpy as np

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.detection.detection_model import Artefact
from akeso.domain.messages import Decision, Feedback
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, FeatureMatrix, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_MEAN, RED_RATE, Signal
from akeso.plugins.discovery import build
from akeso.stages.detection.decide import DecideOptions
from akeso.stages.features.metric_meanings import signal_of
from akeso.stages.model.anomaly_history import AnomalyHistory
from akeso.stages.model.detector_state import restore
from akeso.stages.model.frame_sample import SAMPLED_SERIES, FrameSample
from akeso.stages.model.training import TrainingOptions, train

START = 1_700_000_000
SERVICES = ("a", "b", "c", "d")
KEYS = tuple(SeriesKey("t", service, RED_MEAN) for service in SERVICES)
SIGNALS = np.full(len(KEYS), Signal.LATENCY, np.uint8)
SLOTS = 240


def history(ill: dict[str, tuple[int, int]], factor: float, seed: int = 1) -> FeatureMatrix:
    """Calm services of 50 ms; those that are ill take `factor` times as long between two slots."""
    random = np.random.default_rng(seed)
    values = 50.0 * random.lognormal(0.0, 0.1, (SLOTS, len(KEYS)))
    for service, (begin, end) in ill.items():
        values[begin:end, SERVICES.index(service)] *= factor
    times = (START + np.arange(1, SLOTS + 1)) * NANOSECONDS
    return FeatureMatrix(KEYS, SIGNALS, times, values)


def label(service: str, slot: int, *, anomalous: bool) -> Feedback:
    at = datetime.fromtimestamp(START + slot, UTC)
    return Feedback("t", service, at, anomalous=anomalous, predicted=False, by="eve")


def labels(ill: dict[str, tuple[int, int]]) -> list[Feedback]:
    """One on every service every five slots, once the detectors are warm."""
    return [
        label(service, slot, anomalous=ill.get(service, (0, 0))[0] <= slot < ill.get(service, (0, 0))[1])
        for service in SERVICES
        for slot in range(60, SLOTS - 10, 5)
    ]


ILL = {"a": (100, 130), "b": (150, 180), "c": (190, 220)}


def test_a_threshold_that_misses_everything_is_lowered_to_one_that_meets_the_labels() -> None:
    trained = train(history(ILL, 4.0), build("detectors"), labels(ILL), DecideOptions(threshold=20.0))
    assert trained.artefact.threshold < 20.0
    assert trained.metrics["balanced"] > 0.9
    assert trained.metrics["accuracy"] > trained.metrics["accuracy_before"] + 0.05
    assert (trained.metrics["slots"], trained.metrics["labels"]) == (SLOTS, len(labels(ILL)))


def test_a_threshold_that_is_as_good_as_any_is_kept() -> None:
    trained = train(history(ILL, 12.0), build("detectors"), labels(ILL), DecideOptions(threshold=1.1))
    assert trained.artefact.threshold == 1.1


def test_without_labels_of_both_kinds_the_threshold_stays_and_nothing_is_claimed() -> None:
    calm = [each for each in labels({}) if not each.anomalous]
    trained = train(history({}, 1.0), build("detectors"), calm, DecideOptions(threshold=1.7))
    assert trained.artefact.threshold == 1.7
    assert "accuracy" not in trained.metrics


def test_labels_outside_of_the_history_do_not_count() -> None:
    far = [label("a", -500, anomalous=True), label("a", SLOTS + 50, anomalous=False)]
    assert train(history({}, 1.0), build("detectors"), far, DecideOptions()).metrics["labels"] == 0


def test_what_was_called_anomalous_is_not_learnt_and_what_was_called_normal_is() -> None:
    # From slot 120 on the level is four-fold; the threshold is so high that nobody would have noticed.
    risen, blind = history({"a": (120, SLOTS)}, 4.0), DecideOptions(threshold=20.0)
    options = TrainingOptions(candidates=())
    ill = [label("a", slot, anomalous=True) for slot in range(120, SLOTS - 5, 4)]
    fine = [label("a", slot, anomalous=False) for slot in range(120, SLOTS - 5, 4)]
    centers = {}
    for what, said, deciding in (("ill", ill, blind), ("fine", fine, DecideOptions())):
        made = train(risen, build("detectors"), said, deciding, options)
        fresh = build("detectors")
        restore(made.artefact, fresh, SeriesTable(KEYS))
        centers[what] = fresh["z_score"].score(frame([50.0] * 4)).expected[0]
    assert centers["ill"] < 60
    assert centers["fine"] > 80


def test_the_artefact_holds_states_keys_and_a_reference() -> None:
    past = history({}, 1.0)
    made = train(past, build("detectors"), (), DecideOptions(), TrainingOptions(reference=50)).artefact
    assert made.keys == KEYS
    assert made.states.keys() == build("detectors").keys()
    learnt = np.isfinite(made.reference)
    assert learnt.mean() > 0.8
    np.testing.assert_allclose(made.reference[learnt], past.values[-50:].astype(np.float32)[learnt])


def frame(values: list[float], slot: int = 500) -> FeatureFrame:
    codes = np.full(len(values), Signal.LATENCY, np.uint8)
    return FeatureFrame((START + slot) * NANOSECONDS, NANOSECONDS, np.array(values), codes)


def taught() -> Artefact:
    return train(history({}, 1.0), build("detectors"), (), DecideOptions()).artefact


def test_detectors_judge_as_those_that_were_trained() -> None:
    made, fresh = taught(), build("detectors")
    assert restore(made, fresh, SeriesTable(KEYS)) == ()
    score = fresh["robust_z"].score(frame([50.0, 200.0, 50.0, 50.0])).score
    assert score[1] > 1
    assert score[[0, 2, 3]].max() < 1


def test_series_may_stand_in_other_rows_by_now() -> None:
    made, fresh = taught(), build("detectors")
    odd = SeriesTable([SeriesKey("t", "new", RED_RATE), KEYS[3], KEYS[0]])
    assert restore(made, fresh, odd) == ()
    assert list(odd.keys[3:]) == [KEYS[1], KEYS[2]]
    same = build("detectors")
    restore(made, same, SeriesTable(KEYS))
    moved = fresh["robust_z"].score(frame([5.0, 200.0, 51.0, 52.0, 53.0]))
    told = same["robust_z"].score(frame([51.0, 52.0, 53.0, 200.0]))
    np.testing.assert_array_equal(moved.score[[2, 3, 4, 1]], told.score)
    assert moved.score[0] == 0  # nothing is known of the new one


def test_detectors_that_the_artefact_does_not_know_stay_fresh_and_are_named() -> None:
    made = taught()
    states = {name: state for name, state in made.states.items() if name != "ewma"}
    states["robust_z"] = {"other": np.zeros(4)}
    part = Artefact(made.keys, made.signals, states, made.reference)
    assert restore(part, build("detectors"), SeriesTable(KEYS)) == ("ewma", "robust_z")


def test_a_sample_keeps_to_its_pace_and_to_its_size() -> None:
    sample = FrameSample(timedelta(seconds=10), 5)
    for slot in range(30):
        assert sample.full == (slot >= 9)
        width = 1 if slot < 25 else 2
        sample.add(frame([float(slot)] * width, slot), np.full(width, slot != 24))
    assert sample.matrix(2)[[0, 1, 3, 4], 0].tolist() == [20, 22, 26, 28]
    assert np.isnan(sample.matrix(2)[2]).all()  # not usual
    assert np.isnan(sample.matrix(2)[:3, 1]).all()
    assert sample.matrix(1).shape == (5, 1)


def test_a_sample_holds_no_more_than_the_first_series() -> None:
    sample, series = FrameSample(timedelta(seconds=10), 5), SAMPLED_SERIES + 1
    sample.add(frame(list(map(float, range(series)))), np.ones(series, bool))
    assert sample.matrix(series).tolist() == [list(range(SAMPLED_SERIES))]


def anomaly(service: str, metric: str) -> Anomaly:
    key, at = SeriesKey("t", service, metric), datetime.fromtimestamp(START, UTC)
    return Anomaly("a1", "t", key, signal_of(key), at, at, 2.0, 200.0, 50.0, 5.0)


def test_a_record_tells_whether_a_symptom_stood() -> None:
    record = AnomalyHistory()
    raised = anomaly("api", RED_MEAN)
    record.take(Decision(10, (raised,)))
    record.take(Decision(20, (), (raised.key,)))
    place = (raised.tenant, "api")
    assert [record.stood(*place, start, start + 3) for start in (5, 8, 15, 20, 21)] == [False, True, True, True, False]
    assert not record.stood("other", "api", 15, 16)
    record.take(Decision(30, (raised,)))
    assert record.stood(*place, 40, 41)
    assert (record.alarms, record.newest) == (2, 30)


def test_what_only_explains_is_no_symptom() -> None:
    record = AnomalyHistory()
    record.take(Decision(10, (anomaly("api", RED_RATE),)))
    assert record.alarms == 0
