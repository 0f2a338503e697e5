"""The forecast agent: breaches of known bounds, told before they happen."""

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.estate.access import AKESO
from akeso.domain.estate.service import Services
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, Floats
from akeso.domain.telemetry.rows import grown
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import instant_of
from akeso.ports.bus import Bus, Message, Topic
from akeso.ports.clock import Clock
from akeso.stages.forecast.bounds import Bounds
from akeso.stages.forecast.ensemble import EnsembleForecaster, EnsembleOptions
from akeso.stages.forecast.forecast import breach_probability, lead_steps

SOURCE = "akeso.forecast"


@dataclass(frozen=True, slots=True)
class ForecastAgentOptions:
    """Alerts about breaches of known bounds before they happen.

    enabled: whether forecasts are made. Their alerts open incidents, so it is off unless asked for.
    step: slots are averaged over this long, and one forecast is made a step.
    reach: how far ahead is forecast.
    probability: an alert fires when a breach within reach is at least this probable.
    over: an alert is resolved when a breach within reach is less probable than this.
    learnt: steps with values before forecasts of a series are believed.
    live: a frame older than this when it is handled is history: it is learnt from and raises nothing.
    """

    enabled: bool = False
    step: timedelta = timedelta(minutes=1)
    reach: timedelta = timedelta(minutes=30)
    probability: float = 0.9
    over: float = 0.5
    learnt: int = 60
    live: timedelta = timedelta(seconds=10)


class ForecastAgent:
    """FEATURES → ALERTS: firing when a breach within reach has become likely, resolved when it no longer is.

    A series that is over its bound already is the detectors' affair: no alert begins then, and one that fires goes on.
    """

    name = "forecast"
    topics = (Topic.FEATURES,)

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        feature_table: SeriesTable,
        services: Services,
        options: ForecastAgentOptions | None = None,
    ) -> None:
        o = self._options = options or ForecastAgentOptions()
        self._bus, self._clock = bus, clock
        self._bounds = Bounds(feature_table, services)
        self._forecaster = EnsembleForecaster(EnsembleOptions.of(o.step, o.reach))
        self._width, self._live = (round(each.total_seconds() * NANOSECONDS) for each in (o.step, o.live))
        self._newest, self._step = 0, -1
        self._latest, self._learnt = np.empty(0), np.empty(0)
        self._sums = np.zeros((2, 0))
        self._firing: dict[int, Alert] = {}
        self._outbox: deque[Alert] = deque()

    async def start(self) -> None: ...

    async def handle(self, message: Message) -> None:
        """Take a frame in. A second try of the same frame after a failed publication only publishes."""
        frame: FeatureFrame = message.payload
        if self._options.enabled and not frame.partial and frame.end > self._newest:
            self._take(frame)
        while self._outbox:
            await self._bus.publish(Topic.ALERTS, self._outbox[0].fingerprint, self._outbox[0])
            self._outbox.popleft()

    async def tick(self, at: datetime) -> None: ...

    async def stop(self) -> None: ...

    def _take(self, frame: FeatureFrame) -> None:
        step = (frame.end - 1) // self._width
        if self._step >= 0 and step != self._step:
            self._close(self._step * self._width + self._width)
        self._step, self._newest = step, frame.end
        self._bounds.refresh()
        self._latest = grown(self._latest, len(frame.values), np.nan)
        there = np.isfinite(frame.values)
        self._latest[: len(there)][there] = frame.values[there]
        rows = self._bounds.rows
        self._sums = grown(self._sums, len(rows), 0.0)
        self._sums[:, : len(rows)] += np.where(there[rows], [np.ones(len(rows)), frame.values[rows]], 0.0)

    def _close(self, end: int) -> None:
        n = len(self._bounds)
        if not n:
            return
        count, total = self._sums[:, :n]
        values = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        self._learnt = grown(self._learnt, n, 0.0)
        self._learnt[:n] += count > 0
        self._sums[:] = 0.0
        self._forecaster.update(self._step, values)
        if self._clock.nanoseconds() - end <= self._live + self._width:
            self._judge(values, instant_of(end))

    def _judge(self, values: Floats, at: datetime) -> None:
        o, bounds = self._options, self._bounds.of(self._latest)
        said = self._forecaster.forecast()
        probability, lead = breach_probability(said, bounds), lead_steps(said, bounds)
        believed = self._learnt[: len(values)] >= o.learnt
        for row in np.flatnonzero(believed & (probability >= o.probability) & (values < bounds)).tolist():
            if row not in self._firing:
                self._firing[row] = self._alert(row, bounds[row], probability[row], lead[row], at)
                self._outbox.append(self._firing[row])
        for row in [row for row in self._firing if not (probability[row] >= o.over or values[row] >= bounds[row])]:
            alert = self._firing.pop(row)
            self._outbox.append(replace(alert, status=AlertStatus.RESOLVED, ends_at=at))

    def _alert(self, row: int, bound: float, probability: float, lead: float, at: datetime) -> Alert:
        key, step = self._bounds.key(row), self._options.step
        within = self._options.reach if np.isnan(lead) else lead * step
        minutes = max(round(within / timedelta(minutes=1)), 1)
        what = " ".join((key.metric, *(f"{name}={value}" for name, value in key.attributes)))
        return Alert(
            tenant=key.tenant,
            fingerprint=f"{SOURCE}:{key.service}:{what}",
            source=SOURCE,
            service=key.service,
            title=f"{what} will reach {bound:g} {key.unit}".rstrip()
            + f" in about {minutes} min (probability {probability:.2f})",
            severity=Severity.WARNING,
            status=AlertStatus.FIRING,
            starts_at=at,
            annotations=(("lead_minutes", str(minutes)), ("probability", f"{probability:.2f}")),
            author=AKESO,
        )
