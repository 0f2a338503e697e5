"""The title of an incident says what is worst, with numbers that can be compared."""

from datetime import UTC, datetime
from math import nan

import pytest

from akeso.domain.detection.anomaly import Anomaly
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.signal import RED_MEAN, Signal
from akeso.stages.correlation.headline import title_of

AT = datetime(2030, 1, 1, tzinfo=UTC)


def slow(service: str, observed: float, usual: float) -> Anomaly:
    key = SeriesKey("t", service, RED_MEAN)
    return Anomaly(service, "t", key, Signal.LATENCY, AT, AT, 1.2, observed, usual, 5.0, ("static_threshold",))


@pytest.mark.parametrize(
    ("usual", "said"),
    [
        (50.0, "shop: latency 673 ms (usually 50 ms)"),
        (1211.0, "shop: latency 673 ms (over its limit)"),
        (nan, "shop: latency 673 ms"),
    ],
)
def test_a_value_is_set_beside_what_it_exceeds(usual: float, said: str) -> None:
    assert title_of("shop", [slow("shop", 673.0, usual)], []) == said


def test_further_services_are_counted() -> None:
    found = [slow("shop", 673.0, 50.0), slow("web", 900.0, 60.0), slow("cart", 900.0, 60.0)]
    assert title_of("shop", found, []) == "shop: latency 673 ms (usually 50 ms), and 2 more services"
