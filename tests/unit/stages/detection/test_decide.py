"""What becomes of detectors' opinions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta

import numpy as np

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.detection.vote import Vote
from akeso.domain.messages import Prediction
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN, RED_P95, RED_RATE, SILENCE, Signal
from akeso.stages.detection.decide import DecideOptions, DecideState, Judgement, decide
from akeso.stages.detection.series_facts import FactsTable
from akeso.stages.features.metric_meanings import signal_of

START = 1_700_000_000 * NANOSECONDS
NAMES = ("ewma", "robust_z", "z_score", "climb", "silence", "static_threshold")
VOTES = (Vote.SHARED, Vote.SHARED, Vote.SHARED, Vote.STANDALONE, Vote.RULE, Vote.RULE)
LATENCY = SeriesKey("t", "api", RED_MEAN)
WARM = DecideOptions(min_samples=0)


@dataclass
class Desk:
    """Decides slot after slot on opinions that a test writes down."""

    options: DecideOptions = WARM
    table: SeriesTable = field(default_factory=SeriesTable)
    state: DecideState = field(default_factory=DecideState)
    slot: int = 0

    def __post_init__(self) -> None:
        self.facts = FactsTable(self.table)

    def judge(
        self,
        values: Mapping[SeriesKey, float],
        scores: Mapping[str, float] | None = None,
        expected: float = 50.0,
        *,
        early: bool = False,
    ) -> Judgement:
        """One slot, or an early look at the next one; every series gets the same scores."""
        self.slot += not early
        self.table.intern_all(values)
        column = np.array([values.get(key, np.nan) for key in self.table.keys])
        signals = np.array([signal_of(key) for key in self.table.keys], np.uint8)
        end = START + self.slot * NANOSECONDS + early * NANOSECONDS * 9 // 10
        frame = FeatureFrame(end, NANOSECONDS, column, signals, early)
        present = np.isfinite(column)
        score = np.array([(scores or {}).get(name, 0.0) * present for name in NAMES])
        normal = np.full(len(column), expected)
        prediction = Prediction(frame, NAMES, VOTES, score, normal, normal / 10, "1", 0.0)
        judgement = decide(prediction, self.facts, self.state, self.options)
        self.state = judgement.state
        return judgement

    def run(self, values: Iterable[float], key: SeriesKey = LATENCY, **scores: float) -> list[Anomaly]:
        """What is raised over some slots of one series."""
        return [a for value in values for a in self.judge({key: value}, scores).decision.raised]


def test_two_detectors_that_agree_for_three_slots_raise_a_latency() -> None:
    desk = Desk()
    raised = desk.run([200.0] * 3, ewma=1.9, robust_z=3.0)
    assert [a.key for a in raised] == [LATENCY]
    assert raised[0].detectors == ("ewma", "robust_z")
    assert (raised[0].score, raised[0].observed, raised[0].expected) == (1.9, 200.0, 50.0)


def test_one_statistical_detector_alone_raises_nothing() -> None:
    assert not Desk().run([200.0] * 10, robust_z=50.0)


def test_two_slots_are_not_enough_for_a_latency() -> None:
    assert not Desk().run([200.0] * 2, ewma=1.9, robust_z=3.0)


def test_two_loud_slots_in_a_row_are_enough() -> None:
    assert len(Desk().run([200.0] * 2, ewma=2.0, robust_z=3.0)) == 1
    desk = Desk()
    assert not desk.run([200.0], ewma=9.0, robust_z=9.0)
    assert not desk.run([200.0], ewma=1.9, robust_z=9.0)


QUEUE = SeriesKey("t", "broker", "messaging.queue.depth")


def depths(desk: Desk, *values: float, early: float | None = None) -> list[Anomaly]:
    for value in values:
        found = desk.judge({QUEUE: value}, {"ewma": 2.5, "robust_z": 3.0}, 0.0).decision.raised
    if early is not None:
        found = desk.judge({QUEUE: early}, {"ewma": 2.5, "robust_z": 3.0}, 0.0, early=True).decision.raised
    return list(found)


def test_a_loud_backlog_that_grew_before_is_raised_at_once_and_a_spike_is_not() -> None:
    assert depths(Desk(), 0, 5, 10)
    assert depths(Desk(), 0, 5, early=10)
    assert not depths(Desk(), 0, 0, 10)
    assert not depths(Desk(), 5, 4, 10)


def latencies(slow: int, of: int) -> dict[SeriesKey, float]:
    return {SeriesKey("t", f"s{number}", RED_MEAN): 200.0 if number < slow else 50.0 for number in range(of)}


def test_one_unmistakable_slot_is_enough_in_company() -> None:
    assert len(Desk().judge(latencies(2, of=6), {"ewma": 3.0, "robust_z": 3.0}).decision.raised) == 2
    assert not Desk().judge(latencies(2, of=6), {"ewma": 2.9, "robust_z": 3.0}).decision.raised
    assert not Desk().judge(latencies(1, of=6), {"ewma": 9.0, "robust_z": 9.0}).decision.raised


def test_one_slot_in_which_everything_stands_still_is_not_enough() -> None:
    assert not Desk().judge(latencies(4, of=6), {"ewma": 9.0, "robust_z": 9.0}).decision.raised


def counted_p95(calls: float, services: int = 1) -> dict[SeriesKey, float]:
    names = [f"s{number}" for number in range(services)]
    rates = {SeriesKey("t", name, RED_RATE): calls for name in names}
    return rates | {SeriesKey("t", name, RED_P95): 200.0 for name in names}


def raised_in(desk: Desk, values: Mapping[SeriesKey, float], slots: int, level: float) -> int:
    """How many latencies."""
    found = [a for _ in range(slots) for a in desk.judge(values, {"ewma": level, "robust_z": level}).decision.raised]
    return sum(anomaly.signal is Signal.LATENCY for anomaly in found)


def test_one_slow_call_that_three_slots_tell_of_is_not_enough() -> None:
    few = Desk()
    assert not raised_in(few, counted_p95(calls=4.0), slots=3, level=9.0)
    assert raised_in(few, counted_p95(calls=4.0), slots=1, level=9.0) == 1
    assert raised_in(Desk(), counted_p95(calls=40.0), slots=2, level=9.0) == 1


def test_one_slow_call_each_is_no_company() -> None:
    quiet = {SeriesKey("t", f"quiet{number}", RED_MEAN): 50.0 for number in range(4)}
    assert not raised_in(Desk(), counted_p95(4.0, services=2) | quiet, slots=1, level=9.0)
    assert raised_in(Desk(), counted_p95(40.0, services=2) | quiet, slots=1, level=9.0) == 2


def test_what_half_of_all_services_share_is_raised_once_it_lasts() -> None:
    assert not raised_in(Desk(), latencies(4, of=6), slots=6, level=1.9)
    assert raised_in(Desk(), latencies(4, of=6), slots=7, level=1.9) == 4


def test_what_goes_beyond_what_all_share_is_raised_as_ever() -> None:
    desk, values = Desk(), latencies(4, of=6) | {SeriesKey("t", "ill", RED_MEAN): 2000.0}
    raised = [a.service for _ in range(3) for a in desk.judge(values, {"ewma": 1.9, "robust_z": 1.9}).decision.raised]
    assert raised == ["ill"]


def test_three_of_four_slots_are_enough() -> None:
    desk = Desk()
    assert not desk.run([200.0] * 2, ewma=1.9, robust_z=3.0)
    assert not desk.run([50.0])
    assert len(desk.run([200.0], ewma=1.9, robust_z=3.0)) == 1


def test_a_departure_that_does_not_matter_in_practice_raises_nothing() -> None:
    assert not Desk().run([60.0] * 10, ewma=9.0, robust_z=9.0)


def test_a_fall_of_latency_raises_nothing_and_a_fall_of_traffic_does() -> None:
    desk = Desk()
    assert not desk.run([1.0] * 10, ewma=9.0, robust_z=9.0)
    rate = SeriesKey("t", "api", RED_RATE)
    assert [a.signal for a in desk.run([1.0] * 10, key=rate, ewma=9.0, robust_z=9.0)] == [Signal.TRAFFIC]


def test_a_series_of_one_operation_has_to_show_it_longer() -> None:
    part = SeriesKey("t", "api", RED_MEAN, (("operation", "read"),))
    desk = Desk()
    assert not desk.run([200.0] * 3, key=part, ewma=1.9, robust_z=3.0)
    assert len(desk.run([200.0], key=part, ewma=1.9, robust_z=3.0)) == 1


def test_a_young_series_is_not_judged_by_statistics() -> None:
    assert not Desk(DecideOptions(min_samples=25)).run([200.0] * 20, ewma=5.0, robust_z=5.0)


def test_a_simple_event_beyond_its_limit_is_raised_at_once() -> None:
    key = SeriesKey("t", "api", "latency")
    assert len(Desk(DecideOptions()).run([300.0], key=key, static_threshold=2.0)) == 1


def test_a_silence_is_raised_at_once_and_began_when_the_service_was_last_heard_of() -> None:
    (anomaly,) = Desk().run([4.0], key=SeriesKey("t", "api", SILENCE), silence=1.3)
    assert anomaly.detected_at - anomaly.onset == timedelta(seconds=4)


def test_the_onset_is_the_start_of_the_first_slot_that_showed_it() -> None:
    desk = Desk()
    desk.run([50.0] * 5)
    desk.run([120.0], ewma=0.7, robust_z=0.8)  # not enough to count, but it shows
    (anomaly,) = desk.run([200.0] * 3, ewma=1.9, robust_z=3.0)
    assert anomaly.detected_at - anomaly.onset == timedelta(seconds=4)


def test_the_same_history_gives_the_same_id_and_another_series_another() -> None:
    ids = [Desk().run([200.0] * 3, ewma=1.9, robust_z=3.0)[0].id for _ in range(2)]
    other = Desk().run([200.0] * 3, key=SeriesKey("t", "web", RED_MEAN), ewma=1.9, robust_z=3.0)[0].id
    assert ids[0] == ids[1] != other


def test_a_raised_series_is_raised_once_and_cleared_after_five_quiet_slots() -> None:
    desk = Desk()
    assert len(desk.run([200.0] * 20, ewma=1.9, robust_z=3.0)) == 1
    cleared = [desk.judge({LATENCY: 50.0}).decision.cleared for _ in range(6)]
    assert cleared == [(), (), (), (), (LATENCY,), ()]


def test_a_flicker_is_cleared_after_two_quiet_slots() -> None:
    desk = Desk()
    desk.run([200.0] * 3, ewma=1.9, robust_z=3.0)
    cleared = [desk.judge({LATENCY: 50.0}).decision.cleared for _ in range(2)]
    assert cleared == [(), (LATENCY,)]


def test_half_a_recovery_does_not_clear() -> None:
    desk = Desk()
    desk.run([200.0] * 10, ewma=1.9, robust_z=3.0)
    assert not any(desk.judge({LATENCY: 80.0}, {"ewma": 0.9, "z_score": 0.9}).decision.cleared for _ in range(20))


def test_a_raised_series_that_vanished_is_cleared_in_the_end() -> None:
    desk = Desk(DecideOptions(min_samples=0, forget_after=30))
    desk.run([200.0] * 3, ewma=1.9, robust_z=3.0)
    cleared = [desk.judge({}).decision.cleared for _ in range(31)]
    assert [bool(c) for c in cleared].index(True) == 29


def test_an_anomalous_series_is_not_learnt_until_its_level_has_lasted() -> None:
    desk = Desk(DecideOptions(min_samples=0, accept_after=timedelta(seconds=30)))
    learnt = [bool(desk.judge({LATENCY: 200.0}, {"ewma": 2.0, "robust_z": 3.0}).learn[0]) for _ in range(40)]
    assert not any(learnt[:30])
    assert all(learnt[-5:])


def test_while_a_service_is_ill_its_other_series_are_not_learnt_and_those_of_others_are() -> None:
    desk, ill, same, other = Desk(), LATENCY, SeriesKey("t", "api", "x"), SeriesKey("t", "web", "x")
    for _ in range(4):
        judgement = desk.judge({ill: 200.0, same: 50.0, other: 50.0}, {"ewma": 2.0, "robust_z": 3.0})
    assert list(judgement.learn) == [False, False, True]


def failing(desk: Desk, slots: int, calls: float, ratio: float) -> list[Anomaly]:
    values = {SeriesKey("t", "api", RED_ERRORS): ratio, SeriesKey("t", "api", RED_RATE): calls}
    return [a for _ in range(slots) for a in desk.judge(values).decision.raised]


def test_a_tenth_of_ten_calls_failing_is_raised_within_five_slots_though_no_detector_speaks() -> None:
    desk = Desk()
    failing(desk, 60, 10.0, 0.0)
    (anomaly,) = failing(desk, 5, 10.0, 0.1)
    assert anomaly.signal is Signal.ERRORS
    assert anomaly.expected < 0.01


def learnt_after_a_slot(failures: int) -> float:
    desk = Desk()
    failing(desk, 30, calls=9.0, ratio=0.0)
    assert not failing(desk, 1, calls=9.0, ratio=failures / 9)
    return float(desk.state.failures.total_failures[0])


def test_a_first_burst_of_failures_is_no_alarm_and_not_learnt_either() -> None:
    assert learnt_after_a_slot(4) == 0.0


def test_failures_that_go_on_after_an_early_look_are_raised_in_their_first_slot() -> None:
    desk = Desk()
    failing(desk, 30, calls=9.0, ratio=0.0)
    errors, rate = SeriesKey("t", "api", RED_ERRORS), SeriesKey("t", "api", RED_RATE)
    assert not desk.judge({errors: 2 / 9, rate: 9.0}, early=True).decision.raised
    assert len(failing(desk, 1, calls=9.0, ratio=6 / 9)) == 1


def test_a_lone_failure_is_learnt() -> None:
    assert learnt_after_a_slot(1) > 0.9


def test_one_failed_call_of_one_is_no_burst_whatever_detectors_say() -> None:
    desk = Desk()
    failing(desk, 60, 1.0, 0.0)
    values = {SeriesKey("t", "api", RED_ERRORS): 1.0, SeriesKey("t", "api", RED_RATE): 1.0}
    assert not desk.judge(values, {"robust_z": 50.0, "z_score": 50.0}).decision.raised


def test_a_usual_share_of_failures_is_normal() -> None:
    desk = Desk()
    random = np.random.default_rng(0)
    raised = [a for _ in range(600) for a in failing(desk, 1, 10.0, random.binomial(10, 0.03) / 10)]
    assert not raised


def test_fewer_calls_than_usual_weaken_a_mean() -> None:
    desk = Desk()
    rate = SeriesKey("t", "api", RED_RATE)
    for _ in range(30):
        desk.judge({LATENCY: 50.0, rate: 16.0})
    few = [desk.judge({LATENCY: 200.0, rate: 1.0}, {"ewma": 2.0, "robust_z": 2.0}, 50.0) for _ in range(5)]
    assert not [a for j in few for a in j.decision.raised if a.key == LATENCY]


def test_safe_mode_leaves_only_the_rules() -> None:
    desk = Desk(DecideOptions(min_samples=0, safe_mode=True))
    assert not desk.run([200.0] * 10, ewma=5.0, robust_z=5.0, climb=5.0)
    assert desk.run([200.0] * 10, static_threshold=2.0)


def test_a_higher_threshold_demands_more_of_statistics_and_not_of_rules() -> None:
    desk = Desk(DecideOptions(min_samples=0, threshold=3.0))
    assert not desk.run([200.0] * 10, ewma=1.9, robust_z=2.0)
    assert desk.run([200.0] * 10, static_threshold=1.1)


def test_deciding_leaves_the_state_it_was_given_as_it_was() -> None:
    desk = Desk()
    desk.run([200.0] * 3, ewma=1.9, robust_z=3.0)
    before = {name: getattr(desk.state, name).copy() for name in ("seen", "history", "quiet", "raised", "age", "since")}
    old = desk.state
    desk.judge({LATENCY: 50.0})
    for name, array in before.items():
        np.testing.assert_array_equal(getattr(old, name), array)


def test_a_prediction_without_detectors_decides_nothing() -> None:
    table = SeriesTable([LATENCY])
    frame = FeatureFrame(START, NANOSECONDS, np.array([200.0]), np.array([Signal.LATENCY], np.uint8))
    nothing = np.array([np.nan])
    prediction = Prediction(frame, (), (), np.empty((0, 1)), nothing, nothing, "1", 0.0)
    assert not decide(prediction, FactsTable(table), DecideState(), WARM).decision.raised


LOUD = {"ewma": 4.0, "robust_z": 4.0}


def test_what_two_loud_values_tell_is_told_by_an_early_look_and_not_again() -> None:
    desk = Desk()
    desk.run([50.0] * 5)
    assert not desk.judge({LATENCY: 400.0}, LOUD).decision.raised
    (anomaly,) = desk.judge({LATENCY: 400.0}, LOUD, early=True).decision.raised
    assert anomaly.detected_at.microsecond == 900_000
    assert not desk.judge({LATENCY: 400.0}, LOUD).decision.raised
    assert [desk.judge({LATENCY: 50.0}).decision.cleared for _ in range(8)].count((LATENCY,)) == 1


def test_an_early_look_waits_for_what_is_not_loud_or_is_counted_by_the_slot() -> None:
    for key, score in ((LATENCY, 1.5), (SeriesKey("t", "api", RED_RATE), 9.0)):
        desk = Desk()
        for value in (50.0, 400.0, 400.0, 400.0):
            desk.judge({key: value}, {"static_threshold": 0.0, "ewma": score, "robust_z": score} if value > 50 else {})
            desk.state = replace(desk.state, raised=np.zeros(1, bool))
        assert not desk.judge({key: 400.0}, {"ewma": score, "robust_z": score}, early=True).decision.raised


def test_an_early_look_at_nothing_unusual_leaves_no_trace() -> None:
    desk, looked = Desk(), Desk()
    for value, scores in ((50.0, {}), (400.0, LOUD), (50.0, {}), (60.0, {"ewma": 1.2, "robust_z": 1.1})):
        plain = desk.judge({LATENCY: value}, scores)
        assert not looked.judge({LATENCY: 50.0}, {}, early=True).learn.any()
        judged = looked.judge({LATENCY: value}, scores)
        assert judged.decision == plain.decision
        for field_ in fields(desk.state):
            if field_.name != "failures":
                np.testing.assert_array_equal(getattr(looked.state, field_.name), getattr(desk.state, field_.name))
