"""What the names of series say: found in any order, however the table grows."""

from hypothesis import given
from hypothesis import strategies as st

from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import EDGE_MEAN, EDGE_RATE, RED_MEAN, RED_RATE
from akeso.stages.detection.series_facts import FactsTable

PAIRS = [
    *((SeriesKey("t", f"s{n}", RED_MEAN), SeriesKey("t", f"s{n}", RED_RATE)) for n in range(3)),
    (SeriesKey("t", "s0", EDGE_MEAN, (("peer", "s1"),)), SeriesKey("t", "s0", EDGE_RATE, (("peer", "s1"),))),
    (SeriesKey("t", "s1", "took", stat="mean"), SeriesKey("t", "s1", "took", unit="1/s", stat="rate")),
    (SeriesKey("u", "s1", "took", stat="p95"), SeriesKey("u", "s1", "took", unit="1/s", stat="rate")),
]
ALONE = [SeriesKey("t", "s2", "took", stat="mean"), SeriesKey("t", "s9", RED_RATE), SeriesKey("t", "s0", "cpu")]
KEYS = [*(key for pair in PAIRS for key in pair), *ALONE]


@given(st.permutations(KEYS), st.integers(1, len(KEYS)))
def test_a_value_knows_the_row_that_counts_its_calls(keys: list[SeriesKey], step: int) -> None:
    table = SeriesTable(keys)
    facts = FactsTable(table)
    for size in [*range(step, len(keys), step), len(keys)]:
        calls = facts.first(size).calls.tolist()
        rate_of = {value: table.find(rate) for value, rate in PAIRS}
        expected = [rate_of.get(key) for key in keys[:size]]
        assert calls == [-1 if row is None or row >= size else row for row in expected]


def test_of_two_rates_of_one_place_the_later_one_counts() -> None:
    rates = [SeriesKey("t", "s", "took", unit=unit, stat="rate") for unit in ("1/s", "1/min")]
    facts = FactsTable(SeriesTable([*rates, SeriesKey("t", "s", "took", stat="mean")]))
    assert facts.first(3).calls.tolist() == [-1, -1, 1]
