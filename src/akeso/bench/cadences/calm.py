"""Calm hours told at one cadence in one way: how many alarms are notified, when none should be.

Features, detectors, decisions and alert budget are those that run, on a clock of their own; what they pass on would
open incidents.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter

from akeso.bench.cadences.senders import Scraped
from akeso.bench.cadences.trial import START, Cell, ToldShop, tell
from akeso.composition.detection import make_detectors
from akeso.config.settings import load_settings
from akeso.domain.detection.symptoms import SYMPTOMS
from akeso.domain.estate.service import Services
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import duration_ns
from akeso.plugins.discovery import build
from akeso.ports.puller import PullRequest
from akeso.ports.source import IngestRequest, Source
from akeso.protocols.decompression import decompressed
from akeso.stages.detection.alert_budget import AlertBudget
from akeso.stages.detection.detection_loop import DetectionLoop
from akeso.stages.detection.series_facts import FactsTable
from akeso.stages.detection.votes import stated
from akeso.stages.features.features import FeatureBuilder

_TENANT = "default"
_PULL_DELAY = 2 * NANOSECONDS


@dataclass(frozen=True, slots=True)
class CalmFound:
    """raised: symptoms that were decided on; notified: those that the budget passed on; said: the latter, in words."""

    cell: Cell
    hours: float
    raised: int
    notified: int
    said: tuple[str, ...]
    took_s: float


def calm(cell: Cell, hours: float) -> CalmFound:
    """That many virtual hours in which nothing happens."""
    began, settings = perf_counter(), load_settings(None, {})
    ingest, features = SeriesTable(), SeriesTable()
    detectors = make_detectors(settings, Services(), features)
    facts = FactsTable(features)
    loop, budget = DetectionLoop(detectors, facts, perf_counter), AlertBudget(stated=stated(detectors))
    raised, said = 0, list[str]()
    for frame in _frames(FeatureBuilder(ingest, features), _batches(cell, ingest, hours)):
        decision = loop.step(frame).decision
        raised += sum(anomaly.signal in SYMPTOMS for anomaly in decision.raised)
        for anomaly in budget.admit(decision, facts.services).raised:
            if anomaly.signal in SYMPTOMS:
                said.append(
                    f"{anomaly.detected_at:%H:%M:%S} {anomaly.service} {anomaly.key.metric} {anomaly.score:.1f}"
                )
    return CalmFound(cell, hours, raised, len(said), tuple(said), perf_counter() - began)


def _frames(builder: FeatureBuilder, batches: Iterator[TelemetryBatch]) -> Iterator[FeatureFrame]:
    tick = START
    for batch in batches:
        while tick + NANOSECONDS <= batch.received_at:
            tick += NANOSECONDS
            yield from (closed.frame for closed in builder.close_until(tick))
        yield from (closed.frame for closed in builder.close_until(batch.received_at))
        builder.add(batch)
        early = builder.look(batch.received_at + NANOSECONDS // 2)
        if early is not None:
            yield early


def _batches(cell: Cell, table: SeriesTable, hours: float) -> Iterator[TelemetryBatch]:
    scene, endpoint = tell(cell, None)
    until = START + round(hours * 3600) * NANOSECONDS
    if endpoint is not None:
        yield from _pulled(cell, endpoint, table, until)
    else:
        yield from _pushed(scene, table, until)


def _pushed(scene: ToldShop, table: SeriesTable, until: int) -> Iterator[TelemetryBatch]:
    sources: dict[str, Source] = {path: source for source in build("sources").values() for path in source.paths}
    while scene.now < until:
        for said in scene.advance(scene.now + NANOSECONDS):
            body = decompressed(said.body, said.headers.get("content-encoding", "identity"))
            request = IngestRequest(said.path, said.headers, body, _TENANT, said.at)
            yield sources[said.path].decode(request, table).batch


def _pulled(cell: Cell, endpoint: Scraped, table: SeriesTable, until: int) -> Iterator[TelemetryBatch]:
    pause = duration_ns(cell.pause)
    for asked in range(START + pause, until, pause):
        batch = endpoint.answer(PullRequest(_TENANT, asked - pause, asked), table).batch
        if len(batch):
            yield TelemetryBatch(_TENANT, asked + _PULL_DELAY, batch.metrics, delay=_PULL_DELAY)
