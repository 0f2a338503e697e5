"""The states of services, told from when they are heard and from changes; and telemetry gaps.

Silence is not death. A batch job ends, a service is scaled to zero, retired or renamed, nobody comes at night. And
when many that were heard regularly fall silent together, it is most likely the way here that broke: a collector, a
node's agent, a network. What was heard, and at which rhythm, says which of these it is.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from akeso.domain.estate.senders import HeardService, ServiceState, TelemetryGap
from akeso.domain.telemetry.batches import NANOSECONDS, Change, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import instant_of
from akeso.stages.features.series_codes import SeriesCodes

# What Prometheus writes about a target that it cannot reach says nothing of the target being heard.
_OF_THE_SCRAPE = frozenset({"up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_series_added",
                            "scrape_samples_post_metric_relabeling", "scrape_timeout_seconds"})  # fmt: skip
_MOST_NAMES = 2_000
_ALIKE = 0.7


@dataclass(frozen=True, slots=True)
class StateOptions:
    """When a service counts as silent, and when several that are silent make a telemetry gap.

    burst_s: what arrives within it is one arrival.
    known_after: arrivals after which the rhythm of a service is known.
    regular: a service whose longest pause is at most so many times its usual one is heard regularly.
    overdue: so many usual pauses, and at least `overdue_s`, without an arrival are a silence.
    overdue_s: see overdue.
    run: a pause of so many usual ones, and of at least `run_s`, lies between two runs of a batch job.
    run_s: see run.
    together: so many usual pauses, and at least `together_s`, may lie between the last words of a gap's services.
    together_s: see together.
    least: services that fall silent together while others are heard make a gap from this number on.
    """

    burst_s: float = 0.5
    known_after: int = 8
    regular: float = 2.5
    overdue: float = 3.0
    overdue_s: float = 15.0
    run: float = 10.0
    run_s: float = 60.0
    together: float = 1.5
    together_s: float = 5.0
    least: int = 3


@dataclass(slots=True)
class _Heard:
    tenant: str
    service: str
    first: int
    last: int
    arrivals: int = 1
    runs: int = 1
    pauses: deque[float] = field(default_factory=lambda: deque(maxlen=40))
    kinds: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)
    operations: set[str] = field(default_factory=set)
    change: Change | None = None

    @property
    def cadence_s(self) -> float:
        return median(self.pauses) if self.pauses else float("nan")

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.metrics) | self.operations


class ServiceStates:
    """Files what arrives and says how every service stands. All times in ns unless named otherwise."""

    def __init__(self, ingest: SeriesTable, options: StateOptions | None = None) -> None:
        self._ingest, self._options = ingest, options or StateOptions()
        self._heard: dict[tuple[str, str], _Heard] = {}
        self._measured = SeriesCodes(self._named)
        self._awake = 0

    def add(self, batch: TelemetryBatch) -> None:
        """Take a batch in."""
        at = batch.received_at
        for tenant, service in self._measured.of(batch.metrics.series):
            self._arrived(tenant, service, "metrics", at)
        for logs in batch.logs:
            self._arrived(batch.tenant, logs.service, "logs", at)
        for spans in batch.spans:
            heard = self._arrived(batch.tenant, spans.service, "spans", at)
            if len(heard.operations) < _MOST_NAMES:
                heard.operations.update(spans.operations)
        for change in batch.changes:
            if (known := self._heard.get((batch.tenant, change.service))) is not None:
                known.change = change

    def deaf_until(self, instant: int) -> None:
        """Nothing could be heard up to now, for a reason of Akeso's own: nobody's silence began before."""
        self._awake = instant

    def services(self, now: int, tenant: str | None = None) -> tuple[HeardService, ...]:
        """Every service, of one tenant or of all, by name."""
        gone = {(gap.tenant, service) for gap in self.gaps(now) for service in gap.services}
        known = sorted((h for h in self._heard.values() if tenant in {None, h.tenant}), key=lambda h: h.service)
        return tuple(self._told(h, now, gap=(h.tenant, h.service) in gone) for h in known)

    def gaps(self, now: int) -> tuple[TelemetryGap, ...]:
        """Services that were heard regularly and fell silent together, with nothing that explains it."""
        tenants = dict.fromkeys(tenant for tenant, _ in self._heard)
        return tuple(gap for tenant in tenants for gap in self._gaps(tenant, now))

    def heard_since(self, tenant: str, services: Iterable[str], instant: int) -> int:
        """How many of the services were heard after an instant."""
        found = (self._heard.get((tenant, service)) for service in services)
        return sum(h is not None and h.last > instant for h in found)

    def _named(self, series: int) -> tuple[str, str] | None:
        key = self._ingest[series]
        if key.metric in _OF_THE_SCRAPE:
            return None
        known = self._heard.setdefault((key.tenant, key.service), _Heard(key.tenant, key.service, 0, 0, arrivals=0))
        if len(known.metrics) < _MOST_NAMES:
            known.metrics.setdefault(key.metric, key.unit)
        return key.tenant, key.service

    def _arrived(self, tenant: str, service: str, kind: str, at: int) -> _Heard:
        heard = self._heard.setdefault((tenant, service), _Heard(tenant, service, at, at, arrivals=0))
        if not heard.arrivals:
            heard.first, heard.last, heard.arrivals = at, at, 1
        elif (pause := (at - heard.last) / NANOSECONDS) >= self._options.burst_s:
            self._paused(heard, pause)
            heard.last = at
        heard.kinds[kind] = max(at, heard.kinds.get(kind, 0))
        return heard

    def _paused(self, heard: _Heard, pause: float) -> None:
        heard.arrivals += 1
        long = self._options.run * heard.cadence_s if heard.pauses else np.inf
        if heard.arrivals > self._options.known_after and pause >= max(long, self._options.run_s):
            heard.runs += 1
        else:
            heard.pauses.append(pause)

    def _gaps(self, tenant: str, now: int) -> Iterator[TelemetryGap]:
        known = [h for (owner, _), h in self._heard.items() if owner == tenant and self._is_known(h)]
        silent = sorted((h for h in known if self._unexplained(h, now)), key=lambda h: h.last)
        for group in self._together(silent):
            latest = group[-1].last
            # Who was silent long before is nobody that could be heard now.
            there = [h for h in known if self._overdue_at(h) >= group[0].last]
            total = len(there) == len(group) > 1
            measured = [h for h in group if "metrics" in h.kinds or "logs" in h.kinds]
            if total or len(measured) >= self._options.least:
                members = group if total else measured
                yield TelemetryGap(tenant, instant_of(latest), tuple(sorted(h.service for h in members)), total)

    def _together(self, silent: Sequence[_Heard]) -> Iterator[list[_Heard]]:
        group: list[_Heard] = []
        for heard in silent:
            near = self._options.together * heard.cadence_s
            if group and (heard.last - group[-1].last) / NANOSECONDS > max(near, self._options.together_s):
                yield group
                group = []
            group.append(heard)
        if group:
            yield group

    def _unexplained(self, heard: _Heard, now: int) -> bool:
        regular = heard.runs == 1 and self._is_regular(heard)
        return regular and now > self._overdue_at(heard) and not self._explained(heard)

    def _is_known(self, heard: _Heard) -> bool:
        return heard.arrivals >= self._options.known_after

    def _is_regular(self, heard: _Heard) -> bool:
        return bool(heard.pauses) and max(heard.pauses) <= self._options.regular * heard.cadence_s + 1.0

    def _overdue_at(self, heard: _Heard) -> int:
        pause = max(
            [self._options.overdue * heard.cadence_s, self._options.overdue_s, *(1.5 * p for p in heard.pauses)]
        )
        return max(heard.last, self._awake) + round(pause * NANOSECONDS)

    def _explained(self, heard: _Heard) -> tuple[ServiceState, str] | None:
        change = heard.change
        if change is not None and change.kind == "scale" and change.version == "0":
            return ServiceState.SCALED_TO_ZERO, f"scaled to zero by {change.by or 'somebody'} at {change.at:%H:%M:%S}"
        if change is not None and change.kind == "retire":
            return ServiceState.RETIRED, f"retired by {change.by or 'somebody'} at {change.at:%H:%M:%S}"
        if change is not None and change.kind == "rename":
            return ServiceState.RENAMED, f"renamed to {change.version} at {change.at:%H:%M:%S}"
        successor = next((h.service for h in self._heard.values() if self._succeeds(h, heard)), "")
        return (ServiceState.RENAMED, f"{successor} began to say the same when it ended") if successor else None

    def _succeeds(self, new: _Heard, old: _Heard) -> bool:
        near = round(max(self._options.overdue * old.cadence_s, self._options.overdue_s) * NANOSECONDS)
        followed = new.tenant == old.tenant and abs(new.first - old.last) <= near and new.last > old.last
        if new is old or not followed or not old.names:
            return False
        return len(new.names & old.names) >= _ALIKE * len(new.names | old.names)

    def _told(self, heard: _Heard, now: int, *, gap: bool) -> HeardService:
        state, because = self._state(heard, now, gap=gap)
        kinds: Mapping[str, int] = heard.kinds
        return HeardService(
            tenant=heard.tenant,
            service=heard.service,
            state=state,
            first=instant_of(heard.first),
            last=instant_of(heard.last),
            arrivals=heard.arrivals,
            cadence_s=round(heard.cadence_s, 3) if self._is_known(heard) else None,
            silent_s=max(0, now - heard.last) / NANOSECONDS,
            because=because,
            kinds={kind: instant_of(at) for kind, at in sorted(kinds.items())},
            metrics=dict(sorted(heard.metrics.items())),
            operations=frozenset(heard.operations),
        )

    def _state(self, heard: _Heard, now: int, *, gap: bool) -> tuple[ServiceState, str]:
        if not self._is_known(heard):
            return ServiceState.NEW, f"heard {heard.arrivals} times"
        late = now > self._overdue_at(heard)
        if late and (why := self._explained(heard)) is not None:
            return why
        if gap:
            return ServiceState.GAP, "silent together with others"
        if heard.runs > 1:
            return ServiceState.BATCH, f"{heard.runs} runs so far"
        if not self._is_regular(heard):
            return ServiceState.ON_DEMAND, f"pauses of up to {max(heard.pauses):.0f} s are usual"
        return (ServiceState.UNHEARD, "silent for longer than ever") if late else (ServiceState.STEADY, "")
