"""Training: a new version of the detection model from the features of the recent past and what people said of them.

The detectors learn afresh, slot by slot and causally as they do live. What people called anomalous is not learnt; what
they called normal is, whatever the detectors thought of it. The threshold is the one of `candidates` whose decisions
agree best with the labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from akeso.domain.detection.detection_model import Artefact
from akeso.domain.messages import Feedback
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, FeatureMatrix, Mask, Times
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import duration_ns, epoch_ns
from akeso.ports.detector import Detector
from akeso.stages.detection.decide import DecideOptions, DecideState, decide
from akeso.stages.detection.detection_loop import DetectionLoop
from akeso.stages.detection.series_facts import FactsTable
from akeso.stages.model.anomaly_history import AnomalyHistory
from akeso.stages.model.frame_sample import SAMPLED_SERIES


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How a version is trained.

    candidates: thresholds that are tried, besides the present one, when there are labels of both kinds.
    grace: how much later than the instant that a label speaks of an alarm may be and still count as the same.
    around: features this near to a label's instant are of its kind.
    reference: slots that are kept to measure drift against.
    least: slots without which nothing is trained.
    """

    candidates: tuple[float, ...] = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 3.0)
    grace: timedelta = field(default=timedelta(seconds=5), metadata={"set_at": "budget.grace"})
    around: timedelta = timedelta(seconds=5)
    reference: int = 240
    least: int = 30


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """metrics: slots, series and labels it was trained on; accuracy: share of labels its decisions agree with;
    balanced: mean of the shares over anomalous and over normal labels; accuracy_before: the share at the threshold
    that was given. The last three only with labels of both kinds."""

    artefact: Artefact
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Agreement:
    accuracy: float
    balanced: float


@dataclass(slots=True)
class _Trial:
    # One threshold on its way through the history.
    options: DecideOptions
    state: DecideState = field(default_factory=DecideState)
    record: AnomalyHistory = field(default_factory=AnomalyHistory)


def train(
    history: FeatureMatrix,
    detectors: Mapping[str, Detector],
    labels: Sequence[Feedback],
    deciding: DecideOptions,
    options: TrainingOptions | None = None,
) -> Trained:
    """history: all feature series of all tenants; detectors: fresh ones, which learn; deciding: as it is done now.

    Takes milliseconds a slot and threshold: not for the event loop.
    """
    options = options or TrainingOptions()
    known = [label for label in labels if _within(label, history.times, options)]
    trials = _trials(known, deciding, options)
    learnt = _pass(history, detectors, known, trials, options)
    agreements = {t.options.threshold: _agreement(t.record, known, options) for t in trials}
    threshold = _best(agreements, deciding.threshold)
    artefact = Artefact(
        keys=history.keys,
        signals=history.signals,
        states={name: dict(detector.snapshot()) for name, detector in detectors.items()},
        reference=_reference(history, learnt, options),
        threshold=threshold,
    )
    return Trained(artefact, _metrics(history, known, agreements, threshold, deciding.threshold))


def _within(label: Feedback, times: Times, options: TrainingOptions) -> bool:
    at = epoch_ns(label.at)
    return bool(len(times)) and times[0] <= at and at + duration_ns(options.grace) <= times[-1]


def _trials(labels: Sequence[Feedback], deciding: DecideOptions, options: TrainingOptions) -> list[_Trial]:
    # The present threshold comes first: what it would learn is what is learnt.
    both = len({label.anomalous for label in labels}) == 2
    thresholds = dict.fromkeys([deciding.threshold, *(options.candidates if both else ())])
    return [_Trial(replace(deciding, threshold=each, safe_mode=False)) for each in thresholds]


def _pass(
    history: FeatureMatrix,
    detectors: Mapping[str, Detector],
    labels: Sequence[Feedback],
    trials: Sequence[_Trial],
    options: TrainingOptions,
) -> list[Mask]:
    # What was learnt of each slot: what the first trial would learn, with what people said of it.
    masks: list[Mask] = []
    facts, said = FactsTable(SeriesTable(history.keys)), _Said(history, labels, options)
    loop = DetectionLoop(detectors, facts, perf_counter, trials[0].options)
    width = int(np.median(np.diff(history.times))) if len(history.times) > 1 else NANOSECONDS
    for slot, end in enumerate(history.times.tolist()):
        prediction = loop.predict(FeatureFrame(end, width, history.values[slot], history.signals))
        judgement = loop.judge(prediction)
        trials[0].record.take(judgement.decision)
        for trial in trials[1:]:
            other = decide(prediction, facts, trial.state, trial.options)
            trial.state = other.state
            trial.record.take(other.decision)
        learn = said.corrected(end, judgement.learn)
        loop.learn(prediction, judgement, learn)
        masks.append(learn)
    return masks


def _reference(history: FeatureMatrix, learnt: Sequence[Mask], options: TrainingOptions) -> NDArray[np.float32]:
    values = np.where(np.array(learnt), history.values, np.nan)
    return values[-options.reference :, :SAMPLED_SERIES].astype(np.float32)


class _Said:
    """What people said of slots, as rows that must or must not be learnt."""

    def __init__(self, history: FeatureMatrix, labels: Sequence[Feedback], options: TrainingOptions) -> None:
        places = [(key.tenant, key.service) for key in history.keys]
        self._rows = {place: np.array([p == place for p in places]) for place in set(places)}
        self._labels = [(epoch_ns(label.at), label) for label in labels if (label.tenant, label.service) in self._rows]
        self._around = duration_ns(options.around)

    def corrected(self, end: int, learn: Mask) -> Mask:
        """The same with what was said about this slot; that something was wrong weighs more than that it was not."""
        near = [label for at, label in self._labels if abs(end - at) <= self._around]
        for label in sorted(near, key=lambda label: label.anomalous):
            learn = np.where(self._rows[label.tenant, label.service], not label.anomalous, learn)
        return learn


def _agreement(record: AnomalyHistory, labels: Sequence[Feedback], options: TrainingOptions) -> _Agreement | None:
    grace = duration_ns(options.grace)
    right: dict[bool, list[bool]] = {True: [], False: []}
    for label in labels:
        at = epoch_ns(label.at)
        stood = record.stood(label.tenant, label.service, at, at + grace)
        right[label.anomalous].append(stood == label.anomalous)
    if not right[True] or not right[False]:
        return None
    shares = [float(np.mean(each)) for each in right.values()]
    return _Agreement(float(np.mean([*right[True], *right[False]])), float(np.mean(shares)))


def _best(agreements: Mapping[float, _Agreement | None], present: float) -> float:
    judged = {threshold: found.balanced for threshold, found in agreements.items() if found is not None}
    if not judged:
        return present
    best = max(judged.values())
    # Of equally good ones the nearest to the present: nothing is changed without a reason.
    return min((t for t, value in judged.items() if value == best), key=lambda t: abs(np.log(t / present)))


def _metrics(
    history: FeatureMatrix,
    labels: Sequence[Feedback],
    agreements: Mapping[float, _Agreement | None],
    threshold: float,
    present: float,
) -> Mapping[str, float]:
    sizes = {"slots": len(history.times), "series": len(history.keys), "labels": len(labels)}
    found, before = agreements.get(threshold), agreements.get(present)
    if found is None or before is None:
        return {name: float(size) for name, size in sizes.items()}
    said = {"accuracy": found.accuracy, "balanced": found.balanced, "accuracy_before": before.accuracy}
    return {**{name: float(size) for name, size in sizes.items()}, **said}
