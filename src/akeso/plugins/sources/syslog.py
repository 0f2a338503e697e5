"""Syslog messages: RFC 5424 and the older form of RFC 3164."""

import re
from collections.abc import Iterator

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.source import Answer, IngestRequest, Intake
from akeso.protocols.instant import nanoseconds
from akeso.protocols.json_body import refuse_json
from akeso.protocols.json_items import accept_items
from akeso.protocols.log_rows import Record, blocks_of
from akeso.protocols.loki.log_streams import TRACES, first_of, trace_in
from akeso.protocols.otlp.signals import UNKNOWN_SERVICE
from akeso.protocols.rejections import Rejections
from akeso.protocols.severity import severity_of_priority

_MOST = 100_000
_COUNTED = re.compile(rb"(\d{1,7}) ")
_PRIORITY = re.compile(r"<(\d{1,3})>")
_HEADER = re.compile(r"1 (\S+) (\S+) (\S+) (\S+) (\S+) ?")
_ELEMENT = re.compile(r'\[[^\s=\]"]+(?: [^\s=\]"]+="(?:[^"\\\]]|\\.)*")*\]')
_PARAMETER = re.compile(r' ([^\s=\]"]+)="((?:[^"\\\]]|\\.)*)"')
_ESCAPED = re.compile(r'\\(["\\\]])')
# Mmm dd hh:mm:ss (RFC 3164), or an ISO instant (rsyslog's forwarding format), then host and tag.
_OLD = re.compile(
    r"(?:(?P<month>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)|(?P<iso>\d{4}-\d\d-\d\dT\S+)) (?P<host>\S+) "
    r"(?P<tag>[^\s:\[]{1,64})(?:\[[^\]]*\])?:? ?"
)

# What libraries send that leave the rest to the relay.
_TAG = re.compile(r"(\w[\w.-]{0,47})(?:\[\d+\])?: ")


class Syslog:
    """One record a message: of the service that its APP-NAME or tag names, on the instance that its host is.

    Messages are counted in octets (RFC 6587) or end with the line. The old form tells its time without year and zone,
    so the arrival counts for it. Of structured data only a trace id and the name of a service are kept.
    """

    name = "syslog"
    paths = ("/api/v1/syslog",)
    plain_text = True

    def decode(self, request: IngestRequest, table: SeriesTable) -> Intake:
        """See akeso.ports.source.Source."""
        del table
        rejections = Rejections()
        records = rejections.sift(messages_in(request.body), lambda message: _record(message, request, rejections))
        batch = TelemetryBatch(request.tenant, request.received_at, logs=blocks_of(records))
        rejections.check(len(batch))
        return accept_items(batch, rejections, len(batch))

    def refuse(self, request: IngestRequest, error: AkesoError, status: int) -> Answer:
        """JSON that names the message."""
        del request
        return refuse_json(error, status)


def messages_in(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Each message behind its place; as the first is told apart, so are all. Raises InvalidInput for a count that is
    not kept."""
    place, number, counting = 0, 0, body[:1].isdigit()
    while place < len(body):
        if number >= _MOST:
            raise InvalidInput("body", f"holds more than {_MOST} messages")
        counted = _COUNTED.match(body, place) if counting else None
        if counted:
            end = counted.end() + int(counted[1])
            if end > len(body):
                raise InvalidInput(f"message {number + 1}", "is shorter than its count says")
            message, place = body[counted.end() : end], end
        else:
            end = body.find(b"\n", place)
            message, place = (body[place:], len(body)) if end < 0 else (body[place:end], end + 1)
        if message.strip(b"\r\n\0 "):
            number += 1
            yield f"message {number}", message


def _record(message: bytes, request: IngestRequest, rejections: Rejections) -> Record:
    text = message.decode("utf-8", "replace").rstrip("\r\n\0")
    priority = _PRIORITY.match(text)
    if priority is None or int(priority[1]) > 191:
        raise InvalidInput("", "begins with no priority of 0 to 191 in angle brackets")
    rest, level = text[priority.end() :], severity_of_priority(int(priority[1]))
    header = _HEADER.match(rest)
    if header is None:
        return _old(rest, level, request, rejections)
    stamp, host, app = (_told(field) for field in header.groups()[:3])
    data, body = _structured(rest[header.end() :])
    at = _at(stamp, request, rejections)
    service = data.get("service") or data.get("service.name") or app or UNKNOWN_SERVICE
    # rsyslog's template leaves the blank of the old form before the text.
    said = body.removeprefix("\ufeff").removeprefix(" ")
    return Record(service, host, at, level, said, trace_in(first_of(data, TRACES)))


def _old(rest: str, level: int, request: IngestRequest, rejections: Rejections) -> Record:
    found = _OLD.match(rest)
    if found is None:
        tag = _TAG.match(rest)
        return Record(
            tag[1] if tag else UNKNOWN_SERVICE, "", request.received_at, level, rest[tag.end() if tag else 0 :]
        )
    return Record(found["tag"], found["host"], _at(found["iso"] or "", request, rejections), level, rest[found.end() :])


def _structured(rest: str) -> tuple[dict[str, str], str]:
    """The parameters of all elements, and the message behind them."""
    if rest.startswith("-"):
        return {}, rest[1:].removeprefix(" ")
    found: dict[str, str] = {}
    place = 0
    while element := _ELEMENT.match(rest, place):
        found |= {name: _ESCAPED.sub(r"\1", value) for name, value in _PARAMETER.findall(element[0])}
        place = element.end()
    return found, rest[place:].removeprefix(" ")


def _at(stamp: str, request: IngestRequest, rejections: Rejections) -> int:
    if not stamp:
        return request.received_at
    try:
        return nanoseconds(stamp, "timestamp")
    except InvalidInput:
        rejections.omit("timestamp")
        return request.received_at


def _told(field: str) -> str:
    return "" if field == "-" else field
