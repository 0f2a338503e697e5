"""Drift statistics beside SciPy's."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance

from akeso.stages.model.drift import drift


@pytest.mark.parametrize("seed", range(5))
def test_every_feature_at_once_agrees_with_scipy_one_by_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    reference = random.normal(size=(120, 8)).round(1)  # with ties
    recent = (random.normal(size=(45, 8)) * np.linspace(0.5, 2, 8) + np.linspace(0, 1, 8)).round(1)
    reference[random.random(reference.shape) < 0.1] = np.nan
    recent[random.random(recent.shape) < 0.1] = np.nan
    found = drift(reference, recent, bins=10)
    for column in range(8):
        old = reference[np.isfinite(reference[:, column]), column]
        new = recent[np.isfinite(recent[:, column]), column]
        assert found.ks[column] == pytest.approx(stats.ks_2samp(old, new).statistic)
        edges = np.sort(old)[np.ceil(np.arange(1, 10) * len(old) / 10).astype(int) - 1]
        p, q = (np.bincount(np.searchsorted(edges, x), minlength=10) / len(x) for x in (old, new))
        assert found.js[column] == pytest.approx(distance.jensenshannon(p, q, base=2) ** 2)
