"""Native histograms that are pulled become what pushed ones become."""

import math
from typing import Any

import pytest

from akeso.domain.telemetry.batches import SeriesKey, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.pullers.prometheus import Prometheus
from akeso.plugins.sources.remote_write import RemoteWrite
from akeso.ports.puller import Address, PullRequest, PullResult
from akeso.testing.pull import CannedEndpoint
from akeso.testing.requests import protobuf_wire as wire
from akeso.testing.requests.remote_write import (
    AT_MS,
    first_request,
    first_series,
    native_histogram,
    write_request,
)

LABELS = {"__name__": "http_request_seconds", "service": "cart"}
OPEN_LEFT, OPEN_RIGHT, CLOSED = 0, 1, 3


def bounded(schema: int, index: int, inside: int) -> list[object]:
    """A bucket as Prometheus answers it: 0 < base ** (index - 1) < … ≤ base ** index."""
    lower, upper = (2.0 ** (each * 2.0**-schema) for each in (index - 1, index))
    return [OPEN_LEFT, repr(lower), repr(upper), str(inside)]


async def pulled(
    *histograms: object, labels: dict[str, str] = LABELS, **more: object
) -> tuple[PullResult, SeriesTable]:
    puller: Any = Prometheus(Address("http://127.0.0.1:1"), {"asked": "x"})
    found = {"metric": labels, "histograms": [[AT_MS / 1000, each] for each in histograms], **more}
    answer = {"status": "success", "data": {"resultType": "matrix", "result": [found]}}
    metadata = {"status": "success", "data": {"levels": [{"type": "gaugehistogram"}]}}
    puller._endpoint = CannedEndpoint({"/api/v1/query": answer, "/api/v1/metadata": metadata})
    table = SeriesTable()
    return await puller.pull(PullRequest("default", 0, AT_MS * 1_000_000), table), table


def values(result: PullResult, table: SeriesTable) -> dict[SeriesKey, float]:
    block = result.batch.metrics
    assert set(block.time.tolist()) <= {AT_MS * 1_000_000}
    return {table[i]: value for i, value in zip(block.series.tolist(), block.value.tolist(), strict=True)}


def pushed(histogram: bytes) -> dict[SeriesKey, float]:
    table = SeriesTable()
    request = write_request(first_request(first_series(LABELS, more=wire.text(4, histogram))))
    block = RemoteWrite().decode(request, table).batch.metrics
    return {table[i]: value for i, value in zip(block.series.tolist(), block.value.tolist(), strict=True)}


@pytest.mark.parametrize("schema", [-4, 0, 2, 3, 8])
@pytest.mark.parametrize("first", [-40, 1, 37])
async def test_pulled_and_pushed_are_the_same_series(schema: int, first: int) -> None:
    negative = wire.text(8, wire.number(1, wire.zigzag(first)) + wire.number(2, 1)) + wire.numbers(9, [wire.zigzag(4)])
    more = wire.double(5, 0.25) + wire.number(6, 5) + negative
    sent = pushed(native_histogram(14, 30.5, schema, [(first, 2)], [3, -1], more))
    rule, lower, upper, inside = bounded(schema, first, 4)
    buckets = [
        [OPEN_RIGHT, f"-{upper}", f"-{lower}", inside],
        [CLOSED, "-0.25", "0.25", "5"],
        bounded(schema, first, 3),
        bounded(schema, first + 1, 2),
    ]
    assert rule == OPEN_LEFT
    assert values(*await pulled({"count": "14", "sum": "30.5", "buckets": buckets})) == pytest.approx(sent)


async def test_custom_buckets_are_ranges_between_their_bounds() -> None:
    buckets = [[0, "-Inf", "0.1", "2"], [0, "0.1", "0.7", "3"], [0, "5", "+Inf", "1"]]
    found = values(*await pulled({"count": "6", "sum": "9", "buckets": buckets}))
    ranges = {
        (dict(key.attributes)["gt"], dict(key.attributes)["le"]): n for key, n in found.items() if key.stat == "range"
    }
    assert ranges == {("0.0", "0.1"): 2, ("0.1", "0.7"): 3, ("5.0", "+Inf"): 1}
    assert {key.temporality for key in found} == {Temporality.CUMULATIVE}


@pytest.mark.parametrize(
    "labels", [{"service": "cart"}, {"__name__": "levels", "service": "cart"}], ids=["expression", "gauge"]
)
async def test_what_is_a_level_tells_its_count_and_sum(labels: dict[str, str]) -> None:
    found = values(*await pulled({"count": "0.5", "sum": "9", "buckets": [bounded(0, 1, 1)]}, labels=labels))
    name = labels.get("__name__", "asked")
    assert {(key.metric, key.stat): value for key, value in found.items()} == {
        (f"{name}_gcount", ""): 0.5,
        (f"{name}_gsum", ""): 9,
    }
    assert {key.temporality for key in found} == {Temporality.GAUGE}


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"count": "-1", "sum": "0"}, "count"),
        ({"count": "NaN", "sum": "0"}, "count"),
        ({"count": "1", "sum": "much"}, "sum"),
        ({"count": "1", "sum": "1", "buckets": [[0, "2", "1", "1"]]}, "buckets"),
        ({"count": "1", "sum": "1", "buckets": [[0, "1", "2", "-1"]]}, "buckets"),
        ({"count": "1", "sum": "1", "buckets": [[9, "1", "2", "1"]]}, "[1].buckets[0][0]"),
        ({"count": 1, "sum": "1"}, "[1].count"),
        (7, "[1]"),
    ],
)
async def test_one_bad_histogram_costs_only_itself(bad: object, field: str) -> None:
    good = {"count": "2", "sum": "3", "buckets": [bounded(0, 1, 2)]}
    result, table = await pulled(good, bad, good, values=[[AT_MS / 1000, "7"]])
    assert [(each.item, each.field) for each in result.rejected] == [("queries.asked.histograms[1]", field)]
    assert result.batch.metrics.value.tolist() == [2, 3, 2, 2, 3, 2, 7]
    assert {table[i].stat for i in result.batch.metrics.series.tolist()} == {"count", "sum", "range", ""}


async def test_a_sum_that_is_no_number_is_left_out() -> None:
    found = values(*await pulled({"count": "2", "sum": "NaN", "buckets": [bounded(0, 1, 2)]}))
    assert {key.stat: value for key, value in found.items()} == {"count": 2, "range": 2}
    assert not any(map(math.isnan, found.values()))
