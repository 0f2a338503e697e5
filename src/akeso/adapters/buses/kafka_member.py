"""A member of a Kafka consumer group: a thread that polls, and a queue on the event loop."""

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias, TypeVar

import structlog
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from akeso.adapters.buses.codec import PayloadCodec
from akeso.adapters.buses.local import DURABLE
from akeso.adapters.buses.outstanding import Outstanding
from akeso.domain.errors import InvalidInput, Unavailable
from akeso.ports.bus import Message, Topic

log = structlog.get_logger(__name__)

Part: TypeAlias = tuple[str, int]
_Done: TypeAlias = tuple[Part, int]
T = TypeVar("T")

_BATCH = 64
_IDLE_S = 0.1
_BUSY_S = 0.005
_ANSWER_S = 10.0
_RETRY_S = 1.0
# A pause throws away what the client has fetched ahead, so it is for those who are really behind.
_HOLD_S = 1.0
_REBALANCING = frozenset(
    {KafkaError.ILLEGAL_GENERATION, KafkaError.REBALANCE_IN_PROGRESS, KafkaError.UNKNOWN_MEMBER_ID}
)


class KafkaMember:
    """Implements akeso.ports.bus.Subscription. All calls of the consumer are made by its one thread."""

    def __init__(
        self, settings: Mapping[str, Any], topics: Sequence[Topic], codec: PayloadCodec, capacity: int
    ) -> None:
        own = {
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",  # only where what was committed is no longer kept
            "partition.assignment.strategy": "cooperative-sticky",
            "fetch.wait.max.ms": 50,
            **settings,
            "on_commit": self._written,
        }
        self._consumer = Consumer(own)
        self._topics, self._codec, self._capacity = topics, codec, capacity
        self._loop = asyncio.get_running_loop()
        self._joined: asyncio.Future[None] = self._loop.create_future()
        self._arrived = asyncio.Event()
        self._queue: deque[Message] = deque()
        self._ended = False
        self._failure: Unavailable | None = None
        self._commits: queue.SimpleQueue[_Done | None] = queue.SimpleQueue()
        # What follows belongs to the thread.
        self._outstanding: dict[Part, Outstanding] = {}
        self._due: dict[Part, int] = {}  # done up to here, and not yet written
        self._writing: dict[Part, int] = {}
        self._write_at = 0.0
        self._full_since: float | None = None
        self._paused = False
        self._broken: KafkaException | None = None
        self._thread = threading.Thread(target=self._run, name=f"kafka-{settings['group.id']}", daemon=True)

    async def join(self, within: timedelta) -> None:
        """Returns once the group has given this member its partitions. Raises Unavailable."""
        self._thread.start()
        try:
            await asyncio.wait_for(asyncio.shield(self._joined), within.total_seconds())
        except TimeoutError as late:
            raise Unavailable(f"the Kafka group did not let the member in within {within}") from late

    async def leave(self) -> None:
        """Ends the iteration and leaves the group. Leaving twice does nothing."""
        self._end(None)
        self._commits.put(None)
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join)

    def __aiter__(self) -> AsyncIterator[Message]:
        return self._messages()

    async def _messages(self) -> AsyncIterator[Message]:
        while True:
            await asyncio.sleep(0)
            while not self._queue and not self._ended:
                self._arrived.clear()
                await self._arrived.wait()
            if self._failure is not None:
                raise self._failure
            if self._ended:
                return
            raw = self._queue.popleft()
            try:
                # Here and not in the thread: decoding interns series, which only the event loop may do.
                message = replace(raw, payload=self._codec.decode(raw.payload))
            except InvalidInput:
                log.exception("bus.message_unreadable", topic=raw.topic, partition=raw.partition, offset=raw.offset)
                await self.commit(raw)
            else:
                yield message

    async def commit(self, message: Message) -> None:
        """Returns at once: Kafka is told within milliseconds, and whatever is left when the member leaves. What it was
        not told when the process dies is delivered again."""
        if not self._ended:
            self._commits.put(((message.topic.value, message.partition), message.offset))

    def _end(self, failure: Unavailable | None) -> None:
        self._ended, self._failure = True, self._failure or failure
        self._arrived.set()
        if not self._joined.done():
            self._joined.set_exception(failure or Unavailable("the member left before the group let it in"))
            self._joined.exception()  # looked at, should nobody wait any more

    def _deliver(self, messages: Sequence[Message]) -> None:
        self._queue.extend(messages)
        self._arrived.set()

    def _forget(self, parts: frozenset[Part]) -> None:
        kept = [m for m in self._queue if (m.topic.value, m.partition) not in parts]
        self._queue.clear()
        self._queue.extend(kept)

    def _tell(self, call: Any, *arguments: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *arguments)

    # From here on: the thread.

    def _run(self) -> None:
        try:
            self._subscribe()
            while self._turn():
                pass
            self._flush()
        except Exception as failure:
            log.exception("kafka.member_failed", topics=self._topics)
            self._tell(self._end, Unavailable(f"the Kafka consumer stopped: {failure}"))
        finally:
            self._consumer.close()

    def _subscribe(self) -> None:
        if not self._topics:  # some agents only send
            self._tell(_settle, self._joined)
            return
        names = [topic.value for topic in self._topics]
        self._consumer.subscribe(names, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)

    def _turn(self) -> bool:
        """Commit what is done, fetch what has come. False once it is time to leave."""
        done, last = self._gather()
        for part, offset in done:
            self._note(part, offset)
        if last:
            return False
        self._write()
        if self._may_poll():
            # While somebody works on messages, commits come at any moment and must not wait for a poll to end.
            self._take(self._consumer.consume(_BATCH, 0.0 if self._open() and not self._paused else _IDLE_S))
        if self._broken is not None:
            raise self._broken
        return True

    def _open(self) -> int:
        return sum(map(len, self._outstanding.values()))

    def _may_poll(self) -> bool:
        """Not while the subscriber is behind; but who is silent for long is put out of the group, and keeps others from
        joining it. So whoever stays behind polls on, with the partitions paused."""
        now = time.monotonic()
        if self._open() < self._capacity:
            if self._paused:
                self._consumer.resume(self._consumer.assignment())
            self._full_since, self._paused = None, False
            return True
        self._full_since = self._full_since or now
        if now - self._full_since < _HOLD_S:
            return False
        self._consumer.pause(self._consumer.assignment())  # each time: there may be new ones
        self._paused = True
        return True

    def _gather(self) -> tuple[list[_Done], bool]:
        """What is done; and whether it is the last."""
        found: list[_Done] = []
        try:
            done = self._commits.get(timeout=_BUSY_S) if self._open() else self._commits.get_nowait()
            while done is not None:
                found.append(done)
                done = self._commits.get_nowait()
        except queue.Empty:
            return found, False
        return found, True

    def _note(self, part: Part, offset: int) -> None:
        outstanding = self._outstanding.get(part)
        if outstanding is not None and (upto := outstanding.done(offset)) is not None:
            self._due[part] = upto

    def _write(self) -> None:
        """One commit is on its way at a time; what gets done meanwhile goes with the next."""
        if not self._due or self._writing or time.monotonic() < self._write_at:
            return
        self._writing, self._due = self._due, {}
        try:
            self._consumer.commit(offsets=_places(self._writing), asynchronous=True)
        except KafkaException as refused:
            self._written(refused.args[0], [])

    def _written(self, error: KafkaError | None, _: list[TopicPartition]) -> None:
        writing, self._writing = self._writing, {}
        if error is None:
            return
        if error.code() not in _REBALANCING:  # then the next polls bring the group together
            log.warning("kafka.commit_failed", error=error.str())
        self._write_at = time.monotonic() + _RETRY_S
        # What another member has by now cannot be committed any more.
        self._due = {part: offset for part, offset in {**writing, **self._due}.items() if part in self._outstanding}

    def _flush(self) -> None:
        """Write what is done, and wait for it."""
        due, self._due = {**self._writing, **self._due}, {}
        if not due:
            return
        try:
            self._consumer.commit(offsets=_places(due), asynchronous=False)
        except KafkaException as failure:
            log.warning("kafka.commit_failed", error=failure.args[0].str())
            self._due = due
        else:
            # Should the one on its way fail, it must not be repeated over what is newer.
            self._writing = due if self._writing else {}

    def _take(self, fetched: Sequence[KafkaMessage]) -> None:
        messages = [message for found in fetched if (message := self._raw(found)) is not None]
        if messages:
            self._tell(self._deliver, messages)

    def _raw(self, found: KafkaMessage) -> Message | None:
        error = found.error()
        if error is not None:
            _judge(error)
            return None
        name, partition, offset = found.topic(), found.partition(), found.offset()
        if name is None or partition is None or offset is None:
            return None
        self._outstanding.setdefault((name, partition), Outstanding()).given(offset)
        return Message(Topic(name), _text(found.key()), found.value() or b"", offset, partition)

    def _assigned(self, consumer: Consumer, parts: list[TopicPartition]) -> None:
        if parts:
            # What is raised here would reach the thread without its kind, so it is kept until the poll is over.
            try:
                placed = _persistent(lambda: self._placed(consumer, parts))
            except KafkaException as failure:
                self._broken = failure
                return
            self._outstanding.update({(part.topic, part.partition): Outstanding() for part in parts})
            consumer.incremental_assign(placed)
        self._tell(_settle, self._joined)

    def _placed(self, consumer: Consumer, parts: list[TopicPartition]) -> list[TopicPartition]:
        """With the offsets to start at: the committed ones, else the end; the beginning of durable topics."""
        placed = _sound(consumer.committed(parts, timeout=_ANSWER_S))
        new = [TopicPartition(p.topic, p.partition, _start(p.topic)) for p in placed if p.offset < 0]
        if not new:
            return placed
        # A start stands where Kafka's own request has it, in the place of a time.
        started = _sound(consumer.offsets_for_times(new, timeout=_ANSWER_S))
        self._pin(started)
        return [part for part in placed if part.offset >= 0] + started

    def _pin(self, new: Sequence[TopicPartition]) -> None:
        """Write where a new group starts: what comes before it commits anything must not be lost."""
        try:
            self._consumer.commit(offsets=list(new), asynchronous=False)
        except KafkaException as failure:
            log.warning("kafka.start_not_written", error=str(failure))  # then the first commit does it

    def _revoked(self, consumer: Consumer, parts: list[TopicPartition]) -> None:
        done, last = self._gather()
        if last:
            self._commits.put(None)
        for part, offset in done:
            self._note(part, offset)
        self._flush()
        self._lost(consumer, parts)

    def _lost(self, consumer: Consumer, parts: list[TopicPartition]) -> None:
        gone = frozenset((part.topic, part.partition) for part in parts)
        for part in gone:
            self._outstanding.pop(part, None)
            self._due.pop(part, None)
        consumer.incremental_unassign(parts)
        self._tell(self._forget, gone)


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _places(done: Mapping[Part, int]) -> list[TopicPartition]:
    return [TopicPartition(topic, part, offset + 1) for (topic, part), offset in done.items()]


def _start(topic: str) -> int:
    return OFFSET_BEGINNING if topic in DURABLE else OFFSET_END


def _sound(parts: Sequence[TopicPartition]) -> list[TopicPartition]:
    """Raises KafkaException when the answer for one of them is an error."""
    for part in parts:
        if part.error is not None:
            raise KafkaException(part.error)
    return list(parts)


def _persistent(ask: Callable[[], T]) -> T:
    """The answer, asked for again while Kafka finds its leaders and coordinators. Raises KafkaException."""
    deadline = time.monotonic() + _ANSWER_S
    while True:
        try:
            return ask()
        except KafkaException as failure:
            if time.monotonic() > deadline:
                raise
            log.info("kafka.asked_again", error=str(failure))
            time.sleep(_IDLE_S)


def _text(key: str | bytes | None) -> str:
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else key or ""


def _judge(error: KafkaError) -> None:
    if error.fatal():
        raise KafkaException(error)
    log.warning("kafka.consumer", error=str(error))  # the client goes on by itself
