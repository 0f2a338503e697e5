"""Which series have a known bound."""

from types import MappingProxyType

import numpy as np

from akeso.domain.estate.service import Services, ServiceSpec
from akeso.domain.telemetry.batches import Attributes, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN
from akeso.stages.forecast.bounds import Bounds


def key(metric: str, attributes: Attributes = (), service: str = "cart") -> SeriesKey:
    return SeriesKey("acme", service, metric, attributes)


def bounds_of(*keys: SeriesKey, services: Services | None = None) -> Bounds:
    bounds = Bounds(SeriesTable(keys), services or Services())
    bounds.refresh()
    return bounds


def test_objectives_bound_the_mean_latency_and_the_error_ratio_of_a_service() -> None:
    services = Services(MappingProxyType({"cart": ServiceSpec("cart", latency_slo_ms=200.0, error_slo=0.02)}))
    bounds = bounds_of(
        key(RED_MEAN), key(RED_ERRORS), key(RED_MEAN, service="other"), key(RED_MEAN, (("op", "x"),)), services=services
    )

    assert bounds.rows.tolist() == [0, 1]
    assert bounds.of(np.zeros(4)).tolist() == [200.0, 0.02]


def test_a_usage_is_bounded_by_the_limit_beside_it_whichever_came_first() -> None:
    memory, limit = key("process.memory.usage"), key("process.memory.limit")

    for keys, rows in (((memory, limit), [0]), ((limit, memory), [1])):
        bounds = bounds_of(*keys)
        assert bounds.rows.tolist() == rows
        assert bounds.of(np.array([7.0, 7.0])).tolist() == [7.0]


def test_a_pool_is_bounded_by_its_own_maximum_and_free_connections_are_no_usage() -> None:
    one, two = ("pool", "one"), ("pool", "two")
    bounds = bounds_of(
        key("db.client.connection.max", (one,)),
        key("db.client.connection.count", (one, ("state", "used"))),
        key("db.client.connection.count", (one, ("state", "idle"))),
        key("db.client.connection.count", (two, ("state", "used"))),
        key("db.client.connection.count", (one, ("state", "used")), service="other"),
    )

    assert bounds.rows.tolist() == [1]


def test_a_limit_of_nothing_and_one_never_told_are_no_bounds() -> None:
    bounds = bounds_of(key("a.usage"), key("a.limit"), key("b"), key("b.max"))

    assert np.isnan(bounds.of(np.array([1.0, 0.0, 1.0, np.nan]))).all()


def test_series_that_come_later_are_added_at_the_end() -> None:
    table = SeriesTable([key("a.limit"), key("b.limit"), key("b")])
    bounds = Bounds(table, Services())
    bounds.refresh()

    table.intern(key("a"))
    bounds.refresh()

    assert bounds.rows.tolist() == [2, 3]
    assert bounds.key(1) == key("a")
