"""What is known before any sample is seen: which causes are possible, which are certain."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from akeso.domain.estate.topology import Topology
from akeso.domain.telemetry.batches import Mask


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """allowed: bool[n, n], [i, j] says i → j may exist; required: bool[n, n], i → j exists. Diagonals are False."""

    allowed: Mask
    required: Mask

    @classmethod
    def nothing(cls, variables: int) -> Self:
        """Every edge may exist in either direction."""
        return cls(~np.eye(variables, dtype=bool), np.zeros((variables, variables), bool))

    def forbid(self, edges: Iterable[tuple[int, int]]) -> Self:
        """Without these directed edges."""
        allowed = self.allowed.copy()
        for cause, effect in edges:
            allowed[cause, effect] = False
        return replace(self, allowed=allowed, required=self.required & allowed)

    def require(self, edges: Iterable[tuple[int, int]]) -> Self:
        """With these directed edges, which also rules out their reverse."""
        allowed, required = self.allowed.copy(), self.required.copy()
        for cause, effect in edges:
            required[cause, effect] = allowed[cause, effect] = True
            required[effect, cause] = allowed[effect, cause] = False
        return replace(self, allowed=allowed, required=required)

    def ordered(self, tiers: Sequence[int]) -> Self:
        """No variable causes one of an earlier tier (a lower number)."""
        tier = np.asarray(tiers)
        allowed = self.allowed & (tier[:, None] <= tier)
        return replace(self, allowed=allowed, required=self.required & allowed)


def of_calls(services: Sequence[str], load: Sequence[bool], topology: Topology) -> Background:
    """Background of n variables that each belong to a service; load[i]: variable i is work, such as a request rate.

    Work travels from callers to callees, waiting and failure from callees to callers, but not over asynchronous edges;
    within a service anything may cause anything. Services that do not call each other have no direct edge.
    """
    names = {name: number for number, name in enumerate(dict.fromkeys(services))}
    calls, waits = np.zeros((2, len(names), len(names)), bool)
    for edge in topology.edges:
        if edge.caller in names and edge.callee in names:
            calls[names[edge.caller], names[edge.callee]] = True
            waits[names[edge.caller], names[edge.callee]] |= not edge.asynchronous
    place = np.array([names[service] for service in services], int)
    work = np.asarray(load, bool)[:, None]
    downwards, upwards = calls[np.ix_(place, place)], waits[np.ix_(place, place)].T
    allowed = (place[:, None] == place) | (work & downwards) | (~work & upwards)
    return Background(allowed & ~np.eye(len(place), dtype=bool), np.zeros((len(place), len(place)), bool))
