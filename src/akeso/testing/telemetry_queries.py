"""What every TelemetryStore answers: the same questions about the same shop, whatever the store."""

from collections.abc import Sequence

import numpy as np

from akeso.domain.telemetry.batches import NANOSECONDS, LogBlock, MetricBlock, SeriesKey, TelemetryBatch, Temporality
from akeso.domain.telemetry.query import LogSelector, MetricSelector, Range, SpanSelector
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.telemetry_store import TelemetryStore
from akeso.stages.query.log_query import LogQuery
from akeso.stages.query.metric_query import MetricQuery
from akeso.stages.query.patterns import matcher
from akeso.stages.query.span_query import SpanQuery
from akeso.testing.recorded.recording import BEGAN, CALLS, sick_shop
from akeso.testing.telemetry import StoreOf

SECOND = NANOSECONDS


def points(table: SeriesTable, key: SeriesKey, told: Sequence[tuple[int, float]]) -> TelemetryBatch:
    """One series; times in seconds after BEGAN."""
    series = np.full(len(told), table.intern(key), np.int32)
    time = np.array([BEGAN + at * SECOND for at, _ in told], np.int64)
    return TelemetryBatch(key.tenant, int(time.max()), MetricBlock(series, time, np.array([v for _, v in told])))


def lines(service: str, told: Sequence[tuple[int, int, str]], tenant: str = "default") -> TelemetryBatch:
    """Log records; times in seconds after BEGAN."""
    time = np.array([BEGAN + at * SECOND for at, _, _ in told], np.int64)
    severity = np.array([number for _, number, _ in told], np.uint8)
    block = LogBlock(service, time, severity, tuple(body for _, _, body in told), np.zeros(len(told), np.uint64))
    return TelemetryBatch(tenant, int(time.max()), logs=(block,))


def seconds(start: int, end: int, step: int) -> Range:
    """A range in seconds after BEGAN."""
    return Range(BEGAN + start * SECOND, BEGAN + end * SECOND, step * SECOND)


def counter(name: str = "hits", service: str = "cart", **attributes: str) -> SeriesKey:
    """A cumulative series."""
    labels = tuple(sorted(attributes.items()))
    return SeriesKey("default", service, name, labels, temporality=Temporality.CUMULATIVE)


async def stored(store_of: StoreOf, *made: TelemetryBatch, table: SeriesTable) -> TelemetryStore:
    """A store that holds these batches."""
    store = store_of(table)
    for batch in made:
        await store.append(batch)
    return store


