"""A service that is not heard of, and one that only we do not hear."""

import math
from datetime import timedelta

import pytest

from akeso.domain.telemetry.batches import SeriesKey, SpanKind
from akeso.domain.telemetry.signal import SILENCE
from akeso.stages.features.slots import FeatureOptions
from akeso.testing.feature_bench import FeatureBench
from akeso.testing.window import Span

CART, STOCK = (SeriesKey("acme", service, "up") for service in ("cart", "stock"))


def test_silence_grows_while_others_are_heard(bench: FeatureBench) -> None:
    bench.send(0.9, (CART, 0.8, 1.0), (STOCK, 0.8, 1.0))
    for second in range(1, 8):
        bench.send(second + 0.9, (STOCK, second + 0.8, 1.0))
    bench.close(7)
    silences = [bench.value(end, "cart", SILENCE) for end in (1, 2, 4, 7)]
    assert silences == pytest.approx([0.1, 1.1, 3.1, 6.1])
    assert bench.value(7, "stock", SILENCE) == 0.0


def test_a_service_that_is_heard_again_is_not_silent(bench: FeatureBench) -> None:
    bench.send(0.9, (CART, 0.8, 1.0), (STOCK, 0.8, 1.0))
    for second in range(1, 5):
        bench.send(second + 0.9, (STOCK, second + 0.8, 1.0))
    bench.send(5.5, (CART, 5.4, 1.0))
    bench.close(6)
    assert bench.value(4, "cart", SILENCE) == pytest.approx(3.1)
    assert bench.value(6, "cart", SILENCE) == pytest.approx(0.5)


def test_when_nobody_is_heard_nobody_is_silent(bench: FeatureBench) -> None:
    bench.send(0.9, (CART, 0.8, 1.0), (STOCK, 0.8, 1.0))
    bench.close(6)
    assert math.isnan(bench.value(6, "cart", SILENCE))
    bench.send(6.9, (CART, 6.8, 1.0), (STOCK, 6.8, 1.0))
    bench.close(7)
    assert bench.value(7, "cart", SILENCE) == pytest.approx(0.1)


def test_what_all_tell_every_fifteen_seconds_is_no_deafness(bench: FeatureBench) -> None:
    for second in range(1, 100):
        told = [(STOCK, second - 0.2, 1.0)] if second % 15 == 3 else []
        told += [(CART, second - 0.2, 1.0)] if second % 15 == 9 and second < 60 else []
        if told:
            bench.send(second, *told)
    bench.close(98)
    silences = [bench.value(end, "cart", SILENCE) for end in (59, 75, 90)]
    assert silences == pytest.approx([5.0, 21.0, 36.0], abs=1.1)
    assert bench.value(98, "stock", SILENCE) < 15


def test_a_gap_of_minutes_is_skipped_and_silences_nobody(bench: FeatureBench) -> None:
    bench.send(0.9, (CART, 0.8, 1.0), (STOCK, 0.8, 1.0))
    bench.send(300.9, (STOCK, 300.8, 1.0))
    bench.send(301.4, (CART, 301.3, 1.0), (STOCK, 301.3, 1.0))
    bench.close(302)
    assert len(bench.frames) < 25
    assert bench.value(301, "cart", SILENCE) < 3.0
    assert bench.builder.tally.gaps == 1


def test_a_service_is_forgotten_after_a_while(bench: FeatureBench) -> None:
    bench.begin(FeatureOptions(forget=timedelta(seconds=4), lateness=timedelta(seconds=1)))
    bench.send(0.9, (CART, 0.8, 1.0), (STOCK, 0.8, 1.0))
    for second in range(1, 8):
        bench.send(second + 0.9, (STOCK, second + 0.8, 1.0))
    bench.close(7)
    assert bench.value(4, "cart", SILENCE) == pytest.approx(3.1)
    assert math.isnan(bench.value(7, "cart", SILENCE))
    assert bench.closed[-1].topologies["acme"].services == {"stock"}


def test_a_peer_that_never_sent_has_no_silence(bench: FeatureBench) -> None:
    bench.send(0.9, spans=[Span("cart", SpanKind.CLIENT, 0.1, 0.2, 1, peer="bank")])
    bench.close(1)
    assert bench.has("cart", SILENCE)
    assert not bench.has("bank", SILENCE)
