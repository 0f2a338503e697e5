"""Ensemble: from several detectors' scores to one anomaly probability for each series and slot.

The loudest member counts. Where it passes the alarm the slot is an event; a series that had one stays quiet for a share
of the life it had until then, unless it grows much louder, since a change of regime is one event and not a hundred.
Between events the probability fades from what was last heard and stays below the alarm's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from akeso.domain.telemetry.batches import Floats, Mask

_LEAST_FADING = 10.0


@dataclass(frozen=True, slots=True)
class EnsembleOptions:
    """How scores become a probability.

    members: the detectors that are heard. alarm: a member's score that makes an event. rest: the share of the values
    seen so far for which an event silences its series, at least `least_rest` values; louder: an event within that
    time needs this many times the score of the last one and an alarm more. fading: the share of the values seen so
    far, at least ten, over which an event is forgotten. at_alarm: the probability at the alarm; sure: how many alarms
    above it the remaining doubt has shrunk to a third. Both were fitted by eye to the share of events within a
    labelled anomaly in a corpus of 51 series.
    """

    members: frozenset[str] = frozenset({"value_novelty", "seasonal_novelty", "shape_novelty"})
    alarm: float = 2 / 15
    rest: float = 0.045
    least_rest: int = 30
    louder: float = 3.0
    fading: float = 0.04
    at_alarm: float = 0.25
    sure: float = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class EnsembleState:
    """Per series, float64[n]: values seen; resting: values since the last event; height: its score; held: the fading
    score."""

    seen: Floats = field(default_factory=lambda: np.zeros(0))
    resting: Floats = field(default_factory=lambda: np.zeros(0))
    height: Floats = field(default_factory=lambda: np.zeros(0))
    held: Floats = field(default_factory=lambda: np.zeros(0))

    def grown(self, rows: int) -> Self:
        """The same with new rows up to `rows`, which never had an event."""
        more = max(rows - len(self.seen), 0)
        return type(self)(
            np.pad(self.seen, (0, more)),
            np.pad(self.resting, (0, more), constant_values=np.inf),
            np.pad(self.height, (0, more)),
            np.pad(self.held, (0, more)),
        )


def combined(
    detectors: Sequence[str], score: Floats, present: Mask, state: EnsembleState, options: EnsembleOptions
) -> tuple[Floats, EnsembleState]:
    """(float64[n] probability in [0, 1], the state after the slot). detectors: names of the rows of score[d, n], as a
    Prediction holds them; present: bool[n], has a value: without one nothing changes and the probability is 0."""
    state = state.grown(score.shape[1])
    heard = [row for row, name in enumerate(detectors) if name in options.members]
    loudest = np.where(present, score[heard].max(axis=0, initial=0.0), 0.0)
    rested = state.resting > np.maximum(options.rest * state.seen, options.least_rest)
    outgrown = loudest > options.louder * state.height + 2 * options.alarm
    event = present & (loudest >= options.alarm) & (rested | outgrown)
    keep = 1.0 - 1.0 / np.maximum(options.fading * state.seen, _LEAST_FADING)
    held = np.where(present, np.maximum(loudest, state.held * keep), state.held)
    after = EnsembleState(
        seen=state.seen + present,
        resting=np.where(event, 1.0, state.resting + present),
        height=np.where(event, loudest, state.height),
        held=held,
    )
    return np.where(present, _probability(event, loudest, held, options), 0.0), after


def _probability(event: Mask, loudest: Floats, held: Floats, options: EnsembleOptions) -> Floats:
    beyond = (loudest - options.alarm) / (options.sure * options.alarm)
    sure = 1.0 - (1.0 - options.at_alarm) * np.exp(-np.maximum(beyond, 0.0))
    fading = options.at_alarm * held / (held + options.sure * options.alarm)
    return np.asarray(np.where(event, sure, fading))
