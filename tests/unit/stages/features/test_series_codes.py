"""What is known of series, by batch."""

import numpy as np

from akeso.stages.features.series_codes import SeriesCodes


def test_each_value_is_told_once_and_each_series_asked_for_once() -> None:
    asked: list[int] = []

    def service(series: int) -> str | None:
        asked.append(series)
        return None if series == 3 else f"service {series % 2}"

    codes = SeriesCodes(service)
    assert codes.of(np.empty(0, np.int32)) == []
    assert codes.of(np.array([5, 5, 3, 7], np.int32)) == ["service 1"]
    assert codes.of(np.array([3], np.int32)) == []
    assert codes.of(np.array([4, 5, 5000], np.int32)) == ["service 1", "service 0"]
    assert asked == [3, 5, 7, 4, 5000]
