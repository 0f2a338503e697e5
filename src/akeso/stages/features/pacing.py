"""Telemetry that came in one piece, told again slot by slot, so that what was asked for every 15 seconds does not look
like a burst every 15 seconds."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from akeso.domain.telemetry.batches import Mask, TelemetryBatch, Times


def paced(batch: TelemetryBatch, width: int, until: int) -> Iterator[tuple[int, TelemetryBatch]]:
    """The batch's parts, oldest first, each with the end (ns) of the slot of `width` ns that it is of; `until` for what
    lies beyond. Changes go with the first part. A span belongs to the slot it ends in. A batch without any of these
    yields nothing."""
    stamps = [batch.metrics.time, *(block.time for block in batch.logs), *(block.end for block in batch.spans)]
    ends = np.unique(np.minimum(_slot(np.concatenate(stamps), width), until))
    changes = batch.changes
    for end in ends.tolist() or ([until] if changes else []):
        part = _part(batch, end, width, until)
        yield end, replace(part, changes=changes)
        changes = ()


def _part(batch: TelemetryBatch, end: int, width: int, until: int) -> TelemetryBatch:
    def within(stamps: Times) -> Mask:
        mask: Mask = np.minimum(_slot(stamps, width), until) == end
        return mask

    logs = (block.where(within(block.time)) for block in batch.logs)
    spans = (block.where(within(block.end)) for block in batch.spans)
    return replace(
        batch,
        metrics=batch.metrics.where(within(batch.metrics.time)),
        logs=tuple(block for block in logs if len(block)),
        spans=tuple(block for block in spans if len(block)),
    )


def _slot(stamps: Times, width: int) -> Times:
    return (stamps // width + 1) * width
