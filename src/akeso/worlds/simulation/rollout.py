"""How a service is brought to another version, configuration, or just to new processes."""

from dataclasses import dataclass, field
from enum import StrEnum

from akeso.worlds.estate.service import Service, ServiceKind
from akeso.worlds.observation import Status
from akeso.worlds.simulation.lifecycle import Lifecycle

_DRAINED_S = 1e6
_WARM_S = 20.0


class Strategy(StrEnum):
    """In which order."""

    SURGE = "surge"  # one after the other, the new process first
    ROLLING = "rolling"  # one after the other, the old process ends first
    RECREATE = "recreate"  # all at once


@dataclass(slots=True)
class Rollout:
    """A change of processes on its way. version, configuration: "" leaves them; rows: what is left to do."""

    service: str
    strategy: Strategy
    rows: list[int]
    version: str = ""
    configuration: str = ""
    open_row: int | None = None
    swap_at: float | None = field(default=None)

    @property
    def done(self) -> bool:
        """Nothing is left."""
        return not self.rows and self.open_row is None


def strategy_of(service: Service) -> Strategy:
    """The usual one: an orchestrator starts the new first; machines and stores have one place for one process."""
    lasting = service.alone or service.stores or service.kind is ServiceKind.MACHINE
    return Strategy.ROLLING if lasting else Strategy.SURGE


class Rollouts:
    """All that are on their way. A newer one of a service takes the place of the older."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._life = lifecycle
        self._open: dict[str, Rollout] = {}

    def begin(self, rollout: Rollout) -> None:
        """Start it. Instances that come later get the new version, too."""
        self._open[rollout.service] = rollout
        life, state = self._life, self._life.state
        for row in life.layout.rows(rollout.service):
            if not state.wanted[row]:
                self._set(row, rollout)
        if rollout.strategy is Strategy.RECREATE:
            for row in rollout.rows:
                self._renew(row, rollout)
            rollout.rows.clear()

    def running(self, service: str) -> bool:
        """Whether one of this service is on its way."""
        return service in self._open

    def step(self) -> None:
        """One second on."""
        for service, rollout in list(self._open.items()):
            self._advance(rollout)
            if rollout.done:
                del self._open[service]

    def _advance(self, rollout: Rollout) -> None:
        life = self._life
        if rollout.open_row is not None:
            if rollout.swap_at is not None and life.now_s >= rollout.swap_at:
                self._set(rollout.open_row, rollout)
                life.start(rollout.open_row, new_place=True, at_once=True)
                rollout.swap_at = None
            elif rollout.swap_at is None and self._settled(rollout):
                rollout.open_row = None
        elif rollout.rows:
            self._take(rollout, rollout.rows.pop(0))

    def _settled(self, rollout: Rollout) -> bool:
        """Whether the process that was changed last serves, and is warm where the next one's calls go to it."""
        row, state = rollout.open_row, self._life.state
        warm_s = _WARM_S if rollout.strategy is Strategy.ROLLING else 0.0
        gone = not state.wanted[row]
        return gone or bool(state.status[row] == Status.UP and self._life.now_s >= state.ready_at[row] + warm_s)

    def _take(self, rollout: Rollout, row: int) -> None:
        state = self._life.state
        if not state.wanted[row]:
            return
        rollout.open_row = row
        if rollout.strategy is Strategy.SURGE and state.status[row] == Status.UP:
            rollout.swap_at = self._life.now_s + self._life.service(row).start_s
        else:
            self._renew(row, rollout)

    def _renew(self, row: int, rollout: Rollout) -> None:
        """The old process ends, a new one starts."""
        life = self._life
        life.stop(row)
        # What is stopped on purpose gets no more calls, where there is anybody else to take them.
        life.state.unready_s[row] = _DRAINED_S
        self._set(row, rollout)
        life.state.backoff[row] = 0
        life.start(row, new_place=not life.service(row).stores)

    def _set(self, row: int, rollout: Rollout) -> None:
        state = self._life.state
        if rollout.version:
            state.version[row] = rollout.version
        if rollout.configuration:
            state.configuration[row] = rollout.configuration
