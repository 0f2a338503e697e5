"""Databases and caches: sessions, locks, replicas, hits."""

import numpy as np

from akeso.domain.telemetry.batches import Floats, Ids
from akeso.worlds.estate.service import ServiceKind
from akeso.worlds.observation import UP, StoreColumns
from akeso.worlds.simulation.knobs import Knob
from akeso.worlds.simulation.layout import Layout
from akeso.worlds.simulation.reach import Reach
from akeso.worlds.simulation.settings import Settings
from akeso.worlds.simulation.state import State

_FULL_HIT = 0.92
_WARM_UP_S = 90.0
_CATCH_UP = 3.0


class Stores:
    """Keeps account of databases and caches."""

    def __init__(self, layout: Layout) -> None:
        kinds = [layout.services[s].kind for s in layout.service_of]
        stored = [row for row, kind in enumerate(kinds) if kind in {ServiceKind.DATABASE, ServiceKind.CACHE}]
        self._layout = layout
        self.rows: Ids = np.array(stored, np.int32)
        self._database = np.array([kinds[row] is ServiceKind.DATABASE for row in stored], bool)
        self._limit = np.array([float(layout.services[layout.service_of[row]].connection_limit) for row in stored])
        self._caches = np.array([s.kind is ServiceKind.CACHE for s in layout.services])
        self._memory = np.array([layout.services[layout.service_of[row]].memory_mb for row in stored])
        self._hung_s = np.zeros(len(stored))

    def step(self, state: State, settings: Settings, reach: Reach) -> StoreColumns:
        """One second on."""
        rows = self.rows
        hit = state.hit * settings[Knob.HIT]
        self._warm(state)
        lag = np.maximum(state.lag_s + np.where(settings[Knob.LAG_S] > 0, settings[Knob.LAG_S], -_CATCH_UP), 0.0)
        state.lag_s = lag
        blocked = settings[Knob.BLOCKED][rows]
        self._hung_s = np.where(blocked > 0, self._hung_s + 1, 0.0)
        rate = np.minimum(state.arrivals, state.capacity)[rows]
        sessions, active = self._sessions(state, settings, reach)
        served = hit[self._layout.service_of[rows]]
        up = (state.status[rows] == UP).astype(float)
        return StoreColumns(
            instance=rows,
            connections=np.minimum(sessions, np.where(self._limit > 0, self._limit, 1e9)) * up,
            connection_limit=self._limit,
            active=active * up,
            blocked=np.where(blocked > 0, np.minimum(active, 0.9 * sessions), 0.0) * up,
            oldest_s=np.where(blocked > 0, self._hung_s, np.minimum(state.hold_ms[rows] / 250, 2.0)) * up,
            commits=np.where(self._database, rate * 0.98, 0.0) * up,
            rollbacks=np.where(self._database, rate * 0.02, 0.0) * up,
            deadlocks=np.where(blocked > 0, 0.02, 0.0) * up,
            lag_s=lag[rows] * up,
            hits=rate * np.where(self._database, 0.97, served) * up,
            misses=rate * np.where(self._database, 0.03, 1 - served) * up,
            evictions=np.where(self._database, 0.0, rate * 0.01) * up,
            entries=np.where(self._database, 0.0, self._memory * 900 * served) * up,
            read_only=np.zeros(len(rows)),
        )

    def _warm(self, state: State) -> None:
        up = np.add.reduceat((state.status == UP).astype(float), self._layout.first) > 0
        state.hit = np.where(up, state.hit + (_FULL_HIT - state.hit) / _WARM_UP_S, 0.0)
        state.hit[~self._caches] = _FULL_HIT

    def _sessions(self, state: State, settings: Settings, reach: Reach) -> tuple[Floats, Floats]:
        """Open connections of each store, and how many of them do something."""
        layout = self._layout
        kept = np.minimum(np.maximum(state.pool_use, 3.0), layout.pool_size) + state.pool_lost
        kept = kept * (state.status[layout.pool_instance] == UP)
        by_service = np.bincount(layout.pool_service, kept, len(layout.services))
        used = np.bincount(layout.pool_service, np.minimum(state.pool_use, layout.pool_size), len(layout.services))
        share, service = reach.share[self.rows], layout.service_of[self.rows]
        others = settings[Knob.CONNECTIONS][self.rows]
        wanted = by_service[service] * share + others + 3
        room = np.maximum(self._limit - others - 3, 0.0)
        refused = np.where(self._limit > 0, np.clip(1 - room / np.maximum(wanted - others - 3, 0.01), 0.0, 1.0), 0.0)
        state.no_session[self.rows] = refused
        return wanted, used[service] * share + 1
