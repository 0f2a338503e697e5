"""Log records one by one, gathered to blocks by service and instance."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from akeso.domain.telemetry.batches import LogBlock
from akeso.protocols.otlp.signals import INSTANCE


class Record(NamedTuple):
    """One record. at: ns; level: OpenTelemetry's severity number; trace: low half of the trace id, 0 if none."""

    service: str
    instance: str
    at: int
    level: int
    body: str
    trace: int = 0


def blocks_of(records: Iterable[Record]) -> tuple[LogBlock, ...]:
    """One block a service and instance, in the order of their first records."""
    origins: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        origins.setdefault((record.service, record.instance), []).append(record)
    return tuple(_block(service, instance, mine) for (service, instance), mine in origins.items())


def _block(service: str, instance: str, records: list[Record]) -> LogBlock:
    return LogBlock(
        service,
        np.array([record.at for record in records], np.int64),
        np.array([record.level for record in records], np.uint8),
        tuple(record.body for record in records),
        np.array([record.trace for record in records], np.uint64),
        ((INSTANCE, instance),) if instance else (),
    )
