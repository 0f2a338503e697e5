"""Down takes a witness: what callers, probes, alerts and last words say; silence alone is not being heard of."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from akeso.domain.estate.senders import TELEMETRY_GAP
from akeso.domain.incident.case import Case, Report
from akeso.domain.incident.diagnosis import Evidence, FaultClass
from akeso.domain.telemetry.batches import Floats, SeriesKey
from akeso.domain.telemetry.signal import Signal
from akeso.plugins.evidence.availability import Availability
from akeso.plugins.evidence.silence import Silence
from akeso.stages.diagnosis.calls.blame_propagation import effects
from akeso.testing.recorded.cases import TENANT, Fault, Scene

DOWN = Scene(Fault("quotes", down=True))


def alone(case: Case) -> Case:
    """The same without anybody who calls quotes, and without anomalies."""
    keep = [i for i, key in enumerate(case.features.keys) if ("peer", "quotes") not in key.attributes]
    features = replace(
        case.features,
        keys=tuple(case.features.keys[i] for i in keep),
        signals=case.features.signals[keep],
        values=case.features.values[:, keep],
    )
    edges = tuple(e for e in case.topology.edges if e.callee != "quotes")
    return replace(case, features=features, anomalies=(), topology=replace(case.topology, edges=edges))


def probed(case: Case, down: Floats, metric: str = "probe_success") -> Case:
    key = SeriesKey(TENANT, "quotes", metric, unit="1")
    features = replace(
        case.features,
        keys=(*case.features.keys, key),
        signals=np.append(case.features.signals, np.uint8(Signal.DOWN)),
        values=np.column_stack([case.features.values, down]),
    )
    return replace(case, features=features)


def found(case: Case) -> Sequence[Evidence]:
    return [e for e in Silence().gather(case) if e.service == "quotes"]


def failing_probe(case: Case) -> Floats:
    return np.where(case.features.times > case.onset, 1.0, 0.0)


def test_a_silence_that_callers_speak_of_is_a_crash() -> None:
    (evidence,) = found(DOWN.case())
    assert (evidence.weight > 0, FaultClass.CRASH in evidence.classes) == (True, True)


def test_a_silence_that_nobody_speaks_of_is_no_crash_and_blames_nobody() -> None:
    case = alone(DOWN.case())
    assert not effects(case)["quotes"].down
    (evidence,) = found(case)
    assert (evidence.weight < 0, evidence.classes) == (True, {})
    assert "nobody says that it is down" in evidence.statement


def test_a_person_is_a_witness() -> None:
    assert effects(replace(alone(DOWN.case()), report=Report("quotes", "it is gone")))["quotes"].down


def test_a_probe_is_a_witness() -> None:
    case = alone(DOWN.case())
    case = probed(case, failing_probe(case))
    assert effects(case)["quotes"].down
    (evidence,) = Availability().gather(case)
    assert (evidence.service, evidence.weight > 0) == ("quotes", True)


def test_last_words_are_a_witness() -> None:
    case = replace(DOWN, logs={("quotes", "panic: out of memory", 21): 1.0}).case()
    silent = alone(case)
    assert effects(silent)["quotes"].down


def test_one_that_answers_is_not_down_whatever_a_probe_says() -> None:
    case = Scene(Fault()).case()
    case = probed(case, failing_probe(case))
    (evidence,) = Availability().gather(case)
    assert evidence.weight < 0
    assert TELEMETRY_GAP in evidence.classes
    assert not effects(case)["quotes"].down


def test_what_only_a_scrape_does_not_reach_is_a_telemetry_gap_and_no_crash() -> None:
    case = alone(DOWN.case())
    case = probed(case, failing_probe(case), "up")
    at = DOWN.case().anomalies[0]
    case = replace(case, anomalies=(replace(at, key=case.features.keys[-1], signal=Signal.DOWN),))
    assert not effects(case)["quotes"].down
    found = [*Availability().gather(case), *(e for e in Silence().gather(case) if e.service == "quotes")]
    assert max(found, key=lambda e: e.weight).classes == {TELEMETRY_GAP: 4.0}
    assert not any(FaultClass.CRASH in e.classes for e in found)


def test_a_probe_that_finds_all_well_says_nothing() -> None:
    case = DOWN.case()
    assert Availability().gather(probed(case, np.zeros(len(case.features.times)))) == []
