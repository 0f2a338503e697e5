"""The limit of series a tenant may have, in words that a sender can act on."""

from akeso.domain.telemetry.batches import MetricBlock
from akeso.domain.telemetry.series import SeriesTable


def within_limit(block: MetricBlock, table: SeriesTable, tenant: str) -> tuple[MetricBlock, str]:
    """The points that may be taken, and why the others may not; "" when all may."""
    kept = table.within(block, tenant)
    beyond = len(block) - len(kept)
    if not beyond:
        return kept, ""
    return kept, f"{beyond} points are of new series, and {tenant} has all {table.most} that it may (ingestion.series)"
