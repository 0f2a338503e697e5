"""Combinations of a service's metrics that are easily told apart from all that is usual."""

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akeso.domain.errors import InvalidSettings
from akeso.domain.telemetry.batches import Floats
from akeso.domain.telemetry.series import SeriesTable
from akeso.stages.detection.service_windows import VectorDetector, VectorModel, WindowOptions

_LEAST_VARIANCE = 0.01


class IsolationForest(VectorDetector):
    """An isolation forest over the metrics of each service (Liu, Ting & Zhou 2008), grown by scikit-learn (extra
    `[ml]`) on their principal axes.

    The alarm is at `margin` times the distance from the median to the highest score among slots that the forest was not
    grown from. The score goes to the metrics that stray the most. It is fitted every `every` slots to the last `window`
    in a thread of its own; services take turns, each once every `pace_s` seconds.
    """

    name = "isolation_forest"
    on_request = True

    def __init__(
        self,
        table: SeriesTable | None = None,
        margin: float = 1.5,
        trees: int = 60,
        window: int = 240,
        every: int = 120,
        pace_s: float = 5.0,
    ) -> None:
        if find_spec("sklearn") is None:
            raise InvalidSettings(f"detectors.{self.name}", "needs the extra [ml] (pip install 'akeso[ml]')")
        self._margin, self._trees = margin, trees
        super().__init__(table, WindowOptions(window, every, pace_s))

    def _fit(self, vectors: Floats, kept: Floats) -> VectorModel:
        import sklearn.ensemble  # extra [ml]

        axes = _axes(vectors)
        trees = sklearn.ensemble.IsolationForest(n_estimators=self._trees, random_state=7).fit(vectors @ axes)
        forest = Forest(trees)
        heights = forest.heights(kept @ axes)
        usual = float(np.median(heights))
        return _Judge(forest, axes, usual, self._margin * max(float(heights.max()) - usual, 0.02))


def _axes(vectors: Floats) -> Floats:
    # float64[d, d] onto the principal axes, whitened. Cuts along single metrics cannot tell a broken dependence.
    values, axes = np.linalg.eigh(vectors.T @ vectors / len(vectors))
    return np.asarray(axes / np.sqrt(np.maximum(values, _LEAST_VARIANCE)))


class Forest:
    """The trees of a fitted forest of scikit-learn as arrays: some vectors in 0.1 ms instead of 15 ms."""

    def __init__(self, fitted: Any) -> None:
        trees = [each.tree_ for each in fitted.estimators_]
        size = max(tree.node_count for tree in trees)
        self._left, self._right, self._feature = (np.full((len(trees), size), -1, np.intp) for _ in range(3))
        self._limit, self._rest = np.zeros((len(trees), size)), np.zeros((len(trees), size))
        for row, tree in enumerate(trees):
            count = tree.node_count
            self._left[row, :count], self._right[row, :count] = tree.children_left, tree.children_right
            self._feature[row, :count], self._limit[row, :count] = tree.feature, tree.threshold
            self._rest[row, :count] = _expected_depth(tree.n_node_samples)
        self._usual = float(_expected_depth(np.array([fitted.max_samples_]))[0])

    def heights(self, vectors: Floats) -> Floats:
        """float64[m] in (0, 1) for float64[m, d]: the nearer to 1, the fewer cuts tell it apart."""
        vectors = vectors.astype(np.float32)
        tree = np.arange(len(self._left))
        row = np.arange(len(vectors))[:, None]
        node = np.zeros((len(vectors), len(tree)), np.intp)
        depth = np.zeros(node.shape)
        inner = self._left[tree, node] >= 0
        while inner.any():
            left = vectors[row, np.maximum(self._feature[tree, node], 0)] <= self._limit[tree, node]
            following = np.where(left, self._left[tree, node], self._right[tree, node])
            node = np.where(inner, following, node)
            depth += inner
            inner = self._left[tree, node] >= 0
        return np.asarray(2.0 ** (-(depth + self._rest[tree, node]).mean(axis=1) / self._usual))


def _expected_depth(size: NDArray[Any]) -> Floats:
    # Of a leaf that would be grown on: that of an unsuccessful search in a binary tree.
    many = np.maximum(size.astype(np.float64), 3.0)
    grown = 2.0 * (np.log(many - 1.0) + np.euler_gamma) - 2.0 * (many - 1.0) / many
    return np.asarray(np.where(size <= 1, 0.0, np.where(size == 2, 1.0, grown)))


class _Judge:
    def __init__(self, forest: Forest, axes: Floats, usual: float, reach: float) -> None:
        self._forest, self._axes, self._usual, self._reach = forest, axes, usual, reach

    def score(self, vector: Floats) -> Floats:
        height = float(self._forest.heights((vector @ self._axes)[None, :])[0])
        strays = np.abs(vector)
        among = strays >= 0.5 * strays.max()
        return np.where(among, max((height - self._usual) / self._reach, 0.0), 0.0)
