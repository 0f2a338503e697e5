"""Errors without traces: how requests ended, by a label of a counter."""

import numpy as np
import pytest

from akeso.domain.telemetry.batches import Attributes, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import REQUEST_ERRORS, REQUEST_RATE
from akeso.stages.features.status_ratios import StatusRatios, has_failed


def told(metric: str, label: str, rates: dict[str, float], *more: tuple[SeriesKey, float]) -> dict[str, float]:
    """Service and derived metric → value, of a slot with these rates of a counter by the values of a label."""
    table = SeriesTable()
    keys = [(_rate("shop", metric, ((label, value),)), rate) for value, rate in rates.items()] + list(more)
    ids = table.intern_all(key for key, _ in keys)
    found, values = StatusRatios(table).close(ids, np.array([rate for _, rate in keys]))
    return {f"{table[row].service} {table[row].metric}": value for row, value in zip(found, values, strict=True)}


def _rate(service: str, metric: str, attributes: Attributes = ()) -> SeriesKey:
    return SeriesKey("t", service, metric, attributes, "1/s", stat="rate")


@pytest.mark.parametrize(
    ("metric", "label", "rates"),
    [
        ("http_requests_total", "status", {"200": 9.0, "500": 1.0}),
        ("http_requests_total", "code", {"200": 9.0, "503": 1.0}),
        ("flask_http_request_total", "status", {"200": 6.0, "404": 3.0, "502": 1.0}),
        ("istio_requests_total", "response_code", {"200": 9.0, "504": 1.0}),
        ("envoy_http_downstream_rq_xx", "envoy_response_code_class", {"2": 9.0, "5": 1.0}),
        ("grpc_server_handled_total", "grpc_code", {"OK": 8.0, "NotFound": 1.0, "Internal": 1.0}),
        ("http.server.request.duration", "http.response.status_code", {"200": 9.0, "500": 1.0}),
    ],
)
def test_the_share_of_requests_that_the_server_failed(metric: str, label: str, rates: dict[str, float]) -> None:
    assert told(metric, label, rates) == {
        f"shop {REQUEST_RATE}": pytest.approx(10.0),
        f"shop {REQUEST_ERRORS}": pytest.approx(0.1),
    }


def test_a_service_without_a_failure_has_a_ratio_of_zero() -> None:
    assert told("http_requests_total", "status", {"200": 4.0})[f"shop {REQUEST_ERRORS}"] == 0.0


def test_of_two_counters_of_the_same_requests_one_counts() -> None:
    other = _rate("shop", "http_request_duration_seconds", (("status", "500"),)), 5.0
    assert told("http_requests_total", "status", {"200": 9.0, "500": 1.0}, other)[f"shop {REQUEST_RATE}"] == 10.0


def test_a_counter_that_no_table_knows_tells_nothing() -> None:
    assert told("parcels_total", "status", {"500": 1.0}) == {}


def test_without_requests_there_is_no_ratio() -> None:
    assert told("http_requests_total", "status", {"200": 0.0}) == {}


def test_a_status_is_read_as_a_status_and_not_by_its_look() -> None:
    assert has_failed("status", "5xx")
    assert not has_failed("status", "success")
    assert has_failed("error.type", "TimeoutError")
    assert not has_failed("error.type", "404")


def test_a_counter_that_begins_with_the_first_errors_does_not_make_the_share_come_more_often() -> None:
    table = SeriesTable()
    answers = table.intern_all(_rate("shop", "http_requests_total", (("code", code),)) for code in ("200", "500"))
    ratios = StatusRatios(table)
    ratios.close(answers, np.array([9.0, 1.0]))
    every = np.full(len(table), 1, np.int64)
    every[answers[0]] = 15
    ratios.keep_pace(every)
    assert every.tolist() == [15, 1, 15, 15]
