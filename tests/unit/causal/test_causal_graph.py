"""What graphs tell: adjustment sets, extensions, orders, rules of orientation, background from calls."""

import numpy as np
import pytest

from akeso.bench.datasets.random_dags import equivalence_class, random_model
from akeso.causal.background import of_calls
from akeso.causal.graph import (
    Adjustment,
    CausalGraph,
    NoEffect,
    Unidentified,
    acyclic,
    adjustment,
    structural_hamming_distance,
    topological_order,
)
from akeso.causal.orientation import Orientation
from akeso.domain.estate.topology import Edge, Topology


def graph(variables: int, *directed: tuple[int, int], undirected: tuple[tuple[int, int], ...] = ()) -> CausalGraph:
    d, u = np.zeros((2, variables, variables), bool)
    for i, j in directed:
        d[i, j] = True
    for i, j in undirected:
        u[i, j] = u[j, i] = True
    return CausalGraph(d, u)


def oriented(start: CausalGraph) -> CausalGraph:
    """What Meek's rules make of a partially directed graph."""
    orientation = Orientation(start.adjacent, start.adjacent)
    orientation.point(start.directed)
    orientation.close()
    return orientation.graph


def test_a_confounder_is_adjusted_for_and_a_mediator_is_not() -> None:
    # 0 confounds 1 → 2 → 3
    assert adjustment(graph(4, (0, 1), (0, 3), (1, 2), (2, 3)), 1, 3) == Adjustment(frozenset({0}))


def test_a_collider_is_left_alone() -> None:
    assert adjustment(graph(3, (0, 1), (0, 2), (1, 2)), 0, 1) == Adjustment(frozenset())


def test_other_causes_of_the_outcome_sharpen_the_estimate() -> None:
    assert adjustment(graph(3, (0, 1), (2, 1)), 0, 1) == Adjustment(frozenset({2}))


def test_without_a_directed_path_there_is_no_effect() -> None:
    assert adjustment(graph(3, (0, 1), (0, 2)), 1, 2) == NoEffect()


def test_an_open_edge_at_the_treatment_is_not_guessed() -> None:
    assert adjustment(graph(3, (1, 2), undirected=((0, 1),)), 1, 2) == Unidentified(frozenset({0}))


@pytest.mark.parametrize(
    ("start", "follows"),
    [
        (graph(3, (0, 1), undirected=((1, 2),)), (1, 2)),
        (graph(3, (0, 1), (1, 2), undirected=((0, 2),)), (0, 2)),
        (graph(4, (2, 1), (3, 1), undirected=((0, 1), (0, 2), (0, 3))), (0, 1)),
        (graph(4, (3, 2), (2, 1), undirected=((0, 1), (0, 2), (0, 3))), (0, 1)),
    ],
    ids=["chain", "cycle", "fork", "detour"],
)
def test_each_rule_of_meek_points_an_edge(start: CausalGraph, follows: tuple[int, int]) -> None:
    assert not start.directed[follows]
    assert oriented(start).directed[follows]


def test_arrows_that_contradict_each_other_change_nothing() -> None:
    start = graph(2, undirected=((0, 1),))
    orientation = Orientation(start.adjacent, start.adjacent)
    assert not orientation.point(np.array([[False, True], [True, False]]))
    assert orientation.graph.undirected[0, 1]


def test_no_arrow_closes_a_cycle() -> None:
    start = graph(3, undirected=((0, 1), (1, 2), (0, 2)))
    orientation = Orientation(start.adjacent, start.adjacent)
    orientation.point(graph(3, (0, 1), (1, 2), (2, 0)).directed)
    assert orientation.graph.directed.sum() == 2


@pytest.mark.parametrize("seed", range(8))
def test_an_extension_stays_in_its_equivalence_class(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pattern = equivalence_class(random_model(12, 3.0, rng).graph)
    extended = acyclic(pattern)
    assert not extended.undirected.any()
    assert len(topological_order(extended)) == 12
    assert structural_hamming_distance(equivalence_class(extended), pattern) == 0


def test_an_order_of_a_cycle_does_not_exist() -> None:
    with pytest.raises(ValueError, match="cycle"):
        topological_order(graph(2, (0, 1), (1, 0)))


def test_the_distance_counts_each_pair_once() -> None:
    one = graph(4, (0, 1), (1, 2), undirected=((2, 3),))
    other = graph(4, (1, 0), (1, 2), (0, 3))
    assert structural_hamming_distance(one, other) == 3  # turned, missing, extra


def test_waiting_travels_up_the_calls_work_down_and_queues_carry_work_alone() -> None:
    calls = Topology((Edge("web", "shop"), Edge("shop", "mail", asynchronous=True)))
    services = ["web", "web", "shop", "shop", "mail", "mail"]
    allowed = of_calls(services, [True, False] * 3, calls).allowed
    rate, wait = {"web": 0, "shop": 2, "mail": 4}, {"web": 1, "shop": 3, "mail": 5}
    assert allowed[wait["shop"], wait["web"]]
    assert not allowed[wait["web"], wait["shop"]]
    assert allowed[rate["web"], rate["shop"]]
    assert not allowed[rate["shop"], rate["web"]]
    assert allowed[rate["shop"], rate["mail"]]
    assert not allowed[wait["mail"], wait["shop"]]
    assert allowed[rate["shop"], wait["shop"]]
    assert not allowed[wait["mail"], wait["web"]]
