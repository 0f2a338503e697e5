"""Lives of processes: when each began, and who began anew."""

import numpy as np

from akeso.domain.telemetry.batches import Mask
from akeso.worlds.observation import Observation


class Lives:
    """number: int64[instances] the how-many-th life of the process in each row, 0 before any; began: int64[instances]
    ns; pods: the how-many-th pod (with its sidecars) lives there."""

    def __init__(self, count: int) -> None:
        self.number, self.began = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self.pods = np.zeros(count, np.int64)
        self._uids: list[str] = [""] * count
        self._epoch = -1
        self._restarts, self._running = np.zeros(count, np.int64), np.zeros(count, np.bool_)

    def take(self, observation: Observation) -> tuple[Mask, Mask]:
        """Take in a tick: bool[instances] whose process began anew in it, and whose pod did."""
        columns = observation.instances
        running = columns.running
        pods = self._replaced(observation)
        anew = pods | (columns.restarts != self._restarts) | (running & ~self._running)
        began = observation.start
        if not self.number.any():
            anew = np.ones_like(anew)
        self.number[anew] += 1
        self.began[anew] = began
        self.pods[pods] += 1
        self._restarts, self._running = columns.restarts.copy(), running
        return anew, pods

    def _replaced(self, observation: Observation) -> Mask:
        census = observation.census
        found = np.zeros(len(self.number), np.bool_)
        if census.epoch == self._epoch:
            return found
        self._epoch = census.epoch
        uids = [instance.uid for instance in census.instances]
        found[:] = [new != old for new, old in zip(uids, self._uids, strict=True)]
        self._uids = uids
        return found
