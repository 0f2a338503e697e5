"""Batch jobs: they start by a schedule, run for a while, end."""

from dataclasses import dataclass

import numpy as np

from akeso.domain.telemetry.batches import Floats
from akeso.worlds.estate.service import Schedule, ServiceKind
from akeso.worlds.happening import Exited
from akeso.worlds.observation import ABSENT, UP
from akeso.worlds.simulation.lifecycle import Lifecycle


@dataclass(slots=True)
class _Job:
    service: str
    row: int
    schedule: Schedule
    ends_at: float = 0.0
    run: int = -1
    off: bool = False


class Jobs:
    """All batch jobs of a world."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._life = lifecycle
        layout = lifecycle.layout
        self._jobs = [
            _Job(s.name, int(layout.first[row]), s.schedule)
            for row, s in enumerate(layout.services)
            if s.kind is ServiceKind.BATCH and s.schedule is not None
        ]
        rows = {job.service: job.row for job in self._jobs}
        self._row = np.array([rows.get(source.service, -1) for source in layout.sources], np.int64)

    def step(self, epoch_s: float) -> None:
        """One second on; `epoch_s` since the epoch."""
        for job in self._jobs:
            run = int((epoch_s - job.schedule.offset_s) // job.schedule.every_s)
            if job.run < 0:
                job.run = run
            if run > job.run and not job.off:
                self._start(job, run)
            elif self._life.state.wanted[job.row] and self._life.now_s >= job.ends_at:
                self._finish(job)

    def suspend(self, service: str, *, off: bool) -> None:
        """Whether the schedule of a job is held."""
        for job in self._jobs:
            if job.service == service:
                job.off = off

    def working(self) -> Floats:
        """Factor on the demand of each source: 0 for a job that does not run."""
        up = self._life.state.status == UP
        return np.where(self._row >= 0, up[self._row], True).astype(float)

    def _start(self, job: _Job, run: int) -> None:
        job.run = run
        life = self._life
        job.ends_at = life.now_s + job.schedule.lasts_s * (0.9 + 0.02 * (run % 11))
        life.state.wanted[job.row] = True

    def _finish(self, job: _Job) -> None:
        life = self._life
        life.state.wanted[job.row] = False
        if life.state.status[job.row] == UP:
            life.said.append(Exited(life.now, job.row, 0, "Completed"))
            life.say(job.row, "Completed", "Job completed")
            life.state.status[job.row] = ABSENT
