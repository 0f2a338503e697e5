"""Error ratios of services that tell how requests ended only by a label of a counter (`status="500"`, `code=~"5.."`).

Which counters these are and which label tells it stands in the tables of akeso.stages.features.metric_meanings.
"""

from dataclasses import dataclass, field

import numpy as np

from akeso.domain.telemetry.batches import Attributes, Floats, Ids, SeriesKey, Times
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import REQUEST_ERRORS, REQUEST_RATE
from akeso.stages.features.metric_meanings import MetricMeanings, meanings_in_force

# gRPC's codes that are the server's fault, by number and name. https://grpc.github.io/grpc/core/md_doc_statuscodes.html
_GRPC = frozenset({"2", "4", "12", "13", "14", "15", "UNKNOWN", "DEADLINEEXCEEDED", "UNIMPLEMENTED", "INTERNAL",
                   "UNAVAILABLE", "DATALOSS"})  # fmt: skip
_GRPC_LABELS = frozenset({"grpc_code", "rpc.grpc.status_code", "rpc.response.status_code"})


@dataclass(slots=True)
class _Service:
    """Requests of one service by the counter that was seen first: the rows that count, and which of them failed."""

    metric: str
    errors: int
    rate: int
    all: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)


class StatusRatios:
    """Derives, from the rates of counters by status, the rate of requests and the share that failed."""

    def __init__(self, features: SeriesTable, meanings: MetricMeanings | None = None) -> None:
        self._features, self._meanings = features, meanings or meanings_in_force()
        self._services: dict[tuple[str, str], _Service] = {}
        self._known = 0

    def close(self, ids: Ids, values: Floats) -> tuple[Ids, Floats]:
        """Feature ids and values of a slot, from those of its metrics."""
        self._learn()
        if not self._services or not len(ids):
            return np.empty(0, np.int32), np.empty(0)
        told = np.full(len(self._features), np.nan)
        told[ids] = values
        found: dict[int, float] = {}
        for service in self._services.values():
            counted = told[service.all]
            if np.isfinite(counted).any() and (total := float(np.nansum(counted))) > 0:
                found[service.rate] = total
                found[service.errors] = float(np.nansum(told[service.failed])) / total
        return np.fromiter(found.keys(), np.int32, len(found)), np.fromiter(found.values(), np.float64, len(found))

    def keep_pace(self, every: Times) -> None:
        """Write into `every` (ns by feature id) that what is derived comes as often as what it is derived from.

        The slowest of these says it: of a counter that begins with the first error no cadence is known yet.
        """
        for service in self._services.values():
            rows = [row for row in service.all if row < len(every)]
            if rows and max(service.rate, service.errors) < len(every):
                every[[service.rate, service.errors]] = every[rows].max()

    def _learn(self) -> None:
        # New services make new features, which are looked at as well and are no counters.
        while self._known < len(self._features):
            row, self._known = self._known, self._known + 1
            key = self._features[row]
            if key.stat == "rate" and (status := self._status(key)) is not None:
                self._file(row, key, failed=status)

    def _status(self, key: SeriesKey) -> bool | None:
        """Whether what is counted failed; None where the series does not tell."""
        meaning = self._meanings.of(key.metric)
        if meaning is None or not meaning.status or meaning.role not in {"requests", "latency"}:
            return None
        told = [(name, value) for name, value in key.attributes if name in meaning.status]
        if not told:
            # OpenTelemetry leaves error.type out where nothing went wrong.
            return False if "error.type" in meaning.status and _has(key.attributes, "http.route") else None
        return any(has_failed(name, value) for name, value in told)

    def _file(self, row: int, key: SeriesKey, *, failed: bool) -> None:
        place = key.tenant, key.service
        service = self._services.get(place)
        if service is None:
            errors = self._features.intern(SeriesKey(*place, REQUEST_ERRORS, unit="1"))
            rate = self._features.intern(SeriesKey(*place, REQUEST_RATE, unit="1/s"))
            service = self._services[place] = _Service(key.metric, errors, rate)
        if service.metric == key.metric:
            service.all.append(row)
            if failed:
                service.failed.append(row)


def has_failed(label: str, value: str) -> bool:
    """Whether a label's value says that the server failed a request: 5xx, a gRPC code of its own, or an exception."""
    if label in _GRPC_LABELS:
        return value.upper().replace("_", "") in _GRPC
    if value[:1].isdecimal():
        return value.startswith("5")
    # error.type holds an exception's name, or a status as a number, which is looked at above.
    return label == "error.type" and bool(value)


def _has(attributes: Attributes, name: str) -> bool:
    return any(pair[0] == name for pair in attributes)