class TelemetryQueryContract:
    """Derive a test class beside TelemetryStoreContract's, with the same fixture."""

    async def test_a_gauge_is_its_last_value_of_each_step(self, store_of: StoreOf) -> None:
        table, key = SeriesTable(), SeriesKey("default", "cart", "depth", unit="1")
        told = [(0, 9.0), (1, 1.0), (10, 2.0), (11, 3.0), (35, 4.0)]
        store = await stored(store_of, points(table, key, told[::-1]), table=table)
        matrix = await store.ask(MetricQuery(MetricSelector("default", "cart", "depth"), seconds(0, 40, 10)))
        assert matrix.keys == (key,)
        assert matrix.times.tolist() == [BEGAN + at * SECOND for at in (10, 20, 30, 40)]
        assert np.array_equal(matrix.values, [[2.0, 3.0, np.nan, 4.0]], equal_nan=True)
        await store.close()

    async def test_a_counter_is_its_growth_a_second_over_restarts(self, store_of: StoreOf) -> None:
        table = SeriesTable()
        told = [(-5, 100.0), (5, 110.0), (15, 130.0), (25, 20.0), (45, 20.0)]
        batches = (points(table, counter(), told[:2]), points(table, counter(), told[2:]))
        store = await stored(store_of, *batches, table=table)
        matrix = await store.ask(MetricQuery(MetricSelector("default", metric="hits"), seconds(0, 50, 10)))
        assert (matrix.keys[0].stat, matrix.keys[0].unit) == ("rate", "1/s")
        assert np.array_equal(matrix.values, [[1.0, 2.0, 2.0, np.nan, 0.0]], equal_nan=True)
        await store.close()

    async def test_matchers_choose_series(self, store_of: StoreOf) -> None:
        table = SeriesTable()
        made = [points(table, counter(route=route, code="200"), [(0, 0.0), (5, 1.0)]) for route in ("/a", "/b", "/c")]
        made.append(points(table, counter(service="other"), [(0, 0.0), (5, 1.0)]))
        store = await stored(store_of, *made, table=table)
        for text, routes in (
            ("route=/a", {"/a"}),
            ("route!=/a", {"/b", "/c"}),
            ("route=~/(a|b)", {"/a", "/b"}),
            ("route!~/(a|b)", {"/c"}),
            ("missing=", {"/a", "/b", "/c"}),
        ):
            selector = MetricSelector("default", "cart", "hits", (matcher(text), matcher("code=200")))
            found = await store.ask(MetricQuery(selector, seconds(0, 10, 10)))
            assert {dict(key.attributes)["route"] for key in found.keys} == routes
        await store.close()

    async def test_a_histogram_tells_its_quantile(self, store_of: StoreOf) -> None:
        table = SeriesTable()
        made = []
        for bound, count in (("1.0", 50.0), ("2.0", 100.0), ("+Inf", 100.0)):
            key = SeriesKey(
                "default", "cart", "took", (("le", bound), ("pod", "1")), "s", Temporality.CUMULATIVE, "bucket"
            )
            made.append(points(table, key, [(0, 0.0), (5, count)]))
        store = await stored(store_of, *made, table=table)
        found = await store.ask(MetricQuery(MetricSelector("default", quantile=0.75), seconds(0, 20, 10)))
        assert [(key.stat, key.attributes, key.unit) for key in found.keys] == [("quantile", (("pod", "1"),), "s")]
        assert np.allclose(found.values, [[1.5, np.nan]], equal_nan=True)
        await store.close()

    async def test_nothing_of_another_tenant_is_told(self, store_of: StoreOf) -> None:
        table = SeriesTable()
        made = [*sick_shop(table, 2, 0, tenant="other"), lines("cart", [(1, 9, "hello")], tenant="other")]
        store = await stored(store_of, *made, table=table)
        over = seconds(-10, 100, 10)
        assert (await store.ask(MetricQuery(MetricSelector("default"), over))).keys == ()
        assert await store.ask(LogQuery(LogSelector("default"), over)) == ()
        assert await store.ask(SpanQuery(SpanSelector("default"), over)) == ()
        await store.close()

    async def test_log_records_are_told_as_templates_with_parameters_and_samples(self, store_of: StoreOf) -> None:
        table = SeriesTable()
        said = [(at, 17 if at % 2 else 9, f"user {at} paid {at * 7} cents") for at in range(1, 31)]
        said.append((40, 21, "out of memory"))
        store = await stored(store_of, lines("cart", said), table=table)
        groups = await store.ask(LogQuery(LogSelector("default", "cart"), seconds(0, 60, 60)))
        assert [(group.template, group.count, group.severity) for group in groups] == [
            ("user <*> paid <*> cents", 30, 17),
            ("out of memory", 1, 21),
        ]
        assert (groups[0].first, groups[0].last) == (BEGAN + SECOND, BEGAN + 30 * SECOND)
        assert [sample.body for sample in groups[0].samples[:2]] == ["user 30 paid 210 cents", "user 29 paid 203 cents"]
        assert [values[:2] for values in groups[0].parameters] == [("30", "29"), ("210", "203")]
        grave = await store.ask(LogQuery(LogSelector("default", severity=17, text="PAID"), seconds(0, 10, 10)))
        assert [group.count for group in grave] == [5]
        await store.close()

    async def test_spans_are_told_as_rates_errors_and_durations(self, store_of: StoreOf) -> None:
        table = SeriesTable()
        store = await stored(store_of, *sick_shop(table, 10, 10), table=table)
        groups = await store.ask(SpanQuery(SpanSelector("default"), seconds(10, 20, 10)))
        assert [(g.service, g.role, g.peer) for g in groups] == [
            ("cart", "server", ""),
            ("web", "server", ""),
            ("web", "client", "cart"),
        ]
        cart = groups[0]
        assert abs(cart.count - 20 * CALLS) <= CALLS
        assert cart.rate == cart.count / 10
        assert 0.4 < cart.errors / cart.count < 0.6
        assert all(180 < value < 220 for value in (cart.mean_ms, cart.p50_ms, cart.p95_ms, cart.p99_ms))
        edge = await store.ask(SpanQuery(SpanSelector("default", peer="cart"), seconds(0, 30, 30)))
        assert [(g.service, g.peer) for g in edge] == [("web", "cart")]
        await store.close()
