"""The senders agent: knows what is heard from whom, and tells when telemetry itself is missing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.estate.access import AKESO
from akeso.domain.estate.senders import TELEMETRY_GAP, HeardService, TelemetryGap
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import epoch_ns
from akeso.ports.bus import Bus, Message, Topic
from akeso.ports.clock import Clock
from akeso.stages.features.service_states import ServiceStates, StateOptions

SOURCE = "akeso.senders"
ENTITY = "telemetry"
"""Whom an incident of a gap is about: not the services, of which nothing is known."""

# When nothing could be looked at for so long, silences of that time are Akeso's own.
_ASLEEP_NS = 10 * NANOSECONDS
# Senders of other rhythms are missed later: all that belongs to a gap is told at once.
_SETTLES = timedelta(seconds=15)
_NAMED = 8


class SendersAgent:
    """RAW_EVENTS in; an alert for each telemetry gap out, called off when its services are heard again."""

    name = "senders"
    topics = (Topic.RAW_EVENTS,)

    def __init__(self, bus: Bus, clock: Clock, ingest_table: SeriesTable, options: StateOptions | None = None) -> None:
        self._bus, self._clock = bus, clock
        self._states = ServiceStates(ingest_table, options)
        self._firing: dict[str, tuple[TelemetryGap, Alert]] = {}
        self._looked_at = 0
        self._seen: dict[str, datetime] = {}

    def heard(self, tenant: str) -> tuple[HeardService, ...]:
        """Every service of a tenant, as it is heard now."""
        return self._states.services(self._clock.nanoseconds(), tenant)

    async def start(self) -> None:
        """Nothing to prepare: ingestion replays the history."""

    async def handle(self, message: Message) -> None:
        self._states.add(message.payload)

    async def tick(self, at: datetime) -> None:
        """Raise what is new, resolve what is over."""
        now = epoch_ns(at)
        if now - self._looked_at > _ASLEEP_NS:
            self._states.deaf_until(now)
        self._looked_at = now
        for gap in self._settled(self._states.gaps(now), at):
            alert = alert_of(gap)
            self._firing[alert.fingerprint] = gap, alert
            await self._bus.publish(Topic.ALERTS, alert.fingerprint, alert)
        for fingerprint, (gap, alert) in list(self._firing.items()):
            if self._is_over(gap):
                del self._firing[fingerprint]
                over = replace(alert, status=AlertStatus.RESOLVED, ends_at=at)
                await self._bus.publish(Topic.ALERTS, fingerprint, over)

    async def stop(self) -> None: ...

    def _settled(self, gaps: Sequence[TelemetryGap], at: datetime) -> list[TelemetryGap]:
        """Those that are there for a while, of tenants of whom none is told yet; of one tenant the widest."""
        told = {gap.tenant for gap, _ in self._firing.values()}
        since = {gap.tenant: min(at, self._seen.get(gap.tenant, at)) for gap in gaps}
        self._seen = since
        ripe = [gap for gap in gaps if gap.tenant not in told and at - since[gap.tenant] >= _SETTLES]
        widest = {gap.tenant: gap for gap in sorted(ripe, key=lambda gap: len(gap.services))}
        return list(widest.values())

    def _is_over(self, gap: TelemetryGap) -> bool:
        back = self._states.heard_since(gap.tenant, gap.services, epoch_ns(gap.since))
        return 2 * back >= len(gap.services)


def alert_of(gap: TelemetryGap) -> Alert:
    """A gap as an alert, of the class of fault that no playbook restarts anything for."""
    names = ", ".join(gap.services[:_NAMED]) + (" …" if len(gap.services) > _NAMED else "")
    whom = "anybody" if gap.total else f"{len(gap.services)} services"
    title = f"Telemetry gap: nothing is heard of {whom} since {gap.since:%H:%M:%S} ({names})"
    return Alert(
        tenant=gap.tenant,
        fingerprint=f"{SOURCE}:{gap.tenant}:{epoch_ns(gap.since)}",
        source=SOURCE,
        service=ENTITY,
        title=title,
        severity=Severity.ERROR if gap.total else Severity.WARNING,
        status=AlertStatus.FIRING,
        starts_at=gap.since,
        labels=(("services", ",".join(gap.services[:100])),),
        author=AKESO,
        fault_class=TELEMETRY_GAP,
    )
