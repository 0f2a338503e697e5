import numpy as np
import pytest

from akeso.stages.detection.false_discovery import discovered, highest_p


def test_the_step_up_procedure_as_its_authors_worked_it_out() -> None:
    # Benjamini & Hochberg (1995), section 3.2: fifteen p-values; at 5 % the four smallest are rejected.
    small = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    p = [*small, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert highest_p(np.array(p), 0.05) == pytest.approx(0.0095)


def test_nothing_is_rejected_among_ordinary_series() -> None:
    assert highest_p(np.linspace(0.05, 1.0, 20), 0.1) == 0.0


def test_the_share_of_normal_series_among_the_discovered_is_kept() -> None:
    random, shares = np.random.default_rng(3), []
    for _ in range(400):
        p = np.concatenate([random.uniform(size=90), random.uniform(size=10) * 1e-4])
        passed = np.flatnonzero(discovered(np.ones(100, bool), p, np.zeros(100, np.int32), 0.1))
        shares.append(np.mean(passed < 90))
    assert 0.04 < np.mean(shares) < 0.11


def test_families_are_judged_apart() -> None:
    p = np.array([1e-3, 0.9, 0.04, 0.9, 0.9])
    family = np.array([0, 0, 1, 1, 1], np.int32)
    assert discovered(np.ones(5, bool), p, family, 0.1).tolist() == [True, False, False, False, False]


def test_only_candidates_pass_and_what_has_no_p_value_does() -> None:
    p = np.array([1e-6, 1e-6, np.nan, 0.5])
    candidates = np.array([True, False, True, True])
    assert discovered(candidates, p, np.zeros(4, np.int32), 0.1).tolist() == [True, False, True, False]
