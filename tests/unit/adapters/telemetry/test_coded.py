"""Rows in 8 or 16 bits a value: none is told less exactly than is promised, and what cannot be told stays as it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from akeso.adapters.telemetry.coded import CHANGE_SHARE, CHUNK, VALUE_SHARE, Coded, coded
from akeso.adapters.telemetry.panes import Panes
from akeso.domain.telemetry.batches import Floats
from akeso.domain.telemetry.positions import Singles

RANDOM = np.random.default_rng(3)
LEVELS = np.array(10.0 * (1.0 + 0.1 * RANDOM.standard_normal((CHUNK, 8))), np.float32)


def told(singles: Singles) -> Floats:
    found = coded(singles)
    return found.read(slice(None)) if isinstance(found, Coded) else found.astype(np.float64)


def bound(x: Floats) -> Floats:
    """How far values may be off that are all finite, 0 where something is missing."""
    usual = np.sort(np.abs(np.diff(x, axis=0)), axis=0)[(CHUNK - 2) // 2]
    return np.where(usual > 0.0, CHANGE_SHARE * usual, VALUE_SHARE * np.abs(x))


@given(
    arrays(np.float32, st.tuples(st.just(CHUNK), st.integers(1, 6)), elements=st.floats(width=32), fill=st.nothing())
)
def test_no_value_is_off_by_more_than_a_share_of_the_usual_change_or_else_of_itself(singles: Singles) -> None:
    x, found = singles.astype(np.float64), told(singles)
    known = np.isfinite(x)
    np.testing.assert_array_equal(found[~known], x[~known])
    x = np.where(known, x, 0.0)
    change = np.abs(np.diff(x, axis=0)) * (known[1:] & known[:-1])
    usual = np.sort(change, axis=0)[(CHUNK - 2) // 2]
    bound = np.where(usual > 0.0, CHANGE_SHARE * usual, VALUE_SHARE * np.abs(x))
    assert (np.abs(found - x) <= bound)[known].all()


@given(st.lists(st.integers(-30_000, 30_000), min_size=CHUNK, max_size=CHUNK))
def test_whole_numbers_and_zeros_are_kept_exactly(numbers: list[int]) -> None:
    singles = np.array(numbers, np.float32)[:, None]
    assert told(singles)[:, 0].tolist() == numbers


@pytest.mark.parametrize("value", [0.0, 0.3, -7.25, 1e-3, 3.4e38, 123_456_789.0])
def test_a_constant_is_kept_exactly_with_its_gaps(value: float) -> None:
    singles = np.full((CHUNK, 1), value, np.float32)
    singles[::3] = np.nan
    np.testing.assert_array_equal(told(singles), singles)


def test_small_values_beside_a_spike_are_not_lost() -> None:
    spiked = LEVELS.copy()
    spiked[7, 2], spiked[9, 5] = 1e6, np.inf
    found = coded(spiked)
    assert isinstance(found, Coded)
    assert found.exact.tolist() == [2, 5]
    np.testing.assert_array_equal(found.read(np.array([2, 5], np.int32)), spiked[:, [2, 5]])
    others = np.delete(spiked.astype(np.float64), 5, axis=1)
    assert (np.abs(np.delete(found.read(slice(0, 8)), 5, axis=1) - others) <= bound(others)).all()


def test_noise_is_not_lost_behind_a_step_between_two_levels() -> None:
    noisy = LEVELS.copy()
    noisy[15:, 4] += 1e6
    found = coded(noisy)
    assert isinstance(found, Coded)
    assert found.exact.tolist() == [4]


def test_what_is_mostly_zero_is_coded_nevertheless() -> None:
    rare = np.zeros((CHUNK, 2), np.float32)
    rare[3], rare[20] = 0.1, 0.7
    found = coded(rare)
    assert isinstance(found, Coded)
    assert not len(found.exact)
    np.testing.assert_allclose(found.read(slice(None)), rare, rtol=VALUE_SHARE)


def test_where_most_columns_have_to_stay_exact_nothing_is_coded() -> None:
    spiked = LEVELS.copy()
    spiked[3] = 1e6
    assert coded(spiked) is spiked


def test_ordinary_values_take_a_quarter_of_the_bytes() -> None:
    found = coded(LEVELS)
    assert isinstance(found, Coded)
    assert (found.low.nbytes, len(found.wide), len(found.exact)) == (LEVELS.nbytes // 4, 0, 0)


def test_a_rise_larger_than_its_noise_and_large_whole_numbers_take_half_of_the_bytes() -> None:
    mixed = LEVELS.copy()
    mixed[:, 1] += 10.0 * np.arange(CHUNK)
    mixed[:, 6] = RANDOM.integers(0, 5_000, CHUNK)
    mixed[4, 1] = mixed[5, 3] = np.nan
    found = coded(mixed)
    assert isinstance(found, Coded)
    assert (found.wide.tolist(), len(found.exact)) == ([1, 6], 0)
    np.testing.assert_array_equal(found.read(np.array([6, 7], np.int32))[:, 0], mixed[:, 6])
    np.testing.assert_array_equal(np.isnan(found.read(slice(None))), np.isnan(mixed))


def test_panes_hold_the_newest_rows_exactly_and_older_ones_closely() -> None:
    panes, slots, series = Panes(150), 150, 2_500
    rows = RANDOM.lognormal(3.0, 1.5, series) * (1.0 + 0.1 * RANDOM.standard_normal((400, series)))
    for number, row in enumerate(rows):
        panes.write(number, row)
    numbers, columns = np.arange(400 - slots, 400, dtype=np.int32), np.arange(0, series, 3, dtype=np.int32)
    found, true = panes.read(numbers, columns), rows[numbers][:, columns]
    # Half of the usual change is the least that thirty of these values have.
    assert (np.abs(found - true) <= 2.0 * CHANGE_SHARE * np.median(np.abs(np.diff(true, axis=0)), axis=0)).all()
    newest = rows[-CHUNK:, columns].astype(np.float32)
    np.testing.assert_array_equal(found[-CHUNK:], newest)
