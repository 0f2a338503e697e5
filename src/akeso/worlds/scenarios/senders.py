"""Scripted senders: what a sender of a scenario says, as requests."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.worlds.delivery import Delivery
from akeso.worlds.scenarios import remote_write
from akeso.worlds.scenarios.document import Phase, Sender
from akeso.worlds.scenarios.timing import moment
from akeso.worlds.scenarios.values import Value

_JSON = {"content-type": "application/json"}
_COUNTED = ("_total", "_count", "_sum", "_bucket")
_MILLISECOND = 10**6
_SERVER, _ERROR = 2, 2  # of OTLP: a span's kind, and its status


@dataclass(slots=True)
class Speaking:
    """A sender at work. ended: phases that an action of Akeso ended, by their place."""

    sender: Sender
    start: int
    ended: dict[int, int] = field(default_factory=dict)
    _chance: random.Random = field(init=False)
    _counts: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.sender.name)

    def between(self, since: int, until: int) -> Iterator[Delivery]:
        """What is sent in (since, until], ns."""
        every = self.sender.every
        for turn in range((since - self.start) // every + 1, (until - self.start) // every + 1):
            at = self.start + turn * every
            values = {name: told for name, told in self._values(at).items() if not told.silent}
            drawn = {name: told.at(self._passed(name, at), self._chance) for name, told in values.items()}
            if drawn:
                yield self._told(at, drawn)

    def acted_on(self, action: str, target: str, at: int) -> None:
        """Akeso did something to `target`: phases of that service which it ends are over."""
        for place, phase in enumerate(self.sender.then):
            if target == self.sender.name and action in phase.ended_by and at > self.start + phase.at:
                self.ended.setdefault(place, at)

    def _values(self, at: int) -> dict[str, Value]:
        values = dict(self.sender.values)
        for _, phase in self._phases(at):
            values |= phase.values
        return values

    def _passed(self, name: str, at: int) -> float:
        found = 0.0
        for _, phase in self._phases(at):
            if name in phase.values and phase.until is not None:
                found = (at - self.start - phase.at) / max(phase.until - phase.at, 1)
        return found

    def _phases(self, at: int) -> Iterator[tuple[int, Phase]]:
        for place, phase in enumerate(self.sender.then):
            passed = at - self.start
            over = (phase.until is not None and passed > phase.until) or self.ended.get(place, at) < at
            if passed >= phase.at and not over:
                yield place, phase

    def _told(self, at: int, values: Mapping[str, float]) -> Delivery:
        sender = self.sender
        if sender.simple:
            body = {"component": sender.simple, **values, "labels": sender.labels}
            return self._posted(at, "/add-event", body)
        if sender.prometheus:
            return Delivery(
                at, sender.name, "/api/v1/write", remote_write.HEADERS,
                remote_write.write_request(self._series(values), at // _MILLISECOND),
            )  # fmt: skip
        if sender.spans:
            return self._posted(at, "/v1/traces", self._spans(at, values))
        return self._posted(at, "/api/v1/logs", list(self._lines(at, values)))

    def _posted(self, at: int, path: str, body: Any) -> Delivery:
        return Delivery(at, self.sender.name, path, _JSON, json.dumps(body).encode())

    def _series(self, values: Mapping[str, float]) -> Iterator[tuple[Mapping[str, str], float]]:
        labels = {"job": self.sender.prometheus, "instance": f"{self.sender.prometheus}:9100"} | self.sender.labels
        for written, value in values.items():
            name, _, own = written.partition("{")
            given = dict(pair.split("=", 1) for pair in own.rstrip("}").replace('"', "").split(",") if pair)
            if name.endswith(_COUNTED):
                self._counts[written] = self._counts.get(written, 0.0) + self._many(value)
            yield {"__name__": name, **labels, **given}, self._counts.get(written, value)

    def _many(self, rate: float) -> float:
        """What a counter grows by until the next time."""
        return rate * self.sender.every / NANOSECONDS

    def _spans(self, at: int, values: Mapping[str, float]) -> Any:
        count = self._drawn(self._many(values.get("calls", 1.0)))
        attributes = {"service.name": self.sender.spans, **self.sender.labels}
        spans = [self._span(at, values) for _ in range(count)]
        resource = {"attributes": [_attribute(name, text) for name, text in attributes.items()]}
        return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}

    def _span(self, at: int, values: Mapping[str, float]) -> Any:
        end = at - round(self._chance.random() * self.sender.every)
        took = max(self._chance.gauss(1.0, 0.1), 0.1) * values.get("latency", 10.0) * _MILLISECOND
        failed = self._chance.random() < values.get("errors", 0.0)
        return {
            "traceId": f"{self._chance.getrandbits(128):032x}",
            "spanId": f"{self._chance.getrandbits(64):016x}",
            "name": "GET /",
            "kind": _SERVER,
            "startTimeUnixNano": str(end - round(took)),
            "endTimeUnixNano": str(end),
            "attributes": [{"key": "http.response.status_code", "value": {"intValue": 500 if failed else 200}}],
            "status": {"code": _ERROR} if failed else {},
        }

    def _lines(self, at: int, values: Mapping[str, float]) -> Iterator[Any]:
        for written, rate in values.items():
            level, _, message = written.partition(" ")
            for _ in range(self._drawn(self._many(rate))):
                stamp = moment(at - round(self._chance.random() * self.sender.every)).isoformat()
                yield {"service": self.sender.logs, "level": level, "message": message, "timestamp": stamp}

    def _drawn(self, expected: float) -> int:
        """A whole number that is `expected` in the mean."""
        return int(expected + self._chance.random())


def _attribute(name: str, text: str) -> Any:
    return {"key": name, "value": {"stringValue": text}}
