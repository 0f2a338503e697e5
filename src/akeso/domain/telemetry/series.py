"""Interning of series: a key gets a small integer once, and arrays of integers stand for it from then on."""

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import is_
from sys import intern
from threading import Lock

import numpy as np

from akeso.domain.telemetry.batches import Attributes, Ids, MetricBlock, SeriesKey

OVERFLOW = "akeso.series.overflow"


class SeriesTable:
    """An append-only two-way table of SeriesKey and id (0, 1, 2, …). Ids are never reused or reordered. Threads may
    share it: a key gets one id. What was taken for another kind of series than it is may be mended: its id stands for
    another key from then on, and still is that of the key that it had.

    most: series a tenant may have. Further keys of it all get the id of one more series, its overflow, so that memory
    stays bounded whatever a sender thinks of; `within` leaves their points out.
    """

    def __init__(self, keys: Iterable[SeriesKey] = (), most: int | None = None) -> None:
        self.most = most
        self._ids: dict[SeriesKey, int] = {}
        self._keys: list[SeriesKey] = []
        self._growing = Lock()
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        self._attributes: dict[Attributes, Attributes] = {}
        self._of_tenant: Counter[str] = Counter()
        self._overflows: dict[str, int] = {}
        self._mended: list[int] = []
        for key in keys:
            self.intern(key)

    def intern(self, key: SeriesKey) -> int:
        """The id of `key`, a new one if it was never seen."""
        found = self._ids.get(key)
        if found is None:
            with self._growing:
                found = self._ids.get(key)
                if found is None:
                    found = self._overflow(key.tenant) if self._is_full(key.tenant) else self._added(key)
        return found

    def intern_all(self, keys: Iterable[SeriesKey]) -> Ids:
        """int32[n] ids of n keys."""
        return np.fromiter((self.intern(key) for key in keys), np.int32)

    def find(self, key: SeriesKey) -> int | None:
        """The id of `key`, or None if it was never interned."""
        return self._ids.get(key)

    def mend(self, index: int, key: SeriesKey) -> None:
        """The series `index` is `key`, as is now known. key: of the same tenant, and of no series yet."""
        with self._growing:
            self._keys[index] = self._sharing(key)
            self._ids[self._keys[index]] = index
            self._mended.append(index)

    @property
    def mended(self) -> Sequence[int]:
        """The ids that were mended, in that order; who keeps something by id looks here. Do not change it."""
        return self._mended

    def within(self, block: MetricBlock, tenant: str) -> MetricBlock:
        """The points of a tenant's block whose series has an id of its own."""
        overflow = self._overflows.get(tenant)
        return block if overflow is None else block.where(block.series != overflow)

    def __getitem__(self, index: int) -> SeriesKey:
        return self._keys[index]

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def keys(self) -> Sequence[SeriesKey]:
        """All keys, by id. Do not change it."""
        return self._keys

    def _is_full(self, tenant: str) -> bool:
        return self.most is not None and self._of_tenant[tenant] >= self.most

    def _added(self, key: SeriesKey) -> int:
        key = self._sharing(key)
        found = self._ids[key] = len(self._keys)
        self._keys.append(key)
        self._of_tenant[key.tenant] += 1
        return found

    def _sharing(self, key: SeriesKey) -> SeriesKey:
        """The same key, of strings and attributes that other keys have as well: a third of the memory."""
        attributes = self._attributes.get(key.attributes) or self._shared(key.attributes)
        tenant, service, metric = map(intern, (key.tenant, key.service, key.metric))
        return SeriesKey(tenant, service, metric, attributes, intern(key.unit), key.temporality, intern(key.stat))

    def _shared(self, attributes: Attributes) -> Attributes:
        pairs = tuple([self._pairs.get(pair) or self._pair(pair) for pair in attributes])
        # What another table has shared before is taken as it is.
        found = attributes if all(map(is_, pairs, attributes)) else pairs
        self._attributes[found] = found
        return found

    def _pair(self, pair: tuple[str, str]) -> tuple[str, str]:
        own = name, value = intern(pair[0]), intern(pair[1])
        found = self._pairs[pair] = pair if name is pair[0] and value is pair[1] else own
        return found

    def _overflow(self, tenant: str) -> int:
        found = self._overflows.get(tenant)
        if found is None:
            found = self._overflows[tenant] = self._added(SeriesKey(tenant, "", OVERFLOW))
        return found
