"""Topology from elsewhere than spans, each edge with its freshness."""

from pathlib import Path

import pytest

from akeso.config.topology_file import load_topology
from akeso.domain.errors import InvalidSettings
from akeso.domain.estate.topology import Edge, Topology
from akeso.stages.features.declared_topology import DeclaredTopology

FORGET = 100
SEEN = Topology((Edge("cart", "stock", asynchronous=True, rate=5.0, last_seen=900),), frozenset({"cart", "stock"}))


@pytest.fixture
def told() -> DeclaredTopology:
    return DeclaredTopology(FORGET)


def pairs(graph: Topology) -> set[tuple[str, str]]:
    return {(edge.caller, edge.callee) for edge in graph.edges}


def test_without_anything_told_the_picture_is_that_of_spans(told: DeclaredTopology) -> None:
    assert told.joined("acme", SEEN, 1000) is SEEN


def test_spans_tell_the_rate_and_whoever_saw_it_last_tells_when(told: DeclaredTopology) -> None:
    told.learn("acme", [Edge("cart", "stock", rate=1.0, last_seen=950), Edge("cart", "bank", rate=2.0, last_seen=950)])
    graph = told.joined("acme", SEEN, 1000)
    assert set(graph.edges) == {
        Edge("cart", "stock", asynchronous=True, rate=5.0, last_seen=950),
        Edge("cart", "bank", rate=2.0, last_seen=950),
    }
    assert graph.services == SEEN.services
    assert told.joined("other", SEEN, 1000) is SEEN


def test_learnt_edges_fade_and_come_back(told: DeclaredTopology) -> None:
    told.learn("acme", [Edge("cart", "bank", last_seen=950)])
    assert ("cart", "bank") in pairs(told.joined("acme", SEEN, 1050))
    assert ("cart", "bank") not in pairs(told.joined("acme", SEEN, 1051))
    told.learn("acme", [Edge("cart", "bank", last_seen=1050)])
    told.learn("acme", [Edge("cart", "bank", last_seen=900)])
    assert ("cart", "bank") in pairs(told.joined("acme", SEEN, 1100))


def test_declared_edges_are_as_fresh_as_now(told: DeclaredTopology) -> None:
    told.declare("acme", [Edge("cart", "ledger")])
    for now in (1000, 9000):
        assert Edge("cart", "ledger", last_seen=now) in told.joined("acme", Topology(), now).edges
    told.declare("acme", [])
    assert told.joined("acme", SEEN, 9000) is SEEN


def test_a_file_declares_edges(tmp_path: Path) -> None:
    path = tmp_path / "topology.yaml"
    path.write_text("edges:\n  - {caller: cart, callee: bank}\n  - {caller: a, callee: q, asynchronous: true}\n")
    assert load_topology(path) == (Edge("cart", "bank"), Edge("a", "q", asynchronous=True))
    path.write_text("")
    assert load_topology(path) == ()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("edges: [{caller: a}]", "edges[0].callee"),
        ("edges: [{caller: a, callee: a}]", "edges[0]"),
        ("edges: [{caller: a, callee: b, rate: 3}]", "edges[0].rate"),
        ("edges: [{caller: '', callee: b}]", "edges[0].caller"),
        ("nodes: []", "nodes"),
        ("[", "topology.yaml"),
    ],
)
def test_a_wrong_file_names_the_place(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "topology.yaml"
    path.write_text(text)
    with pytest.raises(InvalidSettings) as wrong:
        load_topology(path)
    assert place in wrong.value.field


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="cannot be read"):
        load_topology(tmp_path / "none.yaml")
