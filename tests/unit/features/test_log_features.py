"""Log records become rates and patterns."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akeso.domain.errors import InvalidInput
from akeso.domain.signal import LOG_ERROR_RATE, LOG_NEW_TEMPLATES, LOG_RATE
from akeso.stages.templates import TemplateMiner, masked


def test_records_and_errors_are_counted_per_second(bench: Any) -> None:
    bench.log(0.5, "order 1 placed", "order 2 placed", "order 3 placed")
    bench.log(0.6, "payment refused", severity=17)
    bench.log(1.5, "order 4 placed")
    bench.close(2)
    assert [bench.value(end, "cart", LOG_RATE) for end in (1, 2)] == [4.0, 1.0]
    assert [bench.value(end, "cart", LOG_ERROR_RATE) for end in (1, 2)] == [1.0, 0.0]


def test_a_service_that_stops_logging_has_a_rate_of_zero(bench: Any) -> None:
    bench.log(0.5, "order 1 placed")
    bench.log(2.5, "hello", service="stock")
    bench.close(2)
    assert bench.value(2, "cart", LOG_RATE) == 0.0
    bench.close(5)
    assert math.isnan(bench.value(5, "cart", LOG_RATE))


def test_new_templates_count_once_the_service_is_known(bench: Any) -> None:
    for second in range(33):
        bench.log(second + 0.5, f"order {second} placed")
    bench.log(33.5, "connection pool exhausted: 8 of 8", "connection pool exhausted: 7 of 8", severity=17)
    bench.log(34.5, "connection pool exhausted: 9 of 9", severity=17)
    bench.close(35)
    novelty = [bench.value(end, "cart", LOG_NEW_TEMPLATES) for end in (1, 33, 34, 35)]
    assert novelty == [0.0, 0.0, 1.0, 0.0]


def test_patterns_hold_the_template_its_worst_severity_and_an_example(bench: Any) -> None:
    bench.log(0.3, "order 17 placed", "order 18 placed")
    bench.log(0.5, "order 19 placed", severity=17)
    bench.close(1)
    ((pattern, count),) = bench.closed[-1].patterns
    assert (pattern.service, pattern.template, pattern.severity, count) == ("cart", "order <*> placed", 17, 3)
    assert pattern.example == "order 17 placed"


def test_a_block_that_is_sent_again_is_not_counted_again(bench: Any) -> None:
    bench.log(0.5, "order 1 placed", "order 2 placed")
    bench.log(0.5, "order 1 placed", "order 2 placed")
    bench.close(1)
    assert bench.value(1, "cart", LOG_RATE) == 2.0


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("took 12.5ms for order=4711", "took <*> for order=<*>"),
        ("peer 10.0.0.7:5432 refused", "peer <*> refused"),
        ("id 550e8400-e29b-41d4-a716-446655440000 gone", "id <*> gone"),
        ("key session:9f3adeadbeef state=xxx", "key <*> state=xxx"),
        ("hash deadbeefcafe ok", "hash <*> ok"),
        ("could not reach bank", "could not reach bank"),
    ],
)
def test_variable_words_are_masked(line: str, shape: str) -> None:
    assert masked(line) == shape


def test_lines_of_one_shape_share_a_template_that_generalises() -> None:
    miner = TemplateMiner()
    first = miner.learn("user alice logged in from berlin")
    assert miner.learn("user bob logged in from rome") == first
    assert miner.learn("disk is full") != first
    assert miner[first].text == "user <*> logged in from <*>"


def test_the_miner_forgets_what_is_unused_for_longest() -> None:
    miner = TemplateMiner(most=3)
    numbers = [miner.learn(f"{word} happened") for word in ("start", "stop", "crash")]
    miner.learn("start happened")
    newest = miner.learn("flood happened")
    assert len(miner) == 3
    assert numbers[1] not in miner
    assert numbers[0] in miner
    assert newest == 3
    assert miner.learn("stop happened") == 4


@given(st.lists(st.text(min_size=0, max_size=60), max_size=60))
def test_a_restored_miner_goes_on_like_the_one_before(lines: list[str]) -> None:
    miner = TemplateMiner(most=10)
    for line in lines:
        miner.learn(line)
    other = TemplateMiner.restored(miner.snapshot())
    assert [miner.learn(line) for line in lines] == [other.learn(line) for line in lines]
    assert len(miner) <= 10


def test_a_broken_snapshot_is_refused() -> None:
    with pytest.raises(InvalidInput):
        TemplateMiner.restored('{"similarity": 0.5}')
