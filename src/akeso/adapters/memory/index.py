"""Memories in an exact index: what was said is compared by meaning and by words, what was seen by its parts."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import count

import numpy as np
from numpy.typing import NDArray

from akeso.adapters.memory.bags import Bags, Scores
from akeso.domain.incident.memory import Memory, Recollection
from akeso.domain.incident.outcome import Recovery

Vector = NDArray[np.float32]

# An upper-case letter after a lower-case one begins a word of its own, as in names of alerts.
_WORD = re.compile(r"[^\W\d_]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class MemoryIndex:
    """An index a tenant: whose memories are rare words for one is nobody else's business."""

    def __init__(self, dimensions: int) -> None:
        self._tenants: dict[str, _Tenant] = defaultdict(lambda: _Tenant(dimensions))
        self._tried: Counter[tuple[str, str, str]] = Counter()
        self._helped: Counter[tuple[str, str, str]] = Counter()

    def put(self, memory: Memory, vector: Vector) -> None:
        """Add, or replace the one with the same tenant and id."""
        replaced = self._tenants[memory.tenant].put(memory, vector)
        if replaced is not None:
            self._count(replaced, -1)
        self._count(memory, 1)

    def nearest(
        self, tenant: str, question: tuple[str, Vector] | None, signature: Sequence[str], text_weight: float, limit: int
    ) -> list[Recollection]:
        """Likeness of text and of signature, weighted; only one of them counts where the other is missing. Nothing in
        common is not returned. question: a text and the vector of its placeless form."""
        return self._tenants[tenant].nearest(question, signature, text_weight, limit) if tenant in self._tenants else []

    def success(self, tenant: str, fault_class: str, action: str) -> tuple[int, int]:
        """(times it helped, times it was tried)."""
        return self._helped[tenant, fault_class, action], self._tried[tenant, fault_class, action]

    def _count(self, memory: Memory, times: int) -> None:
        key = (memory.tenant, memory.fault_class, memory.action)
        self._tried[key] += times
        self._helped[key] += times * (memory.recovery is Recovery.RECOVERED)


class _Tenant:
    """Row i of the matrix and bag i of each kind are memory i."""

    def __init__(self, dimensions: int) -> None:
        self._matrix = np.zeros((16, dimensions), np.float32)
        self._memories: list[Memory] = []
        self._rows: dict[str, int] = {}
        self._ages = np.zeros(16, np.int64)
        self._clock = count()
        self._texts, self._signs, self._signals, self._services = Bags(), Bags(), Bags(), Bags()

    def put(self, memory: Memory, vector: Vector) -> Memory | None:
        """The memory that it replaces."""
        row = self._rows.setdefault(memory.id, len(self._memories))
        if row == len(self._matrix):
            self._matrix = np.concatenate((self._matrix, np.zeros_like(self._matrix)))
            self._ages = np.concatenate((self._ages, np.zeros_like(self._ages)))
        self._matrix[row], self._ages[row] = vector, next(self._clock)
        replaced = self._memories[row] if row < len(self._memories) else None
        self._memories[row : row + 1] = [memory]
        self._texts.put(row, words(memory.text))
        signs = set(memory.signature)
        self._signs.put(row, signs)
        self._signals.put(row, {_signal(sign) for sign in signs})
        self._services.put(row, {_service(sign) for sign in signs})
        return replaced

    def nearest(
        self, question: tuple[str, Vector] | None, signature: Sequence[str], text_weight: float, limit: int
    ) -> list[Recollection]:
        weight = 0.0 if question is None else 1.0 if not signature else text_weight
        scores = np.zeros(len(self._memories), np.float32)
        if question is not None:
            scores += weight * self._said(*question, signature)
        if signature:
            scores += (1 - weight) * self._seen(set(signature))
        least = np.partition(scores, -limit)[-limit] if limit < len(scores) else 0
        found = np.flatnonzero(scores >= least)
        # Newer ones first where the scores are equal.
        best = found[np.lexsort((-self._ages[found], -scores[found]))[:limit]]
        return [Recollection(self._memories[row], min(float(scores[row]), 1.0)) for row in best if scores[row] > 0]

    def _said(self, text: str, vector: Vector, signs: Collection[str]) -> Scores:
        # Vectors find what is meant, words find names; each misses what the other finds.
        # Not `@`: it waits for the threads of BLAS, which takes longer than the product where all cores are busy.
        meant = np.clip(np.vecdot(self._matrix[: len(self._memories)], vector), 0, 1)
        length = sum(1 for _ in words(text))
        return np.asarray((meant + self._texts.bm25(words(placeless(text, signs)), length)) / 2)

    def _seen(self, signs: set[str]) -> Scores:
        # What happened counts more than where: the same fault comes again elsewhere.
        signals = self._signals.overlap(_signal(sign) for sign in signs)
        services = self._services.overlap(_service(sign) for sign in signs)
        return np.asarray(signals / 2 + (self._signs.overlap(signs) + services) / 4)


def words(text: str) -> Iterator[str]:
    """Words in lower case, those in camel case one by one. Numbers are left out: ids and times tell nothing."""
    return (part.lower() for word in _WORD.findall(text) for part in _HUMP.split(word))


def placeless(text: str, signature: Iterable[str]) -> str:
    """The text without the names of the signature's services, unless nothing else is left.

    The signature tells where. A text that does so as well is near all that ever happened there, whatever it was.
    """
    names = sorted({re.escape(_service(sign)) for sign in signature if _service(sign)}, key=len, reverse=True)
    if not names:
        return text
    parts = re.compile(rf"(?<!\w)(?:{'|'.join(names)})(?!\w)".replace(r"\-", "[- _]?"), re.IGNORECASE)
    left = " ".join(parts.sub(" ", text).split())
    return left if any(words(left)) else text


def _service(sign: str) -> str:
    return sign.rpartition(":")[0]


def _signal(sign: str) -> str:
    return sign.rpartition(":")[2]
