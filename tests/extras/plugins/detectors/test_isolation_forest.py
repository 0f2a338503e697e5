"""The forest beside scikit-learn's own answer."""

import numpy as np
from sklearn.ensemble import IsolationForest

from akeso.plugins.detectors.isolation_forest import Forest


def test_heights_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    fitted = IsolationForest(n_estimators=20, random_state=1).fit(random.normal(100.0, 20.0, (200, 6)))
    others = random.normal(110.0, 25.0, (50, 6))
    np.testing.assert_allclose(Forest(fitted).heights(others), -fitted.score_samples(others), rtol=1e-6)
