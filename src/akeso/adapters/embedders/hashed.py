"""An embedder without a model: words and the character n-grams inside them, hashed into buckets.

Feature hashing after Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (2009), with the subword
n-grams of Bojanowski et al., "Enriching Word Vectors with Subword Information" (2017), so that "timeouts" is near
"timeout". It knows no synonyms.
"""

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"[^\W\d_]+|\d+")
_NGRAMS = range(3, 6)
_KNOWN_WORDS = 20_000


class HashedEmbedder:
    """Implements akeso.ports.embedder.Embedder. The same text gives the same vector in every process, for ever.

    Numbers count as one word, whatever they are: ids and times tell nothing. Texts without a word share one vector.
    """

    def __init__(self, dimensions: int = 512) -> None:
        self.dimensions = dimensions

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32[n, dimensions], each row of unit length."""
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word, count in Counter(_words(text)).items():
                buckets, weights = _features(word, self.dimensions)
                # The square root: a word said four times says twice as much.
                np.add.at(row, buckets, weights * np.float32(count**0.5))
        vectors[~vectors.any(axis=1), 0] = 1.0
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


def _words(text: str) -> Iterator[str]:
    return ("0" if word[0].isdigit() else word.lower() for word in _WORD.findall(text))


@lru_cache(_KNOWN_WORDS)
def _features(word: str, dimensions: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Buckets and weights: the word itself weighs as much as all its n-grams together."""
    marked = f"<{word}>"
    ngrams = [marked[at : at + size] for size in _NGRAMS for at in range(len(marked) - size + 1)]
    hashes = np.array([zlib.crc32(part.encode()) for part in (f"={word}", *ngrams)], np.int64)
    weights = np.full(len(hashes), 1 / max(1, len(ngrams)) ** 0.5, np.float32)
    weights[0] = 1.0
    signs = np.where(hashes >> 31 & 1, -1, 1).astype(np.float32)
    return hashes % dimensions, weights * signs
