"""The contract of every source, and a request to try it with."""

from datetime import timedelta

from akeso.domain.errors import InvalidInput, Overloaded
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake, Source

RECEIVED_AT = 1_700_000_001_000_000_000


def request_to(path: str, body: bytes, content_type: str = "application/json") -> IngestRequest:
    """A request of the tenant `default` that came a second after the telemetry's own time, not compressed."""
    headers = {"content-type": content_type, "content-encoding": "identity"}
    return IngestRequest(path, headers, body, "default", RECEIVED_AT)


def taken_or_refused(source: Source, request: IngestRequest) -> Intake | InvalidInput:
    """What a source makes of a request. Any other exception than InvalidInput is a defect and comes through; so does
    an intake or a refusal that does not hold together."""
    table = SeriesTable()
    try:
        intake = source.decode(request, table)
    except InvalidInput as refusal:
        return _named(refusal, source.refuse(request, refusal, 422))
    # Where a protocol knows no partial success, what was left out is told with a status that is not tried again.
    assert 200 <= intake.answer.status < 300 or (intake.answer.status == 400 and intake.rejected)
    assert bool(intake.rejected) <= bool(intake.answer.body)
    assert intake.batch.tenant == request.tenant
    _check_metrics(intake, table)
    return intake


def _named(refusal: InvalidInput, answer: Answer) -> InvalidInput:
    assert 400 <= answer.status < 500
    assert refusal.field
    assert answer.body
    return refusal


def refuses_when_full(source: Source, request: IngestRequest) -> bool:
    """Whether a sender that comes at a bad time is told so with a body."""
    answer = source.refuse(request, Overloaded("full", timedelta(seconds=1)), 429)
    return answer.status == 429 and bool(answer.body)


def _check_metrics(intake: Intake, table: SeriesTable) -> None:
    metrics = intake.batch.metrics
    assert len(metrics.series) == len(metrics.time) == len(metrics.value)
    assert (metrics.time >= 0).all()
    assert (metrics.series < len(table)).all()
    for index in set(metrics.series.tolist()):
        key = table[index]
        assert key.tenant == intake.batch.tenant
        assert list(key.attributes) == sorted(key.attributes)
