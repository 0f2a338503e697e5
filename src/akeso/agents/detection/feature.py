"""The feature agent: telemetry batches in, feature frames out, one a slot and an early look at each."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from akeso.domain.telemetry.batches import Change, FeatureFrame, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.times import duration_ns
from akeso.ports.bus import Bus, Message, Topic
from akeso.ports.clock import Clock
from akeso.stages.features.authors import ServicesOfBatches
from akeso.stages.features.features import ClosedSlot, FeatureBuilder
from akeso.stages.features.sender_clocks import Sender
from akeso.stages.features.slots import FeatureOptions, Tally


class WindowRecorder(Protocol):
    """Where the agent writes what diagnosis and verification read."""

    def record(self, closed: ClosedSlot) -> None: ...

    def record_changes(self, tenant: str, changes: Sequence[Change]) -> None: ...

    def record_author(self, tenant: str, author: str, services: Iterable[str], at: int) -> None: ...


@dataclass(frozen=True, slots=True)
class FeatureAgentOptions(FeatureOptions):
    """How telemetry becomes features, and when slots close by the clock.

    live: a batch no older than this when it is handled is live; only then the clock closes slots.
    idle: after history, so long without a batch, the clock closes slots again.
    """

    live: timedelta = timedelta(seconds=3)
    idle: timedelta = timedelta(seconds=1)


class FeatureAgent:
    """Closes slots by the arrival time of batches and, while data is live, by the clock.

    While history is replayed only the batches' own times count, so that slots do not close before their data came.
    """

    name = "feature"
    topics = (Topic.RAW_EVENTS,)

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        ingest_table: SeriesTable,
        feature_table: SeriesTable,
        window: WindowRecorder,
        options: FeatureAgentOptions | None = None,
    ) -> None:
        """ingest_table: the one that batches refer to; feature_table: the one that frames refer to."""
        self._bus, self._clock, self._window = bus, clock, window
        options = options or FeatureAgentOptions()
        self._builder = FeatureBuilder(ingest_table, feature_table, options)
        self._services = ServicesOfBatches(ingest_table)
        self._live, self._idle = duration_ns(options.live), duration_ns(options.idle)
        self._last: TelemetryBatch | None = None
        self._handled_at = 0
        self._outbox: deque[FeatureFrame] = deque()

    @property
    def tally(self) -> Tally:
        """Counters of late, dropped, skewed and repeated samples."""
        return self._builder.tally

    @property
    def clock_offsets(self) -> Mapping[Sender, float]:
        """The senders whose clocks are corrected, and by how many seconds they are behind (negative: ahead)."""
        return self._builder.clocks.offsets

    async def start(self) -> None:
        """Nothing to prepare: ingestion replays the history."""

    async def handle(self, message: Message) -> None:
        """Take a batch in. A second try of the same batch after a failed publication only publishes."""
        batch: TelemetryBatch = message.payload
        if batch is not self._last:
            self._close_until(batch.received_at)
            self._builder.add(batch)
            self._window.record_changes(batch.tenant, batch.changes)
            self._window.record_author(batch.tenant, batch.author, self._services.of(batch), batch.received_at)
            self._last, self._handled_at = batch, self._clock.nanoseconds()
        await self._publish()

    async def tick(self, at: datetime) -> None:
        """Close slots by the clock unless history is on its way."""
        del at
        now = self._clock.nanoseconds()
        if self._last is not None and self._is_live(now, self._last.received_at):
            self._close_until(now)
        await self._publish()

    async def stop(self) -> None:
        """Slots that are still open are closed from the history at the next start."""

    def _is_live(self, now: int, received: int) -> bool:
        return self._handled_at - received <= self._live or now - self._handled_at >= self._idle

    def _close_until(self, instant: int) -> None:
        for closed in self._builder.close_until(instant):
            self._window.record(closed)
            self._outbox.append(closed.frame)
        if (early := self._builder.look(instant)) is not None:
            self._outbox.append(early)

    async def _publish(self) -> None:
        while self._outbox:
            await self._bus.publish(Topic.FEATURES, self.name, self._outbox[0])
            self._outbox.popleft()
