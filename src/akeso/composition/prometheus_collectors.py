"""What became of telemetry on its way, as Prometheus metrics. They are read when asked for: counting stays free."""

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from akeso.adapters.journals.alert_ledger import SqlAlertLedger
from akeso.adapters.journals.incident_list import SqlIncidentList
from akeso.adapters.journals.sql import SqlJournal
from akeso.agents.detection.feature import FeatureAgent
from akeso.agents.intake.ingestion import IngestionAgent
from akeso.agents.selfhealing.monitoring import MonitoringAgent
from akeso.agents.selfhealing.pipeline import OwnPipeline
from akeso.domain.errors import Unavailable
from akeso.engine.refused_keys import RefusedKeys
from akeso.ports.clock import Clock

_SENDER = ("tenant", "service", "instance", "signal")


class IntakeCollector(Collector):
    """The counters of the ingestion and the feature agent, and the senders whose clocks are corrected."""

    def __init__(self, ingestion: IngestionAgent, feature: FeatureAgent) -> None:
        self._ingestion, self._feature = ingestion, feature

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        for name, (value, text) in self._counters().items():
            yield CounterMetricFamily(name, text, value=value)
        omitted = CounterMetricFamily(
            "akeso_ingest_fields_omitted", "Malformed optional fields left out of what was kept", labels=("field",)
        )
        for field, count in self._ingestion.omitted.items():
            omitted.add_metric((field,), count)
        yield omitted
        offsets = GaugeMetricFamily(
            "akeso_sender_clock_offset_seconds",
            "How far a sender's clock, which is corrected, is behind (negative: ahead)",
            labels=_SENDER,
        )
        for name, (level, text) in self._levels().items():
            yield GaugeMetricFamily(name, text, value=level)
        for sender, seconds in self._feature.clock_offsets.items():
            offsets.add_metric(sender, seconds)
        yield offsets

    def _levels(self) -> dict[str, tuple[int, str]]:
        taken = self._ingestion
        return {
            "akeso_ingest_bodies_bytes": (taken.bodies.used, "Bodies of requests in memory"),
            "akeso_ingest_publish_queue_bytes": (
                taken.publish_queue_bytes,
                "Stored telemetry that waits for the detectors",
            ),
            "akeso_ingest_series": (taken.series, "Series of all tenants"),
        }

    def _counters(self) -> dict[str, tuple[int, str]]:
        taken, tally = self._ingestion, self._feature.tally
        return {
            "akeso_ingest_batches": (taken.batches, "Batches taken in"),
            "akeso_ingest_samples": (taken.points, "Points, log records, spans and changes taken in"),
            "akeso_ingest_alerts": (taken.alerts, "Alerts taken in"),
            "akeso_ingest_repeated": (taken.repeated, "Items that were taken in before, came again and were left out"),
            "akeso_ingest_rejected": (taken.rejected, "Items left out of requests whose other items were taken in"),
            "akeso_ingest_refused": (taken.refused, "Requests turned away for want of room or disk"),
            "akeso_telemetry_pruned": (taken.pruned, "Batches forgotten for their age or for want of room"),
            "akeso_samples_late": (tally.late, "Samples counted in a later slot than their own"),
            "akeso_samples_dropped": (tally.dropped, "Samples too late for any slot; they are stored"),
            "akeso_samples_skewed": (tally.skewed, "Samples from the future, taken for their arrival"),
            "akeso_samples_corrected": (tally.corrected, "Samples of senders whose clocks are steadily off"),
            "akeso_samples_missing": (tally.missing, "Samples whose value is no number"),
            "akeso_samples_repeated": (tally.repeated, "Samples that were told before"),
            "akeso_series_refused": (tally.refused_series, "Series beyond the limit of feature series"),
            "akeso_slot_gaps": (tally.gaps, "Pauses without any telemetry"),
        }


class AccessCollector(Collector):
    """Who was refused at the doors."""

    def __init__(self, refused: RefusedKeys) -> None:
        self._refused = refused

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        refused = self._refused
        yield CounterMetricFamily("akeso_access_keys_refused", "Requests with a key that is nobody's", refused.total)
        yield CounterMetricFamily(
            "akeso_access_turned_away", "Such requests that were told to wait", refused.turned_away
        )


class PipelineCollector(Collector):
    """How Akeso's own pipeline is, as the monitoring agent sees it, and which version of the model decides."""

    def __init__(self, monitoring: MonitoringAgent, pipeline: OwnPipeline) -> None:
        self._monitoring, self._pipeline = monitoring, pipeline

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client. What is not known is left out."""
        for name, value in self._monitoring.numbers.items():
            if not math.isnan(value):
                yield GaugeMetricFamily(f"akeso_pipeline_{name}", name.replace("_", " "), value=value)
        yield GaugeMetricFamily("akeso_pipeline_safe_mode", "1 while only rules decide", value=self._pipeline.safe_mode)
        info = GaugeMetricFamily("akeso_model_info", "1 for the version that decides", labels=("version",))
        info.add_metric((self._pipeline.model or "none",), 1)
        yield info


class IncidentCollector(Collector):
    """Incidents, approvals and alerts of all tenants. `refresh` reads them before they are told."""

    def __init__(self, journal: SqlJournal, incidents: SqlIncidentList, ledger: SqlAlertLedger, clock: Clock) -> None:
        self._journal, self._incidents, self._ledger, self._clock = journal, incidents, ledger, clock
        self._states: Mapping[str, int] = {}
        self._fates: Mapping[str, int] = {}
        self._levels: Mapping[str, tuple[float, str]] = {}

    async def refresh(self) -> None:
        """What the journal says now; nothing is told while it does not answer."""
        now = self._clock.now()
        self._states, self._fates, self._levels = {}, {}, {}
        try:
            states, fates = await self._incidents.states(), await self._ledger.fates()
            oldest = await self._incidents.oldest_open()
            waiting = await self._journal.pending_approvals(now)
        except Unavailable:
            return
        self._states, self._fates = states, fates
        longest = max((now - each.requested_at for each in waiting), default=timedelta(0))
        self._levels = {
            "akeso_incidents_oldest_open_seconds": (
                (now - oldest).total_seconds() if oldest else 0.0, "Since the oldest open incident was detected"),
            "akeso_approvals_pending": (len(waiting), "Actions that wait for a person"),
            "akeso_approvals_oldest_pending_seconds": (longest.total_seconds(), "For how long the first has waited"),
        }  # fmt: skip

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        states = GaugeMetricFamily("akeso_incidents", "Incidents by state", labels=("status",))
        for status, count in self._states.items():
            states.add_metric((status.lower(),), count)
        yield states
        fates = GaugeMetricFamily("akeso_alerts", "Alerts that were accepted, by what became of them", labels=("fate",))
        for fate, count in self._fates.items():
            fates.add_metric((fate,), count)
        yield fates
        for name, (level, text) in self._levels.items():
            yield GaugeMetricFamily(name, text, value=level)
