"""Recorded runs of the lab: the telemetry that Akeso got is run again, and diagnosed when it was diagnosed then.

A folder holds report.json and Akeso's data (`akeso/telemetry.db`, `akeso/akeso.db`). A moment is one diagnosis that was
made before anything was done. From each the same moment is derived with less telemetry: without log lines, without
spans, without gauges, with nothing from the service at fault, and with nothing but what a monitoring would alert of.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from akeso.adapters.journals.sql import SqlJournal
from akeso.adapters.telemetry.recording import Stretch, open_recording, stored_batches
from akeso.bench.corpus.known import Known, names
from akeso.config.service_file import load_services
from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.detection.symptoms import SYMPTOMS
from akeso.domain.errors import InvalidInput
from akeso.domain.estate.service import Services
from akeso.domain.estate.topology import Topology
from akeso.domain.incident.case import Case
from akeso.domain.incident.events import ActionIntended, DiagnosisMade, Entry
from akeso.domain.incident.evolution import fold
from akeso.domain.incident.incident import Incident
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import epoch_ns, instant_of
from akeso.offline.casefiles.rerun import Rerun, RerunOptions
from akeso.stages.correlation.headline import suspect
from akeso.stages.diagnosis.case_builder import Symptomatic, picture


@dataclass(frozen=True, slots=True)
class _Moment:
    at: int
    incident: Incident
    fault: str
    truth: str
    name: str


def cases(folder: Path) -> Iterator[Known]:
    """The moments of one run."""
    yield from asyncio.run(_collected(folder))


async def _collected(folder: Path) -> list[Known]:
    return [known async for known in recorded(folder)]


async def recorded(folder: Path) -> AsyncIterator[Known]:
    """The moments of one run, and what is derived from them."""
    report = _report(folder / "report.json")
    journal = await SqlJournal.open(f"sqlite+aiosqlite:///{(folder / 'akeso' / 'akeso.db').resolve()}")
    try:
        moments = [m async for m in _moments(journal, report, folder.name)]
    finally:
        await journal.close()
    async for known in _rerun(folder, sorted(moments, key=lambda m: m.at)):
        yield known


def _report(path: Path) -> Mapping[str, Any]:
    try:
        report: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as bad:
        raise InvalidInput("--lab", f"{path} is no report of a lab run: {bad}") from bad
    if any("incident" not in case for case in report.get("cases", [{}])):
        raise InvalidInput("--lab", f"{path}: its cases do not name their incidents")
    return report


async def _moments(journal: SqlJournal, report: Mapping[str, Any], run: str) -> AsyncIterator[_Moment]:
    for number, case in enumerate(report["cases"]):
        if not case["incident"]:
            continue
        entries = await journal.entries(case["incident"])
        for at in _diagnosed(entries):
            before = [e for e in entries if epoch_ns(e.at) <= at]
            incident = fold(before)
            assert incident is not None
            age = (at - epoch_ns(incident.detected_at)) / NANOSECONDS
            name = f"{run}/{number}-{case['fault']}+{age:.1f}s"
            yield _Moment(at, incident, case["fault"], case["root_cause"]["expected"], name)


def _diagnosed(entries: Sequence[Entry]) -> list[int]:
    """ns of every diagnosis before the first effect."""
    acted = next((epoch_ns(e.at) for e in entries if isinstance(e.event, ActionIntended)), None)
    made = [epoch_ns(e.at) for e in entries if isinstance(e.event, DiagnosisMade)]
    return [at for at in made if acted is None or at <= acted]


async def _rerun(folder: Path, moments: Sequence[_Moment]) -> AsyncIterator[Known]:
    table, services = SeriesTable(), _services(folder)
    reader = open_recording(folder / "akeso" / "telemetry.db")
    rerun = Rerun(table, RerunOptions(span=timedelta(minutes=12)))
    waiting = list(moments)
    async for _, batch in stored_batches(reader, table, Stretch()):
        while waiting and batch.received_at > waiting[0].at:
            for known in _known(rerun, waiting.pop(0), services):
                yield known
        for _decision in rerun.take(batch):
            pass


def _services(folder: Path) -> Services:
    path = folder / "services.yaml"
    return load_services(path) if path.exists() else Services()


def _known(rerun: Rerun, moment: _Moment, services: Services) -> Iterator[Known]:
    for _decision in rerun.until(moment.at):
        pass
    i = moment.incident
    seen = Symptomatic(i.tenant, i.onset, moment.at, i.anomalies, i.alerts, services=services)
    case, right = picture(rerun.window, seen), names(moment.truth)
    group = f"lab/{moment.fault}"
    yield Known("lab", moment.name, group, case, right)
    for what, thin in THINNERS.items():
        less = thin(case, moment.truth)
        if less.anomalies or less.alerts:
            yield Known("lab thinned", f"{moment.name} without {what}", group, less, right, derived=True)


def keeping(case: Case, wanted: Callable[[str, str], bool]) -> Case:
    """The case with the series (service, metric) that are wanted, and their anomalies."""
    keep = [i for i, key in enumerate(case.features.keys) if wanted(key.service, key.metric)]
    features = replace(
        case.features,
        keys=tuple(case.features.keys[i] for i in keep),
        signals=case.features.signals[keep],
        values=np.ascontiguousarray(case.features.values[:, keep]),
    )
    anomalies = tuple(a for a in case.anomalies if wanted(a.service, a.key.metric))
    return replace(case, features=features, anomalies=anomalies)


def _without_logs(case: Case, truth: str) -> Case:
    del truth
    return replace(keeping(case, lambda _, metric: not metric.startswith("akeso.log")), logs=())


def _without_spans(case: Case, truth: str) -> Case:
    del truth
    less = keeping(case, lambda _, metric: not metric.startswith(("akeso.red", "akeso.edge")))
    return replace(less, topology=Topology((), case.topology.services))


def _without_gauges(case: Case, truth: str) -> Case:
    del truth
    return keeping(case, lambda _, metric: metric.startswith("akeso."))


def _without_cause(case: Case, truth: str) -> Case:
    less = keeping(case, lambda service, _: service != truth)
    return replace(less, logs=tuple(p for p in case.logs if p.service != truth))


def _one_alert(case: Case, truth: str) -> Case:
    del truth
    symptoms = [a for a in case.anomalies if a.signal in SYMPTOMS]
    return _only_alerts(case, [suspect(symptoms, (), case.topology)] if symptoms else [])


def _all_alerts(case: Case, truth: str) -> Case:
    del truth
    return _only_alerts(case, sorted({a.service for a in case.anomalies if a.signal in SYMPTOMS}))


def _only_alerts(case: Case, services: Sequence[str]) -> Case:
    """What is known where nobody sends telemetry, but somebody else's monitoring alerts."""
    at = instant_of(case.onset)
    alerts = tuple(
        Alert(case.tenant, service, "monitoring", service, f"{service} hurts", Severity.ERROR, AlertStatus.FIRING, at)
        for service in services
    )
    return replace(keeping(case, lambda *_: False), logs=(), topology=Topology(), alerts=alerts)


THINNERS: Mapping[str, Callable[[Case, str], Case]] = {
    "log lines": _without_logs,
    "spans": _without_spans,
    "gauges": _without_gauges,
    "the service at fault": _without_cause,
    "anything but one alert": _one_alert,
    "anything but alerts": _all_alerts,
}
