"""What Akeso remembers of an incident."""

from dataclasses import dataclass
from datetime import datetime

from akeso.domain.incident.outcome import Recovery


@dataclass(frozen=True, slots=True)
class Memory:
    """One past incident as text to search and as facts to compare.

    signature: sorted words "service:signal" of its anomalies; action: what was done last ("" if nothing).
    """

    id: str
    tenant: str
    incident: str
    at: datetime
    service: str
    fault_class: str
    signature: tuple[str, ...]
    text: str
    action: str = ""
    recovery: Recovery = Recovery.UNKNOWN
    mttr_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Recollection:
    """A memory that resembles something. similarity: 0 (nothing in common) to 1 (the same)."""

    memory: Memory
    similarity: float
