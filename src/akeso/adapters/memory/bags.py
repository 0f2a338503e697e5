"""Bags of words, all compared with one in a few vectorised steps: BM25, and an overlap where rare words weigh more."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the usual constants.
_SATURATION, _LENGTH = 1.2, 0.75

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Packed:
    """All bags end to end. words: int64[entries] (a gather by int32 takes three times as long); counts and saturated:
    float32[entries], the latter as BM25 has it; starts: int64[bags + 1], where each bag begins; idf: float32[words +
    1]; masses: float32[bags], the idf of each bag's words summed; length: the mean number of words in a bag."""

    words: NDArray[np.int64]
    counts: Scores
    starts: NDArray[np.int64]
    idf: Scores
    saturated: Scores
    masses: Scores
    length: float


class Bags:
    """Bag i is row i. A comparison is one pass over the words of all bags; the first after a change takes a few."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._words: list[NDArray[np.int64]] = []
        self._counts: list[Scores] = []
        self._last: _Packed | None = None
        self._unchanged = 0  # bags that are in `_last` as they are now

    def put(self, row: int, words: Iterable[str]) -> None:
        """Fill a row anew, or the next one where `row` is their number."""
        counted = Counter(words)
        numbers = [self._numbers.setdefault(word, len(self._numbers) + 1) for word in counted]
        # Word 0 stands in every bag no time, so that no bag is empty.
        self._words[row : row + 1] = [np.array([0, *numbers], np.int64)]
        self._counts[row : row + 1] = [np.array([0, *counted.values()], np.float32)]
        self._unchanged = min(self._unchanged, row)

    def bm25(self, words: Iterable[str], length: int) -> Scores:
        """float32[bags] in [0, 1]: BM25 of each bag, as a share of what these words would get from the text of `length`
        words that they are from."""
        packed, asked = self._pack(), Counter(words)
        own = _saturated(np.array([*asked.values()], np.float32), length, packed.length)
        whole = float(own @ self._idf(packed, asked))
        found = _sums(self._weights(packed, asked) * packed.saturated, packed)
        return np.asarray(np.minimum(found / max(whole, 1e-9), 1))

    def overlap(self, words: Iterable[str]) -> Scores:
        """float32[bags] in [0, 1]: Jaccard of the sets of words, each word weighing its inverse frequency."""
        packed, asked = self._pack(), set(words)
        shared = _sums(self._weights(packed, asked), packed)
        either = packed.masses + self._idf(packed, asked).sum() - shared
        return np.asarray(np.minimum(shared / np.maximum(either, 1e-9), 1))

    def _weights(self, packed: _Packed, asked: Iterable[str]) -> Scores:
        # Of each entry: its inverse frequency where the word was asked for.
        table = np.zeros_like(packed.idf)
        known = [self._numbers[word] for word in asked if word in self._numbers]
        table[known] = packed.idf[known]
        return table.take(packed.words, mode="clip")

    def _idf(self, packed: _Packed, asked: Iterable[str]) -> Scores:
        # A word that was never seen is as rare as can be.
        unseen = _idf(np.zeros(1), len(packed.masses))[0]
        numbers = (self._numbers.get(word) for word in asked)
        return np.array([unseen if n is None else packed.idf[n] for n in numbers], np.float32)

    def _pack(self) -> _Packed:
        if self._last is None or self._unchanged < len(self._words):
            self._last = self._repacked(self._last)
            self._unchanged = len(self._words)
        return self._last

    def _repacked(self, last: _Packed | None) -> _Packed:
        new = self._unchanged
        words, counts, sizes = self._words[new:], self._counts[new:], np.array([0, *map(len, self._words[new:])])
        if last is None:
            return _packed(np.concatenate(words), np.concatenate(counts), np.cumsum(sizes), len(self._numbers))
        end = last.starts[new]
        return _packed(
            np.concatenate((last.words[:end], *words)),
            np.concatenate((last.counts[:end], *counts)),
            np.concatenate((last.starts[:new], end + np.cumsum(sizes))),
            len(self._numbers),
        )


def _packed(words: NDArray[np.int64], counts: Scores, starts: NDArray[np.int64], known: int) -> _Packed:
    idf = _idf(np.bincount(words, minlength=known + 1), len(starts) - 1)
    idf[0] = 0
    lengths = np.add.reduceat(counts, starts[:-1])
    mean = float(lengths.mean())
    saturated = _saturated(counts, np.repeat(lengths, np.diff(starts)), mean)
    return _Packed(words, counts, starts, idf, saturated, np.add.reduceat(idf[words], starts[:-1]), mean)


def _sums(entries: Scores, packed: _Packed) -> Scores:
    return np.asarray(np.add.reduceat(entries, packed.starts[:-1]))


def _idf(frequencies: NDArray[np.int64] | NDArray[np.float64], bags: int) -> Scores:
    return np.log1p((bags - frequencies + 0.5) / (frequencies + 0.5)).astype(np.float32)


def _saturated(counts: Scores, length: Scores | int, mean: float) -> Scores:
    relative = 1 - _LENGTH + _LENGTH * length / max(mean, 1e-9)
    return np.asarray(counts * (_SATURATION + 1) / (counts + _SATURATION * relative), np.float32)
