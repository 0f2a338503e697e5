"""A callee is well only as far as it tells of the calls that failed: counted on both sides, at each side's rhythm."""

from collections.abc import Mapping, Sequence

import numpy as np

from akeso.domain.estate.topology import Edge, Topology
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import FaultClass
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureMatrix, Floats, SeriesKey
from akeso.domain.telemetry.signal import EDGE_ERROR_RATIO, EDGE_MEAN, EDGE_RATE, RED_ERRORS, RED_RATE
from akeso.plugins.discovery import build
from akeso.stages.diagnosis.calls.blame_propagation import effects
from akeso.stages.diagnosis.calls.call_effects import Blame
from akeso.stages.diagnosis.diagnose import diagnose
from akeso.stages.features.metric_meanings import signal_of

PAST, NOW = 60, 75
WORN = "process.memory.usage"


def key(service: str, metric: str, peer: str = "") -> SeriesKey:
    unit = {EDGE_RATE: "1/s", RED_RATE: "1/s", WORN: "By"}.get(metric, "1")
    return SeriesKey("t", service, metric, (("peer", peer),) if peer else (), unit)


def case_of(series: Mapping[SeriesKey, Floats], edges: Sequence[tuple[str, str]] = (("web", "cart"),)) -> Case:
    """Slots of a second; the fault begins after PAST."""
    times = np.arange(1, NOW + 1, dtype=np.int64) * NANOSECONDS
    signals = np.array([signal_of(k) for k in series], np.uint8)
    matrix = FeatureMatrix(tuple(series), signals, times, np.column_stack(list(series.values())))
    calls = tuple(Edge(caller, callee, False, 1.0, 0) for caller, callee in edges)
    return Case("t", PAST * NANOSECONDS, NOW * NANOSECONDS, matrix, topology=Topology(calls))


def told(values: Floats, every: int, phase: int = 0) -> Floats:
    """What a sender tells that hands its counts over every so many slots."""
    sums = np.zeros(len(values))
    for at in range(phase, len(values), every):
        sums[at] = values[max(0, at - every + 1) : at + 1].sum()
    return sums


def made(errors: float, *, since: int = PAST, every: int = 1, phase: int = 0) -> dict[str, Floats]:
    """What a caller tells of its calls: rate and error share, and the same of its own requests."""
    rates = told(np.full(NOW, 6.0), every, phase)
    shares = np.where(rates > 0, np.where(np.arange(NOW) >= since, errors, 0.0), np.nan)
    return {"rate": rates, "errors": shares}


def of_caller(name: str, calls: Mapping[str, Floats], callee: str = "cart") -> dict[SeriesKey, Floats]:
    return {
        key(name, EDGE_RATE, callee): calls["rate"],
        key(name, EDGE_ERROR_RATIO, callee): calls["errors"],
        key(name, RED_RATE): calls["rate"],
        key(name, RED_ERRORS): calls["errors"],
    }


def served(until: int = NOW, *, every: int = 1, phase: int = 0, rate: float = 6.0) -> Floats:
    return told(np.where(np.arange(NOW) < until, rate, 0.0), every, phase)


def blame(case: Case) -> Blame:
    (call,) = effects(case)["web"].calls
    return call.blame


def test_a_callee_that_had_the_calls_and_answered_them_is_well() -> None:
    assert blame(case_of({**of_caller("web", made(0.9)), key("cart", RED_RATE): served()})) is Blame.CALLER


def test_a_callee_that_tells_of_no_call_any_more_is_to_blame() -> None:
    case = case_of({**of_caller("web", made(1.0)), key("cart", RED_RATE): served(PAST)})
    assert blame(case) is Blame.CALLEE
    assert effects(case)["cart"].unreached
    assert not effects(case)["web"].failing_itself


def test_half_of_the_calls_that_fail_and_do_not_arrive_are_missed_among_the_others() -> None:
    half = np.where(np.arange(NOW) < PAST, 6.0, 3.0)
    assert blame(case_of({**of_caller("web", made(0.5)), key("cart", RED_RATE): half})) is Blame.CALLEE


def test_in_batches_the_callee_is_waited_for_until_its_next_one_is_due() -> None:
    calls = of_caller("web", made(1.0, since=NOW - 3, every=5, phase=2))
    young = case_of({**calls, key("cart", RED_RATE): served(every=5, phase=1)})
    assert blame(young) is Blame.UNCLEAR
    assert not diagnose(young, tuple(build("evidence").values())).known


def test_a_crash_in_batches_is_the_callees() -> None:
    case = case_of({**of_caller("web", made(1.0, every=5)), key("cart", RED_RATE): served(PAST, every=5)})
    best = diagnose(case, tuple(build("evidence").values())).best
    assert best is not None
    assert (best.service, best.fault_class) == ("cart", FaultClass.CRASH)


def test_a_callee_that_goes_on_telling_of_itself_and_that_nobody_else_calls_is_not_sure_to_be_it() -> None:
    alive = {key("cart", WORN): np.full(NOW, 7e7), key("cart", RED_RATE): served(PAST)}
    case = case_of({**of_caller("web", made(1.0)), **alive})
    assert blame(case) is Blame.UNCLEAR
    assert not diagnose(case, tuple(build("evidence").values())).known


def test_other_callers_that_reach_it_speak_for_the_callee() -> None:
    fine = of_caller("app", made(0.0))
    latency = {SeriesKey("t", "app", EDGE_MEAN, (("peer", "cart"),), "ms"): np.full(NOW, 5.0)}
    halved = np.where(np.arange(NOW) < PAST, 12.0, 6.0)
    series = {**of_caller("web", made(1.0)), **fine, **latency, key("cart", RED_RATE): halved}
    assert blame(case_of(series, (("web", "cart"), ("app", "cart")))) is Blame.UNCLEAR


def test_where_most_requests_come_from_others_nothing_is_read_from_their_number() -> None:
    case = case_of({**of_caller("web", made(1.0)), key("cart", RED_RATE): served(PAST, rate=60.0) + 1.0})
    assert not effects(case)["cart"].unreached
