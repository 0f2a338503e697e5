"""Detectors that only advise change no decision."""

import numpy as np
import pytest

from akeso.domain.detection.vote import Vote
from akeso.domain.messages import Prediction
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_MEAN, Signal
from akeso.plugins.discovery import discover
from akeso.ports.detector import vote_of
from akeso.stages.detection.decide import DecideOptions, DecideState, decide
from akeso.stages.detection.series_facts import FactsTable

VOTERS = ("ewma", "robust_z")
NON_VOTING = ("seasonal_novelty", "shape_novelty", "value_novelty")


def decided(scores: dict[str, float], novelty: Vote = Vote.NONE) -> tuple[int, int]:
    """(anomalies raised, slots that may be learnt) over ten slots of a tripled latency."""
    table = SeriesTable()
    table.intern_all([SeriesKey("t", "api", RED_MEAN)])
    facts, state, raised, learnt = FactsTable(table), DecideState(), 0, 0
    normal, one = np.array([50.0]), np.array([Signal.LATENCY], np.uint8)
    for slot in range(10):
        frame = FeatureFrame((1000 + slot) * NANOSECONDS, NANOSECONDS, np.array([150.0]), one)
        score = np.array([[height] for height in scores.values()])
        votes = tuple(novelty if name in NON_VOTING else Vote.SHARED for name in scores)
        prediction = Prediction(frame, tuple(scores), votes, score, normal, normal / 10, "1", 0.0)
        judgement = decide(prediction, facts, state, DecideOptions(min_samples=0))
        state = judgement.state
        raised, learnt = raised + len(judgement.decision.raised), learnt + int(judgement.learn[0])
    return raised, learnt


@pytest.mark.parametrize("voters", [0.0, 0.9, 3.0])
def test_they_change_nothing_however_loud(voters: float) -> None:
    opinion = dict.fromkeys(VOTERS, voters)
    advised = {**opinion, **dict.fromkeys(NON_VOTING, 50.0)}
    assert decided(advised) == decided(opinion)


def test_with_a_vote_they_would() -> None:
    loud = dict.fromkeys(NON_VOTING, 50.0)
    assert decided(loud, Vote.SHARED)[0] == 1
    assert decided(loud)[0] == 0


def test_a_detector_that_does_not_say_has_no_vote() -> None:
    assert vote_of(object()) is Vote.NONE


@pytest.mark.parametrize("name", NON_VOTING)
def test_detectors_of_novelty_say_that_they_have_none(name: str) -> None:
    assert vote_of(discover("detectors")[name]) is Vote.NONE
