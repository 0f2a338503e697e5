"""Score: every detector's opinion of one frame."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from akeso.domain.messages import Prediction
from akeso.domain.telemetry.batches import FeatureFrame, Floats
from akeso.domain.telemetry.scale import normal_range
from akeso.ports.detector import Detector, Scores, vote_of

# Scores are compared, multiplied and shown; beyond this they say nothing more.
_HIGHEST = 1000.0


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """Which detectors score.

    model: the version that predictions carry.
    safe_mode: whether only those run that look for what somebody stated.
    """

    model: str = field(default="1", metadata={"runtime": True})
    safe_mode: bool = field(default=False, metadata={"set_at": "decision.safe_mode"})


def score(
    frame: FeatureFrame, detectors: Mapping[str, Detector], options: ScoreOptions, seconds: Callable[[], float]
) -> Prediction:
    """Run the detectors (all; in safe mode only rules and objectives) over one frame. Their state is left as it was.

    seconds: a monotonic clock, for the latency that the prediction carries.
    """
    start = seconds()
    chosen = {name: d for name, d in detectors.items() if not options.safe_mode or vote_of(d).stated}
    opinions = [detector.score(frame) for detector in chosen.values()]
    expected, spread = _most_to_say(opinions, frame)
    return Prediction(
        frame=frame,
        detectors=tuple(chosen),
        votes=tuple(map(vote_of, chosen.values())),
        score=_stacked(opinions, len(frame.values)),
        expected=expected,
        spread=spread,
        model=options.model,
        latency_ms=(seconds() - start) * 1000.0,
    )


def _stacked(opinions: list[Scores], series: int) -> Floats:
    stacked = np.empty((len(opinions), series))
    for row, opinion in zip(stacked, opinions, strict=True):
        np.clip(opinion.score, 0.0, _HIGHEST, out=row)
    return stacked


def _most_to_say(opinions: list[Scores], frame: FeatureFrame) -> tuple[Floats, Floats]:
    # A detector that knows how far normal values spread says more than one that only knows a limit.
    series = len(frame.values)
    center, width, best = (np.full(series, fill, np.float32) for fill in (np.nan, np.nan, -np.inf))
    on_scale = np.zeros(series, np.bool_)
    for opinion in opinions:
        expected, spread = opinion.told
        known = np.isfinite(expected)
        if not known.any():
            continue
        certain = np.isfinite(spread)
        weight = opinion.score if certain.all() else opinion.score - np.float32(2 * _HIGHEST) * ~certain
        better = (weight > best) & known
        # Whole new columns: twice as fast as writing some of their rows.
        center, width, best = (
            np.where(better, told, column) for column, told in ((center, expected), (width, spread), (best, weight))
        )
        on_scale = on_scale & ~better if opinion.signals is None else on_scale | better
    middle, reach = center.astype(np.float64), width.astype(np.float64)
    expected, spread = normal_range(middle, reach, frame.signals)
    return np.where(on_scale, expected, middle), np.where(on_scale, spread, reach)
