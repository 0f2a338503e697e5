"""Who spoke of which service, and when last: what the telemetry of an incident rests on."""

from collections.abc import Collection, Iterable, Mapping

from akeso.domain.estate.access import ANONYMOUS, UNTOLD
from akeso.domain.telemetry.batches import SpanBlock, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.stages.features.series_codes import SeriesCodes

# Services of which it is remembered who spoke. Of others that come meanwhile it is said that nobody knows.
_MOST = 100_000


class ServicesOfBatches:
    """The services that a batch speaks of. table: the one that batches refer to."""

    def __init__(self, table: SeriesTable) -> None:
        self._measured = SeriesCodes(lambda series: table[series].service)

    def of(self, batch: TelemetryBatch) -> set[str]:
        """Names, and for a sender without a key also whom its spans name as called: it may say so of anybody."""
        found = set(self._measured.of(batch.metrics.series))
        found.update(block.service for block in batch.logs)
        found.update(block.service for block in batch.spans)
        found.update(change.service for change in batch.changes)
        if batch.author == ANONYMOUS:
            found.update(_peers(batch.spans))
        return found


class AuthorBook:
    """When each author was last heard of each service, of all tenants. Times in ns."""

    def __init__(self, forget: int, most: int = _MOST) -> None:
        """forget: ns after which who was not heard again is forgotten. most: services at a time, of all tenants."""
        self._forget, self._most = forget, most
        self._heard: dict[tuple[str, str], dict[str, int]] = {}
        self._swept = self._full_at = 0

    def hear(self, tenant: str, author: str, services: Iterable[str], at: int) -> None:
        """`author` spoke of `services` at `at`."""
        if at - self._swept > self._forget:
            self._sweep(at)
        for service in services:
            known = self._heard.get((tenant, service))
            if known is not None:
                known[author] = at
            elif len(self._heard) < self._most:
                self._heard[tenant, service] = {author: at}
            else:
                self._full_at = at

    def authors(self, tenant: str, services: Collection[str], since: int) -> Mapping[str, frozenset[str]]:
        """Service → who was heard of it at or after `since`; of one for which there was no room, UNTOLD."""
        unknown = {UNTOLD: self._full_at} if self._full_at else {}
        return {
            service: frozenset(a for a, at in self._heard.get((tenant, service), unknown).items() if at >= since)
            for service in services
        }

    def _sweep(self, now: int) -> None:
        self._swept = now
        for place, authors in list(self._heard.items()):
            kept = {author: at for author, at in authors.items() if now - at <= self._forget}
            if kept:
                self._heard[place] = kept
            else:
                del self._heard[place]


def _peers(spans: Iterable[SpanBlock]) -> set[str]:
    return {peer for block in spans for peer in block.peers if peer}
