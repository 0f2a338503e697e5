"""Embedders: texts to vectors."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Embedder(Protocol):
    """dimensions: length of a vector. Vectors have unit length, so that a dot product is the cosine."""

    dimensions: int

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32[n, dimensions]."""
        ...
