from pathlib import Path

import numpy as np
import pytest

from akeso.config.service_file import load_services
from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.errors import InvalidSettings
from akeso.domain.estate.service import Services, ServiceSpec
from akeso.domain.messages import Prediction
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Floats, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN, RED_RATE
from akeso.plugins.detectors.slo_burn import SloBurn
from akeso.ports.detector import vote_of
from akeso.stages.detection.decide import DecideOptions, DecideState, decide
from akeso.stages.detection.series_facts import FactsTable
from akeso.stages.features.metric_meanings import signal_of

RATE, ERRORS, MEAN = (
    SeriesKey("t", "api", metric, (), unit) for metric, unit in ((RED_RATE, "1/s"), (RED_ERRORS, "1"), (RED_MEAN, "ms"))
)
SERVICES = Services({"api": ServiceSpec("api", latency_slo_ms=200.0, error_slo=0.001)})
START = 1_700_000_000


class Desk:
    """A service with ten calls a second, seen by the detector alone."""

    def __init__(self, services: Services = SERVICES, scale: float = 0.01) -> None:
        self.table = SeriesTable([RATE, ERRORS, MEAN])
        self.detector, self.second = SloBurn(scale, services, self.table), 0
        self.signals = np.array([signal_of(key) for key in self.table.keys], np.uint8)

    def frame(self, errors: float, mean: float) -> FeatureFrame:
        self.second += 1
        values = np.array([10.0, errors, mean])
        return FeatureFrame((START + self.second) * NANOSECONDS, NANOSECONDS, values, self.signals)

    def live(self, seconds: int, errors: float = 0.0, mean: float = 50.0) -> Floats:
        for _ in range(seconds):
            frame = self.frame(errors, mean)
            scores = self.detector.score(frame).score
            self.detector.learn(frame, np.zeros(3, bool))
        return scores


def test_an_error_budget_that_burns_alarms_on_the_error_ratio_alone() -> None:
    desk = Desk()
    assert not desk.live(600).any()
    scores = desk.live(30, errors=0.2)
    assert scores[1] >= 1.0
    assert scores[0] == scores[2] == 0.0


def test_slots_above_the_latency_objective_use_up_its_budget() -> None:
    desk = Desk()
    desk.live(600)
    scores = desk.live(30, mean=250.0)
    assert scores[2] >= 1.0
    assert scores[1] == 0.0


def test_without_a_stated_objective_nothing_is_judged() -> None:
    desk = Desk(Services())
    assert not desk.live(100, errors=1.0, mean=5000.0).any()
    assert desk.detector.budgets("t") == ()


def test_the_budget_that_remains_is_told_by_objective() -> None:
    desk = Desk()
    desk.live(2600)
    untouched = desk.detector.budgets("t")
    assert [(b.objective.kind, b.remaining) for b in untouched] == [("availability", 1.0), ("latency", 1.0)]
    desk.live(13, errors=0.1)
    # 13 failed calls of about 26,000 allowed 0.1 %, so 26: half is left.
    assert desk.detector.budgets("t")[0].remaining == pytest.approx(0.5, abs=0.03)
    assert desk.detector.budgets("another tenant") == ()


def test_a_slow_burn_that_surprises_nobody_is_decided_on() -> None:
    desk, state = Desk(), DecideState()
    decided: list[Anomaly] = []
    facts = FactsTable(desk.table)
    for second in range(900):
        frame = desk.frame(0.02 if second > 100 else 0.0, 50.0)
        opinion = desk.detector.score(frame)
        nothing = np.full(3, np.nan)
        prediction = Prediction(
            frame, ("slo_burn",), (vote_of(desk.detector),), opinion.score[None, :], nothing, nothing, "1", 0.0
        )
        judgement = decide(prediction, facts, state, DecideOptions())
        state = judgement.state
        desk.detector.learn(frame, judgement.learn)
        decided += judgement.decision.raised
    assert [anomaly.key for anomaly in decided] == [ERRORS]
    assert decided[0].detectors == ("slo_burn",)


def test_services_yaml_states_the_share_of_slow_calls_and_the_alert_budget(tmp_path: Path) -> None:
    file = tmp_path / "services.yaml"
    file.write_text("services: {api: {slo: {latency_ms: 100, slow_ratio: 0.05}, alert_budget: 3}}")
    spec = load_services(file)["api"]
    assert (spec.slow_slo, spec.alert_budget) == (0.05, 3.0)
    file.write_text("services: {api: {alert_budget: -1}}")
    with pytest.raises(InvalidSettings, match="alert_budget"):
        load_services(file)
