"""PC-stable on samples whose graph is known."""

import time

import numpy as np
import pytest

from akeso.bench.datasets.random_dags import equivalence_class, random_model
from akeso.causal.background import Background
from akeso.causal.correlation import CorrelationOptions, correlate
from akeso.causal.discovery import DiscoveryOptions, discover
from akeso.causal.graph import CausalGraph, structural_hamming_distance
from akeso.domain.telemetry.batches import Floats


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def collider(rng: np.random.Generator, rows: int = 720) -> Floats:
    """0 → 2 ← 1, 2 → 3."""
    x = rng.normal(size=(rows, 4))
    x[:, 2] += x[:, 0] + x[:, 1]
    x[:, 3] += x[:, 2]
    return x


def arrows(graph: CausalGraph) -> set[tuple[int, int, bool]]:
    return set(graph.edges())


COLLIDER = {(0, 2, True), (1, 2, True), (2, 3, True)}


def test_a_collider_and_what_follows_from_it_are_oriented(rng: np.random.Generator) -> None:
    assert arrows(discover(collider(rng))) == COLLIDER


def test_a_chain_stays_undirected(rng: np.random.Generator) -> None:
    x = np.cumsum(rng.normal(size=(720, 3)), axis=1)
    assert arrows(discover(x)) == {(0, 1, False), (1, 2, False)}


def test_monotone_distortion_and_heavy_tails_change_nothing(rng: np.random.Generator) -> None:
    x = np.exp(2.0 * collider(rng))
    x[5, 0] = 1e12
    assert arrows(discover(x)) == COLLIDER
    plain = DiscoveryOptions(correlation=CorrelationOptions(ranked=False))
    assert arrows(discover(x, options=plain)) != COLLIDER


def test_the_order_of_columns_does_not_matter(rng: np.random.Generator) -> None:
    model = random_model(15, 3.0, rng)
    x = model.propagate(rng.normal(size=(400, 15)))
    order = rng.permutation(15)
    one, other = discover(x), discover(x[:, order])
    np.testing.assert_array_equal(one.directed[np.ix_(order, order)], other.directed)
    np.testing.assert_array_equal(one.undirected[np.ix_(order, order)], other.undirected)


def test_gaps_are_left_out_pair_by_pair(rng: np.random.Generator) -> None:
    x = collider(rng, 1500)
    x[rng.random(x.shape) < 0.2] = np.nan
    assert arrows(discover(x)) == COLLIDER


def test_constants_and_empty_columns_stay_alone(rng: np.random.Generator) -> None:
    x = np.column_stack((collider(rng), np.full(720, 3.7), np.full(720, np.nan)))
    assert arrows(discover(x)) == COLLIDER


def test_a_copy_hangs_on_its_original(rng: np.random.Generator) -> None:
    x = collider(rng)
    x = np.column_stack((x, 5.0 - 2.0 * x[:, 3]))
    assert arrows(discover(x)) == COLLIDER | {(3, 4, True)}


def test_a_sum_of_others_keeps_its_summands(rng: np.random.Generator) -> None:
    x = rng.normal(size=(720, 3))
    x[:, 2] = x[:, 0] + x[:, 1]
    assert arrows(discover(x)) == {(0, 2, True), (1, 2, True)}


@pytest.mark.parametrize("rows", [0, 1, 3, 5])
def test_few_samples_claim_nothing(rng: np.random.Generator, rows: int) -> None:
    assert arrows(discover(rng.normal(size=(rows, 4)))) == set()


def test_ties_are_no_trouble(rng: np.random.Generator) -> None:
    counts = rng.poisson(3.0, size=(720, 2)).astype(float)
    x = np.column_stack((counts, counts.sum(axis=1) + rng.poisson(2.0, 720)))
    assert arrows(discover(x)) == {(0, 2, True), (1, 2, True)}


def test_false_edges_are_as_rare_as_p_says(rng: np.random.Generator) -> None:
    edges = sum(discover(rng.normal(size=(300, 40))).adjacent.sum() // 2 for _ in range(5))
    assert 0.004 < edges / (5 * 780) < 0.018


def test_slow_columns_need_the_serial_count(rng: np.random.Generator) -> None:
    x = rng.normal(size=(720, 12))
    for row in range(1, len(x)):
        x[row] += 0.95 * x[row - 1]
    naive = discover(x)
    careful = discover(x, options=DiscoveryOptions(correlation=CorrelationOptions(serial=True)))
    assert naive.adjacent.sum() > 20
    assert careful.adjacent.sum() <= 4


def test_required_edges_stay_and_forbidden_ones_never_appear(rng: np.random.Generator) -> None:
    known = Background.nothing(4).forbid([(2, 3), (3, 2)]).require([(3, 0)])
    graph = discover(collider(rng), known)
    assert (3, 0, True) in arrows(graph)
    assert not graph.adjacent[2, 3]


def test_tiers_orient_what_samples_cannot(rng: np.random.Generator) -> None:
    x = np.cumsum(rng.normal(size=(720, 3)), axis=1)
    graph = discover(x, Background.nothing(3).ordered([1, 0, 1]))
    assert arrows(graph) == {(1, 0, True), (1, 2, True)}


def test_large_graphs_are_found_about_right_and_in_time(rng: np.random.Generator) -> None:
    model = random_model(100, 3.0, rng)
    x = model.propagate(rng.normal(size=(720, 100)))
    began = time.thread_time()
    graph = discover(x)
    assert time.thread_time() - began < 1.0  # 0.05 s on a free core
    truth = equivalence_class(model.graph)
    assert structural_hamming_distance(graph, truth) < 0.35 * truth.adjacent.sum() / 2


def test_an_indefinite_matrix_is_repaired() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(30, 12)).cumsum(axis=0)
    x[rng.random(x.shape) < 0.6] = np.nan
    found = correlate(x)
    assert np.linalg.eigvalsh(found.matrix)[0] > 0
    np.testing.assert_allclose(np.diag(found.matrix), 1.0)


def test_time_is_bounded_where_one_thing_drives_everything(rng: np.random.Generator) -> None:
    x = rng.normal(size=(720, 1)) + rng.normal(size=(720, 60))
    began = time.thread_time()
    graph = discover(x, options=DiscoveryOptions(most_tests=2000))
    assert time.thread_time() - began < 1.0
    assert graph.adjacent.any()


@pytest.mark.parametrize("variables", [0, 1])
def test_hardly_any_variables_make_no_graph(rng: np.random.Generator, variables: int) -> None:
    assert discover(rng.normal(size=(50, variables))).adjacent.shape == (variables, variables)
