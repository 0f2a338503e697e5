"""A member of a Kafka consumer group: a thread that polls, and a queue on the event loop."""

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
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
T = TypeVar("T")

_BATCH = 64
_IDLE_S = 0.1
_BUSY_S = 0.005
_ANSWER_S = 10.0
_REBALANCING = frozenset(
    {KafkaError.ILLEGAL_GENERATION, KafkaError.REBALANCE_IN_PROGRESS, KafkaError.UNKNOWN_MEMBER_ID}
)


class _Commit:
    """A message whose effect is durable, and who waits for Kafka to know it."""

    def __init__(self, part: Part, offset: int) -> None:
        self.part, self.offset = part, offset
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


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
        }
        self._consumer = Consumer(own)
        self._topics, self._codec, self._capacity = topics, codec, capacity
        self._loop = asyncio.get_running_loop()
        self._joined: asyncio.Future[None] = self._loop.create_future()
        self._arrived = asyncio.Event()
        self._queue: deque[Message] = deque()
        self._ended = False
        self._failure: Unavailable | None = None
        # What follows belongs to the thread.
        self._commits: queue.SimpleQueue[_Commit | None] = queue.SimpleQueue()
        self._outstanding: dict[Part, Outstanding] = {}
        self._due: dict[Part, int] = {}  # done up to here, and not yet written
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
        """Raises Unavailable when Kafka does not answer; the message may then be delivered again."""
        if self._ended:
            return
        commit = _Commit((message.topic.value, message.partition), message.offset)
        self._commits.put(commit)
        await commit.done

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
        waiting: list[_Commit] = []
        try:
            names = [topic.value for topic in self._topics]
            self._consumer.subscribe(names, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)
            while self._turn(waiting):
                pass
        except Exception as failure:
            log.exception("kafka.member_failed", topics=self._topics)
            unavailable = Unavailable(f"the Kafka consumer stopped: {failure}")
            self._tell(self._end, unavailable)
        finally:
            self._consumer.close()
            self._settle(waiting, None)

    def _turn(self, waiting: list[_Commit]) -> bool:
        """Commit what is done, fetch what has come. False once it is time to leave."""
        fresh, last = self._gather()
        for commit in fresh:
            self._note(commit)
        waiting += fresh
        written = self._write(waiting)
        if last:
            return False
        if not written or self._open() < self._capacity:
            # While somebody works on messages, commits come at any moment and must not wait for a poll to end.
            self._take(self._consumer.consume(_BATCH, 0.0 if self._open() else _IDLE_S))
        if self._broken is not None:
            raise self._broken
        return True

    def _open(self) -> int:
        return sum(map(len, self._outstanding.values()))

    def _gather(self) -> tuple[list[_Commit], bool]:
        """What waits to be committed; and whether it is the last."""
        found: list[_Commit] = []
        try:
            commit = self._commits.get(timeout=_BUSY_S) if self._open() else self._commits.get_nowait()
            while commit is not None:
                found.append(commit)
                commit = self._commits.get_nowait()
        except queue.Empty:
            return found, False
        return found, True

    def _note(self, commit: _Commit) -> None:
        outstanding = self._outstanding.get(commit.part)
        if outstanding is not None and (offset := outstanding.done(commit.offset)) is not None:
            self._due[commit.part] = offset

    def _write(self, waiting: list[_Commit]) -> bool:
        """Whether nothing is left to be committed. What another member has by now cannot be committed any more."""
        self._due = {part: offset for part, offset in self._due.items() if part in self._outstanding}
        failure = None
        if self._due:
            offsets = [TopicPartition(topic, part, offset + 1) for (topic, part), offset in self._due.items()]
            try:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            except KafkaException as refused:
                if refused.args[0].code() in _REBALANCING:
                    return False  # the next polls bring the group together; then it is tried again
                failure = Unavailable(f"Kafka did not take the commit: {refused}")
        self._due.clear()
        self._settle(waiting, failure)
        waiting.clear()
        return True

    def _settle(self, commits: Iterable[_Commit], failure: Exception | None) -> None:
        for commit in commits:
            self._tell(_settle, commit.done, failure)

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
        self._tell(_settle, self._joined, None)

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
        gone = frozenset((part.topic, part.partition) for part in parts)
        for part in gone:
            self._outstanding.pop(part, None)
        consumer.incremental_unassign(parts)
        self._tell(self._forget, gone)


def _settle(future: "asyncio.Future[None]", failure: Exception | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(None)
    else:
        future.set_exception(failure)


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
