"""Anomalies whose source is known, traced back through a linear structural model."""

import numpy as np
import pytest

from akeso.bench.datasets.random_dags import LinearModel, random_model
from akeso.causal.graph import CausalGraph
from akeso.causal.structural import attribute, fit, outlier_contributions
from akeso.domain.telemetry.batches import Floats

CHAIN = LinearModel(np.array([[0.0, 0.8, 0.0], [0.0, 0.0, 0.5], [0.0, 0.0, 0.0]]))


def heavy(rng: np.random.Generator, rows: int, variables: int) -> Floats:
    return rng.standard_t(3, size=(rows, variables))


def test_the_variable_whose_noise_jumped_leads() -> None:
    rng, found = np.random.default_rng(1), 0
    for _ in range(20):
        model = random_model(20, 3.0, rng)
        effects = np.linalg.inv(np.eye(20) - model.weights)
        target = int(np.argmax((np.abs(effects) > 0.2).sum(axis=0)))
        root = int(rng.choice(np.flatnonzero(np.abs(effects[:, target]) > 0.2)))
        noise = heavy(rng, 5, 20)
        noise[:, root] += 15.0
        learnt = fit(model.propagate(heavy(rng, 500, 20)), model.graph)
        found += attribute(learnt, model.propagate(noise), target)[0].variable == root
    assert found >= 19


def test_amounts_of_one_row_add_up_to_the_deviation() -> None:
    rng = np.random.default_rng(2)
    normal = CHAIN.propagate(heavy(rng, 500, 3))
    learnt = fit(normal, CHAIN.graph)
    row = CHAIN.propagate(np.array([[9.0, -1.0, 2.0]]))
    usual = learnt.baseline @ learnt.total_effects()
    amounts = sum(each.amount for each in attribute(learnt, row, 2))
    assert amounts == pytest.approx(row[0, 2] - usual[2])


def test_a_drop_is_attributed_like_a_rise() -> None:
    rng = np.random.default_rng(3)
    learnt = fit(CHAIN.propagate(heavy(rng, 500, 3)), CHAIN.graph)
    first = attribute(learnt, CHAIN.propagate(np.array([[0.0, -12.0, 0.0]])), 2)[0]
    assert first.variable == 1
    assert first.amount < 0 < first.share
    assert first.surprise > 4


def test_only_ancestors_are_named() -> None:
    learnt = fit(CHAIN.propagate(heavy(np.random.default_rng(4), 500, 3)), CHAIN.graph)
    assert {each.variable for each in attribute(learnt, np.full((1, 3), 5.0), 1)} == {0, 1}


def test_heavy_tails_do_not_bend_the_slopes() -> None:
    rng = np.random.default_rng(5)
    normal = CHAIN.propagate(heavy(rng, 500, 3))
    normal[7, 1], normal[8, 2] = 1e6, -1e6
    learnt = fit(normal, CHAIN.graph)
    np.testing.assert_allclose(learnt.weights, CHAIN.weights, atol=0.12)


def test_gaps_and_constants_give_finite_answers() -> None:
    rng = np.random.default_rng(6)
    normal = CHAIN.propagate(heavy(rng, 500, 3))
    normal[rng.random(normal.shape) < 0.1] = np.nan
    normal[:, 0] = 4.0
    found = attribute(fit(normal, CHAIN.graph), np.array([[np.nan, 20.0, 3.0]]), 2)
    assert all(np.isfinite([each.amount, each.share, each.surprise]).all() for each in found)


def test_a_variable_with_hardly_any_rows_gets_no_parents() -> None:
    learnt = fit(CHAIN.propagate(heavy(np.random.default_rng(7), 5, 3)), CHAIN.graph)
    assert not learnt.weights.any()


def test_shapley_values_add_up_to_the_outlier_score() -> None:
    rng = np.random.default_rng(8)
    learnt = fit(CHAIN.propagate(rng.normal(size=(800, 3))), CHAIN.graph)
    shares = outlier_contributions(learnt, CHAIN.propagate(np.array([[0.2, 9.0, 0.1]])), 2, rng)
    assert max(shares, key=lambda each: shares[each]) == 1
    assert sum(shares.values()) == pytest.approx(np.log(8001.0), abs=1.0)


def test_two_sources_share_the_blame() -> None:
    rng = np.random.default_rng(9)
    both = LinearModel(np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]))
    learnt = fit(both.propagate(rng.normal(size=(800, 3))), both.graph)
    shares = outlier_contributions(learnt, both.propagate(np.array([[2.0, 2.0, 0.0]])), 2, rng)
    assert shares[0] == pytest.approx(shares[1], rel=0.25)
    assert shares[2] < 0.2 * shares[0]


def test_without_edges_the_target_stands_alone() -> None:
    apart = CausalGraph(np.zeros((2, 2), bool), np.zeros((2, 2), bool))
    learnt = fit(np.random.default_rng(10).normal(size=(100, 2)), apart)
    (only,) = attribute(learnt, np.array([[0.0, 9.0]]), 1)
    assert (only.variable, only.share) == (1, 1.0)


def test_without_rows_nothing_is_said_to_have_moved() -> None:
    learnt = fit(np.empty((0, 3)), CHAIN.graph)
    assert {each.amount for each in attribute(learnt, np.empty((0, 3)), 2)} == {0.0}
