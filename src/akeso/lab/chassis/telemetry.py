"""OpenTelemetry for one process: metrics each second, spans and logs in batches of at most half a second.

Exports run on the SDK's own threads with bounded queues and short time-outs, so a receiver that is dead, slow or
absent costs the shop nothing but the telemetry.
"""

import logging
import threading
import time
from dataclasses import dataclass
from typing import Self

from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Meter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from akeso.lab.chassis.identity import Identity

SCOPE = "akeso.lab"
METRICS_EVERY_MS = 1000
BATCH_EVERY_MS = 450
EXPORT_TIMEOUT_S = 2
PROPAGATOR = TraceContextTextMapPropagator()


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The three signals of one process."""

    tracer: Tracer
    meter: Meter
    log: "ServiceLog"
    service: str
    providers: tuple[TracerProvider, MeterProvider, LoggerProvider]

    @classmethod
    def start(cls, identity: Identity) -> Self:
        """Begin exporting to `identity.telemetry_url`, or record nothing when there is none."""
        # A receiver that is away is no news for the shop's own log.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        resource = _resource(identity)
        traces = TracerProvider(resource=resource)
        logs = LoggerProvider(resource=resource)
        readers: list[MetricReader] = []
        if identity.telemetry_url is not None:
            base = identity.telemetry_url.rstrip("/")
            spans = OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=EXPORT_TIMEOUT_S)
            traces.add_span_processor(
                BatchSpanProcessor(spans, max_queue_size=4096, schedule_delay_millis=BATCH_EVERY_MS)
            )
            records = OTLPLogExporter(endpoint=f"{base}/v1/logs", timeout=EXPORT_TIMEOUT_S)
            logs.add_log_record_processor(
                BatchLogRecordProcessor(records, max_queue_size=8192, schedule_delay_millis=BATCH_EVERY_MS)
            )
            points = OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=EXPORT_TIMEOUT_S)
            readers.append(PeriodicExportingMetricReader(points, METRICS_EVERY_MS, EXPORT_TIMEOUT_S * 1000))
        metrics = MeterProvider(readers, resource=resource, exemplar_filter=AlwaysOffExemplarFilter())
        return cls(
            tracer=traces.get_tracer(SCOPE),
            meter=metrics.get_meter(SCOPE),
            log=ServiceLog(logs.get_logger(SCOPE), identity.instance),
            service=identity.service,
            providers=(traces, metrics, logs),
        )

    def stop(self, within_s: float) -> None:
        """Export what is left, but never longer than `within_s`."""
        threads = [threading.Thread(target=each.shutdown, daemon=True) for each in self.providers]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + within_s
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def _resource(identity: Identity) -> Resource:
    return Resource.create(
        {
            "service.name": identity.service,
            "service.namespace": "shop",
            "service.instance.id": identity.instance,
            "service.version": identity.version,
            "deployment.environment.name": "lab",
        }
    )


class ServiceLog:
    """Log records with their trace context; warnings and worse also go to standard error."""

    def __init__(self, logger: Logger, instance: str) -> None:
        self._logger = logger
        self._stderr = logging.getLogger(instance)

    def debug(self, body: str, **attributes: str | int | float) -> None:
        """Detail for whoever is looking for something."""
        self._emit(SeverityNumber.DEBUG, "DEBUG", body, attributes)

    def info(self, body: str, **attributes: str | int | float) -> None:
        """Something expected happened."""
        self._emit(SeverityNumber.INFO, "INFO", body, attributes)

    def warning(self, body: str, **attributes: str | int | float) -> None:
        """Something unexpected happened; the work goes on."""
        self._stderr.warning("%s", body)
        self._emit(SeverityNumber.WARN, "WARN", body, attributes)

    def failed(self, body: str, exception: BaseException | None = None, **attributes: str | int | float) -> None:
        """A request or a task failed."""
        self._stderr.error("%s: %r", body, exception)
        self._emit(SeverityNumber.ERROR, "ERROR", body, attributes, exception)

    def fatal(self, body: str, exception: BaseException) -> None:
        """The process cannot go on."""
        self._stderr.critical("%s: %r", body, exception)
        self._emit(SeverityNumber.FATAL, "FATAL", body, {}, exception)

    def _emit(
        self,
        severity: SeverityNumber,
        text: str,
        body: str,
        attributes: dict[str, str | int | float],
        exception: BaseException | None = None,
    ) -> None:
        self._logger.emit(
            timestamp=time.time_ns(),
            severity_number=severity,
            severity_text=text,
            body=body,
            attributes=attributes,
            exception=exception,
        )
