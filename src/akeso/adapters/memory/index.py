"""Memories in an exact in-memory index: one matrix for what was said, one word list for what was seen."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from akeso.domain.memory import Memory, Recollection
from akeso.domain.outcome import Recovery

Vector = NDArray[np.float32]


class MemoryIndex:
    """Row i of the matrix is memory i. A memory that is replaced gets a new row, and the old one is never found."""

    def __init__(self, dimensions: int) -> None:
        self._matrix = np.zeros((16, dimensions), np.float32)
        self._memories: list[Memory] = []
        self._rows: dict[tuple[str, str], int] = {}
        self._tenants: dict[str, list[int]] = defaultdict(list)
        self._words: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._sizes: list[int] = []
        self._tried: Counter[tuple[str, str, str]] = Counter()
        self._helped: Counter[tuple[str, str, str]] = Counter()

    def put(self, memory: Memory, vector: Vector) -> None:
        """Add, or replace the one with the same tenant and id."""
        self._remove(memory)
        row = len(self._memories)
        if row == len(self._matrix):
            self._matrix = np.concatenate((self._matrix, np.zeros_like(self._matrix)))
        self._matrix[row] = vector
        words = set(memory.signature)
        self._memories.append(memory)
        self._sizes.append(len(words))
        self._rows[memory.tenant, memory.id] = row
        self._tenants[memory.tenant].append(row)
        for word in words:
            self._words[memory.tenant, word].append(row)
        self._count(memory, 1)

    def nearest(
        self, tenant: str, vector: Vector | None, signature: Sequence[str], text_weight: float, limit: int
    ) -> list[Recollection]:
        """Cosine to `vector` and Jaccard with `signature`, weighted; only one of them counts where the other is
        missing. Nothing in common is not returned."""
        rows = np.array(self._tenants[tenant], np.int64)
        if not len(rows):
            return []
        weight = 0.0 if vector is None else 1.0 if not signature else text_weight
        scores = (1 - weight) * self._overlap(tenant, set(signature))[rows]
        if vector is not None:
            scores = scores + weight * np.clip(self._matrix[rows] @ vector, 0.0, 1.0)
        # Newer ones first where the scores are equal.
        best = np.lexsort((-rows, -scores))[:limit]
        return [Recollection(self._memories[rows[i]], min(float(scores[i]), 1.0)) for i in best if scores[i] > 0]

    def success(self, tenant: str, fault_class: str, action: str) -> tuple[int, int]:
        """(times it helped, times it was tried)."""
        return self._helped[tenant, fault_class, action], self._tried[tenant, fault_class, action]

    def _overlap(self, tenant: str, words: set[str]) -> NDArray[np.float64]:
        shared = np.zeros(len(self._memories))
        for word in words:
            shared[self._words.get((tenant, word), [])] += 1
        return shared / np.maximum(1, len(words) + np.array(self._sizes) - shared)

    def _remove(self, memory: Memory) -> None:
        row = self._rows.pop((memory.tenant, memory.id), None)
        if row is None:
            return
        old = self._memories[row]
        self._tenants[old.tenant].remove(row)
        for word in set(old.signature):
            self._words[old.tenant, word].remove(row)
        self._count(old, -1)

    def _count(self, memory: Memory, times: int) -> None:
        key = (memory.tenant, memory.fault_class, memory.action)
        self._tried[key] += times
        self._helped[key] += times * (memory.recovery is Recovery.RECOVERED)
