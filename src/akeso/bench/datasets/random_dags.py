"""Linear structural models with a known graph, as material to measure causal discovery on."""

from dataclasses import dataclass

import numpy as np

from akeso.causal.graph import CausalGraph
from akeso.causal.orientation import Orientation
from akeso.domain.telemetry.batches import Floats


@dataclass(frozen=True, slots=True, eq=False)
class LinearModel:
    """weights: float64[n, n], [i, j] is what one unit of i adds to j; variables are in causal order."""

    weights: Floats

    @property
    def graph(self) -> CausalGraph:
        return CausalGraph(self.weights != 0.0, np.zeros(self.weights.shape, bool))

    def propagate(self, noise: Floats) -> Floats:
        """float64[t, n] values of float64[t, n] noise."""
        return np.asarray(np.linalg.solve((np.eye(len(self.weights)) - self.weights).T, noise.T).T, np.float64)


def random_model(variables: int, degree: float, rng: np.random.Generator) -> LinearModel:
    """Erdős–Rényi graph with `degree` neighbours a variable on average; weights ±[0.4, 0.9]."""
    joined = np.triu(rng.random((variables, variables)) < degree / (variables - 1), 1)
    size = rng.uniform(0.4, 0.9, joined.shape) * rng.choice((-1.0, 1.0), joined.shape)
    return LinearModel(np.where(joined, size, 0.0))


def equivalence_class(graph: CausalGraph) -> CausalGraph:
    """The completed partially directed graph: all that samples can tell about a directed acyclic one."""
    adjacent, directed = graph.adjacent, graph.directed
    apart = ~adjacent & ~np.eye(len(adjacent), dtype=bool)
    colliding = directed & ((apart.astype(np.float32) @ directed.astype(np.float32)) > 0)
    orientation = Orientation(adjacent, adjacent)
    orientation.point(colliding)
    orientation.close()
    return orientation.graph
