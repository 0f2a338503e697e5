"""Silence: how long a service was not heard of, told apart from our own deafness."""

from dataclasses import dataclass

import numpy as np

from akeso.domain.telemetry.batches import NANOSECONDS, Floats, Ids, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import SILENCE


@dataclass(slots=True)
class _Heard:
    feature: int
    received: int
    silence_s: float = 0.0


class Silence:
    """Seconds since anything of a service was received, counting only time in which its tenant was heard at all.

    When everybody falls silent at once it is the way here that failed (or Akeso was down), so nobody's silence grows.
    """

    def __init__(self, table: SeriesTable, forget: int) -> None:
        self._table = table
        self._forget_s = forget / NANOSECONDS
        self._services: dict[tuple[str, str], _Heard] = {}
        self._tenants: dict[str, int] = {}

    def heard(self, tenant: str, service: str, received: int) -> None:
        """Something of `service` arrived at `received` (ns)."""
        self._tenants[tenant] = max(received, self._tenants.get(tenant, 0))
        known = self._services.get((tenant, service))
        if known is None:
            feature = self._table.intern(SeriesKey(tenant, service, SILENCE, unit="s"))
            self._services[tenant, service] = _Heard(feature, received)
        else:
            known.received = max(received, known.received)

    def close(self, end: int, width: int) -> tuple[Ids, Floats]:
        """Feature ids and seconds of silence at the end of a slot (ns)."""
        for (tenant, service), known in list(self._services.items()):
            known.silence_s = self._silent_s(tenant, known, end - width, end)
            if known.silence_s > self._forget_s:
                del self._services[tenant, service]
        rows = self._services.values()
        return np.array([r.feature for r in rows], np.int32), np.array([r.silence_s for r in rows], np.float64)

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
        return max(self._tenants.values(), default=0)

    def _silent_s(self, tenant: str, known: _Heard, start: int, at: int) -> float:
        # At an instant of the slot that starts at `start`, given the silence at its start; both ns.
        if known.received >= start:
            return max(0, at - known.received) / NANOSECONDS
        return known.silence_s + ((at - start) / NANOSECONDS if self._tenants[tenant] >= start else 0.0)
