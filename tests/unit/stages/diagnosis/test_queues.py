"""A queue that fills speaks for who is to empty it, under whatever name the broker and the calls know it."""

import numpy as np
import pytest

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Diagnosis, FaultClass
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureMatrix, Floats, SeriesKey
from akeso.domain.telemetry.signal import RED_RATE, Signal
from akeso.domain.telemetry.times import instant_of
from akeso.plugins.discovery import build
from akeso.stages.diagnosis.diagnose import diagnose
from akeso.stages.diagnosis.queues import destinations
from akeso.stages.diagnosis.service_signs import throughput
from akeso.stages.diagnosis.symptoms import read

PAST, NOW = 100, 130
WAITING = SeriesKey("t", "rabbit-1", "rabbitmq_queue_messages_ready", (("queue", "orders-placed"),), "1")
RATE = SeriesKey("t", "mailer", RED_RATE, (), "1/s")
CALLS = (("shop", "orders-placed"), ("orders-placed", "mailer"), ("till", "receipts"), ("receipts", "printer"))


def in_batches(until: int) -> Floats:
    """Ten messages every five seconds."""
    slots = np.arange(NOW)
    return np.where((slots % 5 == 0) & (slots < until), 10.0, 0.0)


def case_of(worked: Floats) -> Case:
    """The queue fills from PAST on; the mailer empties it as `worked` says."""
    waiting = np.maximum(0.0, np.arange(NOW) - PAST) * 2.0
    times = np.arange(1, NOW + 1, dtype=np.int64) * NANOSECONDS
    signals = np.array([Signal.BACKLOG, Signal.TRAFFIC], np.uint8)
    matrix = FeatureMatrix((WAITING, RATE), signals, times, np.column_stack([waiting, worked]))
    at = instant_of(PAST * NANOSECONDS)
    raised = Anomaly("a", "t", WAITING, Signal.BACKLOG, at, at, 5.0, 40.0, 0.0, 1.0)
    topology = Topology(tuple(Edge(caller, callee, True, 1.0, 0) for caller, callee in CALLS))
    return Case("t", PAST * NANOSECONDS, NOW * NANOSECONDS, matrix, (raised,), topology=topology)


def diagnosis(case: Case) -> Diagnosis:
    return diagnose(case, tuple(build("evidence").values()))


def test_a_broker_names_its_queues_by_labels() -> None:
    assert destinations(WAITING) == {"orders-placed"}


def test_who_stopped_emptying_a_queue_is_found_by_the_queues_name() -> None:
    best = diagnosis(case_of(in_batches(PAST))).best
    assert best is not None
    assert (best.service, best.fault_class) == ("mailer", FaultClass.QUEUE_BACKLOG)


def test_who_empties_another_queue_has_nothing_to_do_with_it() -> None:
    assert "printer" not in {h.service for h in diagnosis(case_of(in_batches(PAST))).hypotheses}


@pytest.mark.parametrize(("until", "now"), [(PAST, 0.0), (NOW, 2.0)])
def test_work_that_is_told_in_batches_is_counted_over_whole_batches(until: int, now: float) -> None:
    before, lately = throughput(read(case_of(in_batches(until))), "mailer")
    assert [before, lately] == pytest.approx([2.0, now], abs=0.4)
