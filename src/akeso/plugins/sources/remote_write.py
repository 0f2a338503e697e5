"""Prometheus remote write, versions 1.0 and 2.0."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, Identity, IngestRequest, Intake
from akeso.protocols.digest import request_digest
from akeso.protocols.known_series import KnownSeries
from akeso.protocols.labels import SERVICE_LABELS
from akeso.protocols.prometheus.metadata import Families
from akeso.protocols.prometheus.remote_messages import first, second
from akeso.protocols.prometheus.remote_write_v1 import read_first
from akeso.protocols.prometheus.remote_write_v2 import MOST_SYMBOLS, read_second
from akeso.protocols.prometheus.series_reader import MOST_SERIES, Book, Written
from akeso.protocols.protobuf_schema import check_fields, parsed
from akeso.protocols.rejections import Rejections
from akeso.protocols.series_limit import sift_series
from akeso.protocols.snappy import TooLarge, unsnap

_MEDIA = "application/x-protobuf"
_MESSAGES: dict[str, Literal[1, 2]] = {
    "": 1,
    "prometheus.WriteRequest": 1,
    "io.prometheus.write.v2.Request": 2,
}
_ENCODINGS = frozenset({"snappy", "identity", ""})
_WRITTEN = "X-Prometheus-Remote-Write-{}-Written"


class RemoteWrite:
    """Samples and native histograms of both versions; series that do not fit, and those beyond the tenant's limit, are
    left out and told with 400, which no sender repeats; the headers count what is kept.

    Counters, gauges and the parts of histograms are told apart by metadata where it came, else by the name's suffix.
    Stale markers end a series by saying nothing of it. Exemplars are not kept. Labels need
    not be sorted. service_labels: the labels that may name the service, the first that is there decides. known_limit:
    label sets and strings remembered before the memory starts anew.
    """

    name = "remote_write"
    paths = ("/api/v1/write",)

    def __init__(self, service_labels: tuple[str, ...] = SERVICE_LABELS, known_limit: int = 400_000) -> None:
        self._service_labels = tuple(service_labels)
        self._families = Families()
        self._first, self._second = KnownSeries(known_limit), KnownSeries(known_limit)

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        version = _version(request)
        # Without a word about its encoding a body is taken for what the protocol demands, as Prometheus does.
        body = request.body if request.headers.get("content-encoding") else unsnap(request.body)
        rejections = Rejections()
        read = self._read_second if version == 2 else self._read_first
        written = read(body, request, table, rejections)
        rejections.check(written.samples + written.histograms)
        block = sift_series(written.block, table, request.tenant, rejections)
        whole = len(block) == len(written.block)
        samples, histograms = (written.samples, written.histograms) if whole else (len(block), 0)
        headers = _headers(samples, histograms, 0)
        # The specification wants a 4xx that is not tried again, and what is good may be kept.
        answer = _said(400, rejections.sentence, headers) if rejections else Answer(204, headers=headers)
        batch = TelemetryBatch(request.tenant, request.received_at, metrics=block)
        identity = Identity(request_digest(request))
        return Intake(batch, answer, rejected=rejections.rejected, omitted=rejections.omitted, identity=identity)

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """A sentence. What was sent wrongly is told with 400 or, when nothing of its kind is understood, with 415."""
        if status == 422:
            status = 415 if _is_unsupported(request) else 413 if isinstance(error, TooLarge) else 400
        return _said(status, str(error), _headers(0, 0, 0))

    def _read_first(self, body: bytes, request: IngestRequest, table: SeriesTable, rejections: Rejections) -> Written:
        check_fields(body, 2 * MOST_SERIES, "body", (1, 3))
        message = parsed(first()["WriteRequest"], body, "body")
        if len(message.metadata) > MOST_SERIES:
            raise InvalidInput("metadata", f"are {len(message.metadata)}; send at most {MOST_SERIES} at once")
        told = _metadata(message.metadata, rejections)
        if self._families.learn(request.tenant, ((each.metric_family_name, each.type) for each in told)):
            self._first.forget(request.tenant)
            self._second.forget(request.tenant)
        return read_first(message, self._book(request, table, self._first, rejections))

    def _read_second(self, body: bytes, request: IngestRequest, table: SeriesTable, rejections: Rejections) -> Written:
        check_fields(body, MOST_SERIES + MOST_SYMBOLS, "body", (4, 5))
        message = parsed(second()["Request"], body, "body")
        return read_second(message, self._book(request, table, self._second, rejections))

    def _book(self, request: IngestRequest, table: SeriesTable, known: KnownSeries, rejections: Rejections) -> Book:
        tenant = request.tenant
        return Book(tenant, table, known.of(table, tenant), self._families, self._service_labels, rejections)


def _metadata(told: Sequence[bytes], rejections: Rejections) -> list[Any]:
    """What can be read of it; series are understood without it, too."""
    found = []
    for each in told:
        try:
            found.append(parsed(first()["Metadata"], each, "metadata"))
        except InvalidInput:
            rejections.omit("metadata")
    return found


def _version(request: IngestRequest) -> Literal[1, 2]:
    """Raises InvalidInput for a media type, message or encoding that is not understood."""
    if request.headers.get("content-encoding", "").strip().lower() not in _ENCODINGS:
        raise InvalidInput("content-encoding", "has to be snappy")
    if request.content_type not in {_MEDIA, ""}:
        raise InvalidInput("content-type", f"has to be {_MEDIA}")
    proto = _proto(request.headers.get("content-type", ""))
    if proto not in _MESSAGES:
        raise InvalidInput("content-type", f"proto has to be one of {', '.join(filter(None, _MESSAGES))}")
    return _MESSAGES[proto]


def _is_unsupported(request: IngestRequest) -> bool:
    try:
        _version(request)
    except InvalidInput:
        return True
    return False


def _proto(content_type: str) -> str:
    """The parameter `proto` of a media type, "" without one."""
    parameters = (part.partition("=") for part in content_type.split(";")[1:])
    return next((value.strip().strip('"') for name, _, value in parameters if name.strip().lower() == "proto"), "")


def _said(status: int, text: str, headers: Mapping[str, str]) -> Answer:
    return Answer(status, text.encode("utf-8", "replace"), "text/plain; charset=utf-8", headers)


def _headers(samples: int, histograms: int, exemplars: int) -> MappingProxyType[str, str]:
    counts = {"Samples": samples, "Histograms": histograms, "Exemplars": exemplars}
    return MappingProxyType({_WRITTEN.format(what): str(count) for what, count in counts.items()})
