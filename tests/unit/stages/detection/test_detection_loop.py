"""Score, rank, decide and learn, in one loop for all who detect."""

from collections.abc import Mapping

import numpy as np
import pytest

from akeso.domain.detection.vote import Vote
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Mask, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_MEAN, Signal
from akeso.ports.detector import Detector, Scores, State
from akeso.stages.detection.decide import DecideOptions
from akeso.stages.detection.detection_loop import DetectionLoop
from akeso.stages.detection.series_facts import FactsTable


class Says:
    """The same score of every series, and what it was taught."""

    def __init__(self, name: str, score: float, votes: Vote = Vote.SHARED) -> None:
        self.name, self.said, self.votes = name, score, votes
        self.taught: list[list[bool]] = []

    def score(self, frame: FeatureFrame) -> Scores:
        normal = np.full(len(frame.values), 50.0)
        return Scores(np.full(len(frame.values), self.said), normal, normal / 10)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        del frame
        self.taught.append(update.tolist())

    def snapshot(self) -> State:
        return {}

    def restore(self, state: State) -> None:
        del state


def loop_of(*detectors: Says) -> DetectionLoop:
    facts = FactsTable(SeriesTable([SeriesKey("t", "api", RED_MEAN)]))
    named: Mapping[str, Detector] = {each.name: each for each in detectors}
    return DetectionLoop(named, facts, lambda: 0.0, DecideOptions(min_samples=0))


def frame(slot: int, value: float = 200.0, *, partial: bool = False) -> FeatureFrame:
    end = (1000 + slot) * NANOSECONDS
    return FeatureFrame(end, NANOSECONDS, np.array([value]), np.array([Signal.LATENCY], np.uint8), partial)


def test_what_is_anomalous_is_raised_and_not_learnt() -> None:
    loud = Says("a", 3.0), Says("b", 3.0)
    loop = loop_of(*loud)
    raised = [loop.step(frame(slot)).decision.raised for slot in range(5)]
    assert any(raised)
    assert loud[0].taught == [[False]] * 5


def test_what_is_calm_is_learnt() -> None:
    calm = Says("a", 0.1), Says("b", 0.1)
    assert not any(loop_of(*calm).step(frame(slot, 50.0)).decision.raised for slot in range(3))
    assert calm[0].taught == [[True]] * 3


def test_others_may_say_what_is_learnt() -> None:
    calm = Says("a", 0.1)
    loop = loop_of(calm)
    prediction = loop.predict(frame(0, 50.0))
    loop.learn(prediction, loop.judge(prediction), np.array([False]))
    assert calm.taught == [[False]]


def test_judging_changes_nothing_until_it_is_learnt() -> None:
    loop = loop_of(Says("a", 3.0), Says("b", 3.0))
    before = loop.state
    loop.judge(loop.predict(frame(0)))
    assert loop.state is before


def test_of_a_part_of_a_slot_nothing_is_learnt_and_only_voters_are_asked() -> None:
    voter, adviser = Says("a", 3.0), Says("b", 3.0, Vote.NONE)
    loop = loop_of(voter, adviser)
    prediction = loop.predict(frame(0, partial=True))
    loop.learn(prediction, loop.judge(prediction))
    assert prediction.detectors == ("a",)
    assert (voter.taught, adviser.taught) == ([], [])


@pytest.mark.parametrize(("votes", "raised"), [(Vote.NONE, False), (Vote.STANDALONE, True), (Vote.RULE, True)])
def test_a_vote_decides_whether_one_alone_is_enough(votes: Vote, raised: bool) -> None:
    loop = loop_of(Says("a", 3.0, votes))
    assert any(loop.step(frame(slot)).decision.raised for slot in range(6)) is raised
