"""Answers that are kept, so that a request that is sent again with its Idempotency-Key is not repeated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

KEPT_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """asked: digest of the request; headers: those that say what the body is, lower-case."""

    asked: str
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class AnswerShelf(Protocol):
    """Where answers outlive the process."""

    async def find(self, key: str, since: datetime) -> KeptAnswer | None:
        """The answer under a key, unless it was kept before `since`. Raises Unavailable."""
        ...

    async def keep(self, key: str, answer: KeptAnswer, at: datetime) -> None:
        """Durable when it returns; what was kept more than a day before `at` goes. Raises Unavailable."""
        ...
