"""Whom the words of an alert say it cannot reach."""

from dataclasses import replace

import pytest

from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.stages.correlation.nearness import named_peers
from akeso.testing.events import AT


def said(text: str) -> frozenset[str]:
    alert = Alert("t", "f", "test", "orders", "HighErrorRate", Severity.ERROR, AlertStatus.FIRING, AT)
    return named_peers(replace(alert, annotations=(("summary", text),)))


@pytest.mark.parametrize(
    "text",
    [
        "9 % of requests fail: cannot connect to orders-db",
        "connection to server orders-db refused",
        "dial tcp orders-db:5432: i/o timeout",
        "timed out connecting to the database orders-db",
        "upstream orders-db timed out",
        "orders-db is unreachable",
        "failed to resolve orders-db",
    ],
)
def test_the_callee_that_does_not_answer_is_named(text: str) -> None:
    assert said(text) == {"orders-db"}


@pytest.mark.parametrize(
    "text",
    [
        "12 % of requests fail",
        "3000 open connections to orders-db",
        "cannot connect to the database",
        "connection to orders refused",
        "",
    ],
)
def test_who_does_not_complain_of_somebody_names_nobody(text: str) -> None:
    assert said(text) == frozenset()
