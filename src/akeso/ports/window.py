"""The hot window: the last minutes of features, logs, changes and topology, in memory."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from akeso.domain.estate.topology import Topology
from akeso.domain.incident.case import LogPattern
from akeso.domain.telemetry.batches import Change, FeatureMatrix
from akeso.domain.telemetry.traces import Traces


class TelemetryWindow(Protocol):
    """What diagnosis and verification read. Times are slot ends in ns; both ends of a range are inclusive."""

    @property
    def now(self) -> int:
        """The end of the newest slot; 0 before the first."""
        ...

    def features(self, tenant: str, start: int, end: int) -> FeatureMatrix: ...

    def logs(self, tenant: str, start: int, end: int) -> Sequence[LogPattern]:
        """Patterns seen in the range, their counts aligned with `features(tenant, start, end).times`."""
        ...

    def changes(self, tenant: str, start: int, end: int) -> Sequence[Change]: ...

    def traces(self, tenant: str, start: int, end: int) -> Traces:
        """Spans that began and log records that were written in the range, or a sample of whole traces of them."""
        ...

    def authors(self, tenant: str, services: Collection[str], since: int) -> Mapping[str, frozenset[str]]:
        """Service → whose telemetry of it arrived at or after `since`: the names of their keys, "" for none."""
        ...

    def topology(self, tenant: str) -> Topology: ...
