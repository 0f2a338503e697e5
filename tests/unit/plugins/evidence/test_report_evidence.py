"""A person's report: evidence on the service it names, for as long as the incident lives."""

from dataclasses import replace

import numpy as np

from akeso.domain.incident.case import Case, Report
from akeso.domain.incident.diagnosis import Diagnosis, Hypothesis
from akeso.domain.incident.events import AnomaliesAttached, DiagnosisMade, Entry, Event, IncidentDetected
from akeso.domain.incident.evolution import evolve, fold
from akeso.domain.incident.incident import Incident
from akeso.domain.telemetry.batches import FeatureMatrix
from akeso.plugins.discovery import build
from akeso.plugins.evidence.report import Reported
from akeso.stages.diagnosis.diagnose import diagnose
from akeso.testing.events import AT, example
from akeso.testing.recorded.cases import START, TENANT

EMPTY = FeatureMatrix((), np.zeros(0, np.uint8), np.zeros(0, np.int64), np.zeros((0, 0)))
CASE = Case(TENANT, START, START, EMPTY, report=Report("checkout", "nobody can pay"))


def opened(event: IncidentDetected) -> Incident:
    incident = fold([Entry(1, "i1", AT, "ann", event)])
    assert incident is not None
    return incident


def test_a_report_speaks_for_its_service_in_the_persons_words() -> None:
    (finding,) = Reported().gather(CASE)
    assert (finding.service, finding.provider) == ("checkout", "report")
    assert "nobody can pay" in finding.statement
    assert Reported().gather(replace(CASE, report=None)) == []


def test_where_nothing_is_measured_a_report_is_enough_to_act_on() -> None:
    diagnosis = diagnose(CASE, tuple(build("evidence").values()))
    assert diagnosis.known
    assert diagnosis.best is not None
    assert diagnosis.best.service == "checkout"
    assert not diagnose(replace(CASE, report=None), tuple(build("evidence").values())).known


def test_an_incident_that_a_person_opened_knows_where_whatever_is_found_later() -> None:
    bare = IncidentDetected("t", "checkout", "nobody can pay", example(IncidentDetected, full=True).severity, AT)
    incident = opened(bare)
    later: list[Event] = [
        AnomaliesAttached(example(IncidentDetected, full=True).anomalies),
        DiagnosisMade(Diagnosis((Hypothesis("bank", "crash", 0.9),), True)),
    ]
    for sequence, event in enumerate(later, 2):
        incident = evolve(incident, Entry(sequence, "i1", AT, "healing", event))
    assert (incident.reported, incident.service) == ("checkout", "bank")


def test_what_akeso_noticed_itself_is_no_report() -> None:
    assert opened(example(IncidentDetected, full=True)).reported == ""
