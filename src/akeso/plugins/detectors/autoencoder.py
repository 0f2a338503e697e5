"""Metrics of a service that are not what the others let expect."""

import numpy as np

from akeso.domain.telemetry.batches import Floats
from akeso.domain.telemetry.series import SeriesTable
from akeso.stages.detection.service_windows import VectorDetector, VectorModel, WindowOptions

_RATE, _FIRST, _SECOND, _TINY = 0.02, 0.9, 0.999, 1e-8
_DECAY = 1e-4
_LEAST = 1.0  # deviations from what the others let expect, below which it is none


class Autoencoder(VectorDetector):
    """A small autoencoder over the metrics of each service: input, one hidden layer (tanh, a third as wide), output;
    trained by Adam (Kingma & Ba 2015) on whole batches. The alarm of a metric is at `margin` times its largest error of
    reconstruction among slots that were not trained on.

    It is fitted every `every` slots to the last `window` in a thread of its own; services take turns, each once every
    `pace_s` seconds.
    """

    name = "autoencoder"
    on_request = True

    def __init__(
        self,
        table: SeriesTable | None = None,
        margin: float = 1.5,
        epochs: int = 300,
        window: int = 240,
        every: int = 120,
        pace_s: float = 5.0,
    ) -> None:
        self._margin, self._epochs = margin, epochs
        super().__init__(table, WindowOptions(window, every, pace_s))

    def _fit(self, vectors: Floats, kept: Floats) -> VectorModel:
        net = _Net(vectors.shape[1], np.random.default_rng(7))
        for _ in range(self._epochs):
            net.step(vectors)
        errors = np.abs(kept - net.output(kept)).max(axis=0)
        return _Judge(net, self._margin * np.maximum(errors, _LEAST))


class _Net:
    def __init__(self, width: int, random: np.random.Generator) -> None:
        hidden = max(width // 3, 1)
        into, out = random.normal(0.0, 1.0, (width, hidden)), random.normal(0.0, 1.0, (hidden, width))
        self._weights = [into / np.sqrt(width), np.zeros(hidden), out / np.sqrt(hidden), np.zeros(width)]
        self._means = [np.zeros_like(weight) for weight in self._weights]
        self._squares = [np.zeros_like(weight) for weight in self._weights]
        self._steps = 0

    def output(self, vectors: Floats) -> Floats:
        into, bias, out, shift = self._weights
        return np.asarray(np.tanh(vectors @ into + bias) @ out + shift)

    def step(self, vectors: Floats) -> None:
        """One step down the mean squared error over all vectors."""
        into, bias, out, shift = self._weights
        hidden = np.tanh(vectors @ into + bias)
        error = (hidden @ out + shift - vectors) / len(vectors)
        back = (error @ out.T) * (1.0 - hidden**2)
        slopes = [vectors.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0)]
        self._steps += 1
        for place, slope in enumerate(slopes):
            self._adam(place, slope + _DECAY * self._weights[place])

    def _adam(self, place: int, slope: Floats) -> None:
        mean, square = self._means[place], self._squares[place]
        mean += (1.0 - _FIRST) * (slope - mean)
        square += (1.0 - _SECOND) * (slope**2 - square)
        unbiased = mean / (1.0 - _FIRST**self._steps)
        size = np.sqrt(square / (1.0 - _SECOND**self._steps)) + _TINY
        self._weights[place] -= _RATE * unbiased / size


class _Judge:
    def __init__(self, net: _Net, limit: Floats) -> None:
        self._net, self._limit = net, limit

    def score(self, vector: Floats) -> Floats:
        return np.asarray(np.abs(vector - self._net.output(vector[None, :])[0]) / self._limit)
