"""Databases and caches as their exporters look them up."""

from dataclasses import dataclass

import numpy as np

from akeso.worlds.dialects.tally.tally import Tally


@dataclass(frozen=True, slots=True)
class StoreReading:
    """One database or cache now. place: its row of StoreColumns."""

    tally: Tally
    place: int

    def level(self, name: str) -> float:
        """A level."""
        return float(getattr(self.tally.latest.stores, name)[self.place])

    def total(self, name: str) -> float:
        """A sum since its process began."""
        return float(getattr(self.tally.stores, name)[self.place])


def reading_of(tally: Tally, row: int) -> StoreReading | None:
    """Of the instance in a row; None where a world keeps nothing of it."""
    found = np.flatnonzero(tally.latest.stores.instance == row)
    return StoreReading(tally, int(found[0])) if len(found) else None
