"""Log records become rates and patterns."""

import math

from akeso.domain.telemetry.signal import LOG_ERROR_RATE, LOG_NEW_TEMPLATES, LOG_RATE
from akeso.testing.feature_bench import FeatureBench


def test_records_and_errors_are_counted_per_second(bench: FeatureBench) -> None:
    bench.log(0.5, "order 1 placed", "order 2 placed", "order 3 placed")
    bench.log(0.6, "payment refused", severity=17)
    bench.log(1.5, "order 4 placed")
    bench.close(2)
    assert [bench.value(end, "cart", LOG_RATE) for end in (1, 2)] == [4.0, 1.0]
    assert [bench.value(end, "cart", LOG_ERROR_RATE) for end in (1, 2)] == [1.0, 0.0]


def test_a_service_that_stops_logging_has_a_rate_of_zero(bench: FeatureBench) -> None:
    bench.log(0.5, "order 1 placed")
    bench.log(2.5, "hello", service="stock")
    bench.close(2)
    assert bench.value(2, "cart", LOG_RATE) == 0.0
    bench.close(5)
    assert math.isnan(bench.value(5, "cart", LOG_RATE))


def test_new_templates_count_once_the_service_is_known(bench: FeatureBench) -> None:
    for second in range(33):
        bench.log(second + 0.5, f"order {second} placed")
    bench.log(33.5, "connection pool exhausted: 8 of 8", "connection pool exhausted: 7 of 8", severity=17)
    bench.log(34.5, "connection pool exhausted: 9 of 9", severity=17)
    bench.close(35)
    novelty = [bench.value(end, "cart", LOG_NEW_TEMPLATES) for end in (1, 33, 34, 35)]
    assert novelty == [0.0, 0.0, 1.0, 0.0]


def test_patterns_hold_the_template_its_worst_severity_and_an_example(bench: FeatureBench) -> None:
    bench.log(0.3, "order 17 placed", "order 18 placed")
    bench.log(0.5, "order 19 placed", severity=17)
    bench.close(1)
    ((pattern, count),) = bench.closed[-1].patterns
    assert (pattern.service, pattern.template, pattern.severity, count) == ("cart", "order <*> placed", 17, 3)
    assert pattern.example == "order 17 placed"


def test_a_block_that_is_sent_again_is_not_counted_again(bench: FeatureBench) -> None:
    bench.log(0.5, "order 1 placed", "order 2 placed")
    bench.log(0.5, "order 1 placed", "order 2 placed")
    bench.close(1)
    assert bench.value(1, "cart", LOG_RATE) == 2.0


def test_a_flood_of_statements_in_one_block_keeps_their_number(bench: FeatureBench) -> None:
    letters = [chr(97 + number // 26) + chr(97 + number % 26) for number in range(26 * 26)]
    bench.log(0.5, *(f"{one}{other} happened" for one in letters for other in letters[:3]))
    bench.close(1)
    assert bench.value(1, "cart", LOG_RATE) == 3.0 * len(letters)
    assert sum(count for _, count in bench.closed[-1].patterns) >= 900
    assert all(pattern.example for pattern, _ in bench.closed[-1].patterns)
