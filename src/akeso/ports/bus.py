"""The bus between agents."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class Topic(StrEnum):
    RAW_EVENTS = "raw-events"
    FEATURES = "features"
    PREDICTIONS = "predictions"
    DECISIONS = "decisions"
    AGENT_METRICS = "agent-metrics"
    FEEDBACK = "feedback"
    ALERTS = "alerts"
    POLICY_REQUESTS = "policy-requests"
    POLICY_DECISIONS = "policy-decisions"
    CONFIG_UPDATES = "config-updates"
    INCIDENT_LOG = "incident-log"


@dataclass(frozen=True, slots=True)
class Message:
    """One message. payload: a value of akeso.domain; offset: its place in the topic (and partition)."""

    topic: Topic
    key: str
    payload: Any
    offset: int = -1
    partition: int = 0


class Subscription(Protocol):
    """Messages of some topics for one consumer group, each key's in order."""

    def __aiter__(self) -> AsyncIterator[Message]: ...

    async def commit(self, message: Message) -> None:
        """This message's effect is durable: do not deliver it to this group again."""
        ...


class Bus(Protocol):
    """At least once: a message that was published durably and not committed is delivered again after a crash."""

    async def publish(self, topic: Topic, key: str, payload: Any) -> None:
        """Returns once the message is safe as far as the bus makes this topic safe. Waits when a subscriber is
        behind (back-pressure); raises Unavailable when the bus is down."""
        ...

    def subscribe(self, topics: Sequence[Topic], group: str) -> AbstractAsyncContextManager[Subscription]:
        """Join a consumer group. A group that joins for the first time starts at the end, except on durable topics,
        where it starts at the beginning of what is kept."""
        ...

    async def close(self) -> None: ...
