"""The limit of series a tenant may have, in words that a sender can act on."""

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import MetricBlock
from akeso.domain.telemetry.series import SeriesTable
from akeso.protocols.rejections import Rejections


def within_limit(block: MetricBlock, table: SeriesTable, tenant: str) -> tuple[MetricBlock, str]:
    """The points that may be taken, and why the others may not; "" when all may."""
    kept = table.within(block, tenant)
    beyond = len(block) - len(kept)
    if not beyond:
        return kept, ""
    return kept, f"{beyond} points are of new series, and {tenant} has all {table.most} that it may (ingestion.series)"


def sift_series(told: MetricBlock, table: SeriesTable, tenant: str, rejections: Rejections) -> MetricBlock:
    """The points that may be taken; the others are rejected."""
    kept, beyond = within_limit(told, table, tenant)
    if beyond:
        rejections.reject("", InvalidInput("", beyond), len(told) - len(kept))
    return kept
