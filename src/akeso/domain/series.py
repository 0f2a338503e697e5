"""Interning of series: a key gets a small integer once, and arrays of integers stand for it from then on."""

from collections.abc import Iterable, Sequence

import numpy as np

from akeso.domain.telemetry import Ids, SeriesKey


class SeriesTable:
    """An append-only two-way table of SeriesKey and id (0, 1, 2, …). Ids are never reused or reordered."""

    def __init__(self, keys: Iterable[SeriesKey] = ()) -> None:
        self._ids: dict[SeriesKey, int] = {}
        self._keys: list[SeriesKey] = []
        for key in keys:
            self.intern(key)

    def intern(self, key: SeriesKey) -> int:
        """The id of `key`, a new one if it was never seen."""
        found = self._ids.get(key)
        if found is None:
            found = self._ids[key] = len(self._keys)
            self._keys.append(key)
        return found

    def intern_all(self, keys: Iterable[SeriesKey]) -> Ids:
        """int32[n] ids of n keys."""
        return np.fromiter((self.intern(key) for key in keys), np.int32)

    def find(self, key: SeriesKey) -> int | None:
        """The id of `key`, or None if it was never interned."""
        return self._ids.get(key)

    def __getitem__(self, index: int) -> SeriesKey:
        return self._keys[index]

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def keys(self) -> Sequence[SeriesKey]:
        """All keys, by id. Do not change it."""
        return self._keys
