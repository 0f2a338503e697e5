"""What goes wrong on the way: delays, lost and late requests, requests sent twice, senders that pause."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from akeso.worlds.delivery import Delivery
from akeso.worlds.dialects.outbox import Outbox
from akeso.worlds.dialects.registry import Dialect
from akeso.worlds.dialects.schedule import SECOND
from akeso.worlds.observation import Observation


class Disturbance(BaseModel):
    """delay_s: of every request; jitter_s: mean of what comes on top by chance; lost: share that never arrives; late:
    share that comes late_s later; twice: share that comes again, as after a retry; pauses_an_hour, pause_s: how often
    the sender is away for how long (restarted, upgraded), and all that it would have sent with it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay_s: float = Field(default=0.0, ge=0)
    jitter_s: float = Field(default=0.0, ge=0)
    lost: float = Field(default=0.0, ge=0, le=1)
    late: float = Field(default=0.0, ge=0, le=1)
    late_s: float = Field(default=60.0, ge=0)
    twice: float = Field(default=0.0, ge=0, le=1)
    pauses_an_hour: float = Field(default=0.0, ge=0)
    pause_s: float = Field(default=90.0, ge=0)


class Disturbed:
    """A dialect whose requests do not all arrive as they were sent."""

    def __init__(self, teller: Dialect, disturbance: Disturbance, start: int, random: np.random.Generator) -> None:
        self.trace_share = teller.trace_share
        self.told = teller
        self._how, self._random, self._outbox = disturbance, random, Outbox()
        self._away, self._back = start, start
        self._plan(start)

    def observe(self, observation: Observation) -> None:
        """See akeso.worlds.delivery.Teller."""
        self.told.observe(observation)

    def due(self, now: int) -> Sequence[Delivery]:
        """See akeso.worlds.delivery.Teller."""
        for delivery in self.told.due(now):
            self._pass(delivery)
        return self._outbox.due(now)

    def _pass(self, delivery: Delivery) -> None:
        how, draws = self._how, self._random.random(4).tolist()
        while delivery.at >= self._back and how.pauses_an_hour:
            self._plan(self._back)
        if self._away <= delivery.at < self._back or draws[0] < how.lost:
            return
        delay = how.delay_s - how.jitter_s * math.log(1.0 - draws[1]) + (how.late_s if draws[2] < how.late else 0.0)
        arrives = delivery.at + round(delay * SECOND)
        self._outbox.put(replace(delivery, at=arrives))
        if draws[3] < how.twice:
            self._outbox.put(replace(delivery, at=arrives + 5 * SECOND))

    def _plan(self, after: int) -> None:
        """The next pause."""
        if not self._how.pauses_an_hour:
            return
        wait = self._random.exponential(3_600 / self._how.pauses_an_hour)
        self._away = after + round(wait * SECOND)
        self._back = self._away + round(self._how.pause_s * SECOND)
