"""JSON log lines, as a shipper (Vector, Fluent Bit) forwards them: the logger's own fields and the four asked for.

Vector's http sink sends NDJSON in batches of a second: https://vector.dev/docs/reference/configuration/sinks/http/
"""

from typing import ClassVar

import msgspec
from pydantic import BaseModel, ConfigDict

from akeso.worlds.delivery import Delivery
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.log_gathering import Gathered, gathered
from akeso.worlds.dialects.loggers import json_fields
from akeso.worlds.dialects.outbox import Outbox
from akeso.worlds.dialects.schedule import SECOND
from akeso.worlds.observation import Observation

_OWN = frozenset({"level", "time", "message", "msg", "service"})


class JsonLogOptions(BaseModel):
    """Nothing to choose."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class JsonLogs:
    """One shipper for all."""

    name: ClassVar[str] = "json_logs"
    Options: ClassVar[type[BaseModel]] = JsonLogOptions
    default_every_s: ClassVar[float] = 1.0

    def __init__(self, assignment: Assignment, options: JsonLogOptions) -> None:
        del options
        self.trace_share = 0.0
        self._assignment, self._outbox = assignment, Outbox()
        self._every = round((assignment.every_s or self.default_every_s) * SECOND)
        self._waiting: dict[int, list[bytes]] = {}

    def observe(self, observation: Observation) -> None:
        """See akeso.worlds.delivery.Teller."""
        self._assignment.tally.take(observation)
        for each in gathered(self._assignment, observation):
            leave = -(-each.line.at // self._every) * self._every
            self._waiting.setdefault(leave, []).append(self._line(each))
        for leave in sorted(leave for leave in self._waiting if leave <= observation.end):
            headers = {"content-type": "application/x-ndjson", "user-agent": "Vector/0.50.0 (x86_64-unknown-linux-gnu)"}
            body = b"\n".join(self._waiting.pop(leave))
            self._outbox.put(Delivery(leave, "vector", "/api/v1/logs", headers, body))

    def due(self, now: int) -> list[Delivery]:
        """See akeso.worlds.delivery.Teller."""
        return self._outbox.due(now)

    def _line(self, each: Gathered) -> bytes:
        census = self._assignment.tally.census
        instance = census.instances[each.line.instance]
        service = census.services[instance.service]
        written = each.written(service.name, instance.name)
        own = {name: value for name, value in json_fields(service.runtime, written).items() if name not in _OWN}
        told = {"service": service.name, "timestamp": written.iso, "level": str(each.line.level)}
        return msgspec.json.encode(told | {"message": each.line.message, "host": instance.name} | own)
