"""What leaves a world: requests of its senders, as they reach Akeso."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from akeso.worlds.observation import Observation


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP request. at: when it reaches Akeso, ns since the epoch; sender: who sent it (a collector, an exporter, a
    person); path: with the query, as in the request line; headers: as the sender writes them."""

    at: int
    sender: str
    path: str
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes = b""
    method: str = "POST"


class Teller(Protocol):
    """A dialect: sees what happens in a world and tells it as one kind of real sender would.

    A world calls `observe` once a tick, in order, and then `due` with the end of that tick. A teller draws its own
    randomness from a generator that it was made with, so that what it does never changes the world.
    """

    trace_share: float
    """The share (0..1) of whole requests that it wants in `Observation.requests`; a world draws as many as the one of
    its tellers that wants most. Each root request carries its own `sampling`, uniform in [0, 1): a teller that samples
    20 % at the head takes those below .2, so that tellers agree on what they take."""

    def observe(self, observation: Observation) -> None:
        """Take in one tick. The arrays belong to the observation and are never written into."""
        ...

    def due(self, now: int) -> Sequence[Delivery]:
        """What reaches Akeso up to `now` (ns) and was not given out before. May be called again with the same time."""
        ...
