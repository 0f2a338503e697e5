"""A journal in memory: for replays, whose incidents nobody acts on, and for tests."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from akeso.domain.errors import AkesoError, Conflict, JournalCorrupt, LeaseLost, Unavailable
from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.engine.codec import GENESIS, chained, encode_event, instant
from akeso.ports.journal import Draft, Lease


class MemoryJournal:
    """A Journal that forgets with the process. failure: what every call raises while it is set."""

    def __init__(self) -> None:
        self.failure: AkesoError | None = None
        self.lines: list[Entry] = []
        self._last: dict[str, int] = {}
        self._states: dict[str, Incident] = {}
        self._leases: dict[str, Lease] = {}

    async def append(self, draft: Draft) -> Entry:
        await self._turn()
        encode_event(draft.event)
        instant(draft.at)
        if draft.lease is not None and self._fence(draft.lease) != draft.lease.fence:
            raise LeaseLost(f"{draft.lease.owner} lost the lease on {draft.incident}")
        last = self._last.get(draft.incident, 0)
        if last != draft.expected:
            raise Conflict(f"{draft.incident} is at {last}, not {draft.expected}")
        entry = Entry(len(self.lines) + 1, draft.incident, draft.at, draft.actor, draft.event)
        previous = self.lines[-1].hash if self.lines else GENESIS
        self.lines.append(replace(entry, hash=_hash(previous, entry)))
        self._last[draft.incident] = entry.sequence
        if draft.state is not None:
            self._states[draft.incident] = draft.state
        return self.lines[-1]

    async def entries(self, incident: str, after: int = 0) -> Sequence[Entry]:
        await self._turn()
        if self._last.get(incident, 0) <= after:
            return []
        return [line for line in self.lines[max(after, 0) :] if line.incident == incident]

    async def histories(self, incidents: Sequence[str]) -> Mapping[str, Sequence[Entry]]:
        found = {incident: await self.entries(incident) for incident in incidents}
        return {incident: entries for incident, entries in found.items() if entries}

    async def all_entries(self, after: int = 0) -> AsyncIterator[Entry]:
        await self._turn()
        for line in self.lines[max(after, 0) :]:
            yield line

    async def open_incidents(self) -> Sequence[str]:
        await self._turn()
        found = [state for state in self._states.values() if not state.status.over]
        return [state.id for state in sorted(found, key=lambda state: state.detected_at)]

    async def recent_incidents(self, since: datetime | None = None, limit: int = 200) -> Sequence[str]:
        await self._turn()
        found = [state for state in self._states.values() if since is None or state.detected_at >= since]
        return [state.id for state in sorted(found, key=lambda state: state.detected_at, reverse=True)][:limit]

    async def acted_upon(self, effects_since: datetime, rejections_since: datetime) -> Sequence[str]:
        await self._turn()
        return [i.id for i in self._states.values() if _acted_upon(i, effects_since, rejections_since)]

    async def acquire(self, incident: str, owner: str, duration: timedelta, at: datetime) -> Lease:
        await self._turn()
        held = self._leases.get(incident)
        if held is not None and held.owner not in {owner, ""} and held.expires_at > at:
            raise LeaseLost(f"{held.owner} works on {incident}")
        fence = 1 if held is None else held.fence + (held.owner != owner)
        self._leases[incident] = Lease(incident, owner, fence, at + duration)
        return self._leases[incident]

    async def release(self, lease: Lease) -> None:
        await self._turn()
        if self._fence(lease) == lease.fence:
            self._leases[lease.incident] = replace(lease, owner="")

    async def verify(self) -> int:
        await self._turn()
        previous = GENESIS
        for place, line in enumerate(self.lines, 1):
            if line.sequence != place or line.hash != _hash(previous, line):
                raise JournalCorrupt(place, "does not follow from the line before it")
            previous = line.hash
        return len(self.lines)

    async def close(self) -> None:
        self.failure = Unavailable("the journal is closed")

    def reopened(self) -> "MemoryJournal":
        """As after a restart: the same lines and leases."""
        self.failure = None
        return self

    def _fence(self, lease: Lease) -> int | None:
        held = self._leases.get(lease.incident)
        return held.fence if held is not None and held.owner == lease.owner else None

    async def _turn(self) -> None:
        await asyncio.sleep(0)  # as a real one does, let others run
        if self.failure is not None:
            raise self.failure


def _acted_upon(incident: Incident, effects_since: datetime, rejections_since: datetime) -> bool:
    return any(
        ((at := r.applied_at or r.intended_at) is not None and at >= effects_since)
        or (r.rejected_at is not None and r.rejected_at >= rejections_since)
        for r in incident.actions.values()
    )


def _hash(previous: str, entry: Entry) -> str:
    kind, payload = encode_event(entry.event)
    return chained(previous, (entry.sequence, entry.incident, instant(entry.at), entry.actor, kind, payload.decode()))
