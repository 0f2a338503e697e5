"""Silence: how long a service was not heard of, told apart from our own deafness."""

from dataclasses import dataclass

import numpy as np

from akeso.domain.telemetry.batches import NANOSECONDS, Floats, Ids, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import SILENCE

# A tenant is deaf to us when nothing came for so many times its usual pause.
_OVERDUE = 1.5
_FADING = 0.95  # of the longest pause, each time that something arrives
_AT_FIRST = 5 * NANOSECONDS  # a pause is believed to be usual that is no longer than this and twice the longest before


@dataclass(slots=True)
class _Heard:
    feature: int
    received: int
    silence_s: float = 0.0


@dataclass(slots=True)
class _Tenant:
    """When anything of a tenant arrived last, and the longest pause that is usual, both ns. What arrives within a slot
    is one arrival, and there is no pause from slot to slot."""

    received: int
    pause: float = 0.0

    def heard(self, received: int, width: int) -> None:
        """Something arrived."""
        passed = received // width - self.received // width
        if passed > 0:
            since = received - self.received if passed > 1 else 0
            self.pause = max(min(float(since), 2 * self.pause + _AT_FIRST), _FADING * self.pause)
        self.received = max(self.received, received)

    def is_there(self, start: int, at: int) -> bool:
        """Whether nothing is missing of it at an instant of the slot that starts at `start`."""
        return self.received >= start or at - self.received <= _OVERDUE * self.pause


class Silence:
    """Seconds since anything of a service was received, counting only time in which its tenant was heard at its usual
    pace.

    When everybody falls silent at once it is the way here that failed (or Akeso was down), so nobody's silence grows,
    and none is told: that nothing was heard says nothing of anybody then.
    Where all is told every 15 seconds, that nothing comes in between is no failure.
    """

    def __init__(self, table: SeriesTable, forget: int, width: int = NANOSECONDS) -> None:
        """forget, width (of a slot): ns."""
        self._table, self._width = table, width
        self._forget_s = forget / NANOSECONDS
        self._services: dict[tuple[str, str], _Heard] = {}
        self._tenants: dict[str, _Tenant] = {}

    def heard(self, tenant: str, service: str, received: int) -> None:
        """Something of `service` arrived at `received` (ns)."""
        self._tenants.setdefault(tenant, _Tenant(received)).heard(received, self._width)
        known = self._services.get((tenant, service))
        if known is None:
            feature = self._table.intern(SeriesKey(tenant, service, SILENCE, unit="s"))
            self._services[tenant, service] = _Heard(feature, received)
        else:
            known.received = max(received, known.received)

    def close(self, end: int, width: int) -> tuple[Ids, Floats]:
        """Feature ids and seconds of silence at the end of a slot (ns), NaN while its tenant is not heard."""
        for (tenant, service), known in list(self._services.items()):
            known.silence_s = self._silent_s(tenant, known, end - width, end)
            if known.silence_s > self._forget_s:
                del self._services[tenant, service]
        there = {tenant: each.is_there(end - width, end) for tenant, each in self._tenants.items()}
        rows = [(known.feature, known.silence_s, there[tenant]) for (tenant, _), known in self._services.items()]
        told = [silence_s if heard else np.nan for _, silence_s, heard in rows]
        return np.array([feature for feature, _, _ in rows], np.int32), np.array(told, np.float64)

    def look(self, at: int, start: int) -> tuple[Ids, Floats]:
        """The same at an instant of a slot that is not over; start: its first ns. Changes nothing."""
        rows = self._services.items()
        silent = [self._silent_s(tenant, known, start, at) for (tenant, _), known in rows]
        return np.array([known.feature for _, known in rows], np.int32), np.array(silent, np.float64)

    def services(self, tenant: str) -> frozenset[str]:
        """The services of a tenant that are not forgotten."""
        return frozenset(service for owner, service in self._services if owner == tenant)

    @property
    def newest(self) -> int:
        """When anything at all arrived last, ns."""
        return max((tenant.received for tenant in self._tenants.values()), default=0)

    @property
    def pause(self) -> int:
        """The longest usual pause of any tenant, ns; 0 where something comes every slot."""
        return round(max((tenant.pause for tenant in self._tenants.values()), default=0.0))

    def _silent_s(self, tenant: str, known: _Heard, start: int, at: int) -> float:
        # At an instant of the slot that starts at `start`, given the silence at its start; both ns.
        if known.received >= start:
            return max(0, at - known.received) / NANOSECONDS
        return known.silence_s + ((at - start) / NANOSECONDS if self._tenants[tenant].is_there(start, at) else 0.0)
