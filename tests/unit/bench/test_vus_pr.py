"""VUS-PR against a literal, slow computation of its definition."""

import numpy as np
import pytest

from akeso.bench.nab.vus import faded, period, vus_pr
from akeso.domain.telemetry.batches import Floats

WINDOWS = ((20, 24), (31, 33), (70, 79))


def slow(scores: Floats, windows: tuple[tuple[int, int], ...], buffer: int) -> float:
    areas = []
    for length in range(buffer + 1):
        label = [0.0] * len(scores)
        ranges: list[list[int]] = []
        for start, end in windows:
            for row in range(max(start - length // 2, 0), min(end + length // 2, len(scores) - 1) + 1):
                away = max(start - row, row - end, 0)
                label[row] = min(label[row] + ((1 - away / length) ** 0.5 if away else 1.0), 1.0)
            low, high = max(start - length // 2, 0), min(end + length // 2, len(scores) - 1)
            if ranges and low <= ranges[-1][1]:
                ranges[-1][1] = high
            else:
                ranges.append([low, high])
        core = {row for start, end in windows for row in range(start, end + 1)}
        area, last = 0.0, 0.0
        for cut in sorted(scores, reverse=True):
            said = [row for row, score in enumerate(scores) if score >= cut]
            true = sum(label[row] for row in said)
            extended = sum(label[row] for row in said if row not in core) + len(core)
            met = sum(any(low <= row <= high for row in said) for low, high in ranges) / len(ranges)
            recall = min(true / ((len(core) + extended) / 2), 1.0) * met
            area += (recall - last) * true / len(said)
            last = recall
        areas.append(area)
    return sum(areas) / len(areas)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_the_definition_says(seed: int) -> None:
    scores = np.round(np.random.default_rng(seed).random(100), 1 + seed % 2)  # with ties
    assert vus_pr(scores, WINDOWS, 12, thresholds=100) == pytest.approx(slow(scores, WINDOWS, 12))


def test_perfect_scores_without_a_buffer_fill_the_area() -> None:
    assert vus_pr(faded(100, WINDOWS, 0), WINDOWS, 0) == pytest.approx(1.0)


def test_by_hand_one_hit_of_two_rows() -> None:
    # Cuts 0.9, 0.8 (a false one), 0.7: recall 1/2, 1/2, 1 at precision 1, 1/2, 2/3; then nothing more to win.
    scores = np.array([0.0, 0.8, 0.0, 0.9, 0.7])
    assert vus_pr(scores, ((3, 4),), 0, thresholds=5) == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_a_label_fades_with_the_root_of_the_distance() -> None:
    assert faded(9, ((4, 4),), 4).tolist() == pytest.approx([0, 0, 0.5**0.5, 0.75**0.5, 1, 0.75**0.5, 0.5**0.5, 0, 0])


def test_the_period_is_found() -> None:
    assert period(np.sin(np.arange(3000) * 2 * np.pi / 48)) == 48


def test_a_series_without_a_period_gets_the_usual_buffer() -> None:
    assert period(np.arange(1000.0)) == 125
