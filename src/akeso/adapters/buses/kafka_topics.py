"""Kafka's topics, made when they are first needed."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from akeso.domain.errors import Unavailable
from akeso.ports.bus import Topic

log = structlog.get_logger(__name__)

_AGAIN_S = 0.05
_NOT_YET = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.LEADER_NOT_AVAILABLE})
_MISSING = KafkaError.UNKNOWN_TOPIC_OR_PART


class KafkaTopics:
    """Left to itself a broker would make a topic with its own defaults: one partition, and messages of 1 MB at most.

    client: librdkafka's settings; partitions, largest: of topics that do not exist yet, largest in bytes of a message.
    """

    def __init__(self, client: Mapping[str, Any], partitions: int, largest: int) -> None:
        self._admin = AdminClient(dict(client))
        self._partitions, self._largest = partitions, largest
        self._ready: dict[Topic, asyncio.Future[None]] = {}
        # Not the loop's own threads: while Kafka is down, they would all wait here.
        self._threads = ThreadPoolExecutor(len(Topic), "kafka-topics")

    async def ready(self, topic: Topic, within: timedelta) -> None:
        """Returns once the topic is there and has leaders. Raises Unavailable. Callers at the same time ask once."""
        asked = self._ready.get(topic)
        if asked is None or _failed(asked):
            loop = asyncio.get_running_loop()
            seconds = within.total_seconds()
            asked = self._ready[topic] = loop.run_in_executor(self._threads, self._ensure, topic.value, seconds)
            asked.add_done_callback(_failed)  # looked at, should nobody wait any more
        await asyncio.shield(asked)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    # From here on: a thread.

    def _ensure(self, name: str, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        try:
            while (why := self._lacks(name, deadline - time.monotonic())) is not None:
                if why == _MISSING:
                    self._create(name, deadline - time.monotonic())
                # A broker learns of a new topic a little after the controller has made it.
                time.sleep(_AGAIN_S)
        except KafkaException as failure:
            raise Unavailable(f"the Kafka topic {name} cannot be had: {failure.args[0].str()}") from failure

    def _lacks(self, name: str, left_s: float) -> int | None:
        """The error that keeps it from being used; None when nothing does. Raises KafkaException when it will stay."""
        if left_s <= 0:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        try:
            found = self._admin.describe_topics(TopicCollection([name]), request_timeout=left_s)[name].result()
        except KafkaException as failure:
            if (code := failure.args[0].code()) in _NOT_YET:
                return int(code)
            raise
        return None if all(part.leader for part in found.partitions) else KafkaError.LEADER_NOT_AVAILABLE

    def _create(self, name: str, left_s: float) -> None:
        new = NewTopic(name, self._partitions, -1, config={"max.message.bytes": str(self._largest)})
        try:
            self._admin.create_topics([new], request_timeout=max(left_s, _AGAIN_S))[name].result()
        except KafkaException as failure:
            if failure.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process was first
                raise
        else:
            log.info("kafka.topic_created", topic=name, partitions=self._partitions)


def _failed(asked: "asyncio.Future[None]") -> bool:
    return asked.done() and (asked.cancelled() or asked.exception() is not None)
