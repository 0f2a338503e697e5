"""Whole requests of a tick: trees of calls, drawn from the same rates, chances and latencies as the calls are.

How a call ends is decided from the top down: a request that fails by something it called has one such call among its
children. How long it takes is summed from the bottom up, so that children lie within their parents.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.random import Generator

from akeso.domain.telemetry.batches import Codes, Floats, Ids, Mask, Times
from akeso.worlds.answers import (
    CERTIFICATE,
    NAME_UNKNOWN,
    NEVER_ARRIVED,
    NOT_FOUND,
    OK,
    REFUSED,
    TIMED_OUT,
    UNAVAILABLE,
    UPSTREAM,
    Answer,
)
from akeso.worlds.observation import RequestColumns
from akeso.worlds.simulation.calls import Chances, ends
from akeso.worlds.simulation.layout import Layout
from akeso.worlds.simulation.reach import Reach
from akeso.worlds.simulation.response import Response

_MOST_ROOTS = 400
_MOST_CALLS = 12_000
_NS = 1_000_000
_QUICK = np.isin(np.arange(len(Answer)), (REFUSED, NAME_UNKNOWN, CERTIFICATE, UNAVAILABLE))


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Calls of one depth. parent: row in the depth above (-1 for roots)."""

    leg: Ids
    link: Ids
    parent: Ids
    attempt: Codes
    seen: Codes
    served: Codes

    def __len__(self) -> int:
        return len(self.leg)


class Requests:
    """Draws whole requests for a layout."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        order = np.argsort(layout.leg_origin, kind="stable")
        origins = len(layout.instance_of) + len(layout.sources)
        self._legs = order.astype(np.int32)
        self._first = np.searchsorted(layout.leg_origin[order], np.arange(origins)).astype(np.int64)
        self._count = np.bincount(layout.leg_origin, minlength=origins).astype(np.int64)
        roots = layout.leg_origin >= len(layout.instance_of)
        self._roots = np.flatnonzero(roots).astype(np.int32)

    def draw(
        self, start: int, share: float, rates: Floats, parts: tuple[Reach, Response, Chances], random: Generator
    ) -> RequestColumns:
        """Requests of the second that begins at `start`, those whose `sampling` is below `share`. rates: of legs."""
        reach, response, _ = parts
        expected = rates[self._roots] * share
        count = int(min(random.poisson(expected.sum()), _MOST_ROOTS)) if share > 0 else 0
        if not count:
            return nothing()
        edges = np.cumsum(expected)
        pick = np.searchsorted(edges, random.random(count) * edges[-1], side="right")
        legs = self._roots[np.minimum(pick, len(self._roots) - 1)]
        link = self._choose(legs, reach, random)
        depths = [self._plain(legs, link, np.full(count, -1, np.int32), parts, random)]
        total = count
        while len(depths[-1]) and total < _MOST_CALLS:
            depths.append(self._below(depths[-1], parts, random))
            total += len(depths[-1])
        return self._tell(start, share, depths, reach, response, random)

    def _plain(
        self, legs: Ids, link: Ids, parent: Ids, parts: tuple[Reach, Response, Chances], random: Generator
    ) -> _Rows:
        reach, _, chance = parts
        seen, served = ends(reach, chance, self._layout, link, random)
        return _Rows(legs, link, parent, np.zeros(len(legs), np.uint8), seen, served)

    def _choose(self, legs: Ids, reach: Reach, random: Generator) -> Ids:
        """A link of each leg, by the share of its callees."""
        layout = self._layout
        service = layout.leg_service[legs]
        reached = np.cumsum(reach.share)
        before = np.where(layout.first[service] > 0, reached[layout.first[service] - 1], 0.0)
        row = np.searchsorted(reached, before + random.random(len(legs)) * 0.999999, side="right")
        slot = np.clip(row - layout.first[service], 0, layout.places[service] - 1)
        return np.asarray(layout.leg_start[legs] + slot, np.int32)

    def _below(self, above: _Rows, parts: tuple[Reach, Response, Chances], random: Generator) -> _Rows:
        """The calls that those above make."""
        _, response, _ = parts
        layout = self._layout
        works = above.served != NEVER_ARRIVED
        works &= (above.served != UNAVAILABLE) & (above.served != NOT_FOUND)
        parent = np.flatnonzero(works).astype(np.int32)
        origin = layout.link_endpoint[above.link[parent]]
        legs, parent = self._spread(origin, parent)
        wanted = response.leg_count[legs]
        times = (wanted + random.random(len(legs))).astype(np.int64)
        doomed = self._doomed(above, parent, legs, response, random)
        times = np.maximum(times, doomed)
        whose = np.repeat(np.arange(len(legs)), times)
        first = np.concatenate(([True], whose[1:] != whose[:-1])) if len(whose) else np.zeros(0, bool)
        fails = doomed[whose].astype(bool) & first
        return self._tried(legs[whose], parent[whose], fails, parts, random)

    def _spread(self, origin: Ids, parent: Ids) -> tuple[Ids, Ids]:
        """All legs of each origin, beside the row they belong to."""
        count = self._count[origin]
        total = int(count.sum())
        whose = np.repeat(np.arange(len(origin)), count)
        offset = np.arange(total) - np.repeat(np.cumsum(count) - count, count)
        return self._legs[self._first[origin][whose] + offset], parent[whose]

    def _doomed(self, above: _Rows, parent: Ids, legs: Ids, response: Response, random: Generator) -> Times:
        """1 for one leg of each request that fails by what it calls, chosen by how often each fails; else 0."""
        doomed = np.zeros(len(legs), np.int64)
        broken = above.served[parent] == UPSTREAM
        if not broken.any():
            return doomed
        weight = np.where(self._layout.leg_optional[legs], 0.0, response.leg_fails[legs] * response.leg_count[legs])
        key = np.where(broken, random.random(len(legs)) ** (1 / np.maximum(weight, 1e-9)), -1.0)
        order = np.lexsort((key, parent))
        last = np.concatenate((parent[order][1:] != parent[order][:-1], [True]))
        chosen = order[last]
        doomed[chosen[broken[chosen]]] = 1
        return doomed

    def _tried(
        self, legs: Ids, parent: Ids, fails: Mask, parts: tuple[Reach, Response, Chances], random: Generator
    ) -> _Rows:
        """Calls with their retries: what must fail fails every time; what must not may fail before it succeeds."""
        reach, response, _ = parts
        retries = reach.retries[legs].astype(np.int64)
        chance = np.minimum(response.leg_try_fails[legs], 0.999)
        before = np.minimum(np.floor(np.log(random.random(len(legs))) / np.log(np.maximum(chance, 1e-12))), retries)
        tries = np.where(fails, retries + 1, np.where(chance > 1e-9, before, 0) + 1).astype(np.int64)
        whose = np.repeat(np.arange(len(legs)), tries)
        attempt = np.arange(len(whose)) - np.repeat(np.cumsum(tries) - tries, tries)
        failed = fails[whose] | (attempt < tries[whose] - 1)
        rows = legs[whose]
        link = self._choose(rows, reach, random)
        seen, served = self._ended(link, failed, parts, random)
        return _Rows(rows, link, parent[whose], attempt.astype(np.uint8), seen, served)

    def _ended(
        self, link: Ids, failed: Mask, parts: tuple[Reach, Response, Chances], random: Generator
    ) -> tuple[Codes, Codes]:
        """Given whether they fail: how. By rejection; what did not fail in a few draws was too slow."""
        reach, _, chance = parts
        seen = np.full(len(link), OK, np.uint8)
        served = np.full(len(link), OK, np.uint8)
        seen[failed], served[failed] = TIMED_OUT, OK
        open_ = np.flatnonzero(failed)
        for _ in range(6):
            if not len(open_):
                break
            one, other = ends(reach, chance, self._layout, link[open_], random)
            bad = (one != OK) & (one != NOT_FOUND)
            seen[open_[bad]], served[open_[bad]] = one[bad], other[bad]
            open_ = open_[~bad]
        return seen, served

    def _tell(
        self, start: int, share: float, depths: list[_Rows], reach: Reach, response: Response, random: Generator
    ) -> RequestColumns:
        depths = [rows for rows in depths if len(rows)]
        edges = np.concatenate(([0], np.cumsum([len(rows) for rows in depths])))
        total, roots = int(edges[-1]), int(edges[1])
        offsets = np.concatenate(([0], edges[:-2]))
        parent = np.concatenate([rows.parent.astype(np.int64) + at for rows, at in zip(depths, offsets, strict=True)])
        parent[:roots] = -1
        link = np.concatenate([rows.link for rows in depths])
        seen = np.concatenate([rows.seen for rows in depths])
        served = np.concatenate([rows.served for rows in depths])
        client, server, begins = self._times(edges, parent, link, (seen, served), (reach, response), random)
        wire = np.maximum((client - server) / 2 * _NS, 0).astype(np.int64)
        root, instant = np.arange(total), np.empty(total, np.int64)
        instant[:roots] = start + (random.random(roots) * 1e9).astype(np.int64)
        for low, high in pairwise(edges[1:]):
            above = parent[low:high]
            root[low:high] = root[above]
            instant[low:high] = instant[above] + wire[above] + (begins[low:high] * _NS).astype(np.int64)
        arrived = served != NEVER_ARRIVED
        return RequestColumns(
            trace=random.integers(1, 2**63, total, np.uint64)[root],
            span=random.integers(1, 2**63, total, np.uint64),
            parent=parent,
            link=link,
            start=instant,
            duration=np.maximum((client * _NS).astype(np.int64), 1),
            server_start=np.where(arrived, instant + wire, 0),
            server_duration=np.where(arrived, np.maximum((server * _NS).astype(np.int64), 1), 0),
            seen=seen,
            served=served,
            attempt=np.concatenate([rows.attempt for rows in depths]),
            sampling=(random.random(total) * share)[root],
        )

    def _times(
        self,
        edges: np.ndarray[tuple[int], np.dtype[np.int64]],
        parent: Times,
        link: Ids,
        how: tuple[Codes, Codes],
        parts: tuple[Reach, Response],
        random: Generator,
    ) -> tuple[Floats, Floats, Floats]:
        """ms: as the caller sees it, as the callee does, and when a call begins after its parent has."""
        (seen, served), (reach, response) = how, parts
        endpoint = self._layout.link_endpoint[link]
        total = len(link)
        own = self._own(endpoint, response, random)
        own = np.where((served != OK) & (served != UPSTREAM), 0.6 * own, own)
        wire = reach.net_ms[link] * random.uniform(0.6, 1.6, total)
        patience = reach.timeout_ms[link]
        quick = _QUICK[seen]
        client, server, begins = np.zeros(total), own.copy(), np.zeros(total)
        for low, high in zip(edges[-2::-1], edges[:0:-1], strict=True):
            at = slice(low, high)
            late = seen[at] == TIMED_OUT
            server[at] = np.where(late, np.maximum(server[at], patience[at] * 1.05), server[at])
            whole = np.where(late, patience[at], server[at] + wire[at])
            client[at] = np.where(quick[at], 1.0 + wire[at] / 4, whole)
            server[at] = np.where(quick[at], 0.5, server[at])
            if low:
                begins[at], taken = _in_turn(parent[at], client[at], own)
                server += np.bincount(parent[at], taken, total)
        return client, server, begins

    def _own(self, endpoint: Ids, response: Response, random: Generator) -> Floats:
        mean = np.maximum(response.own_ms[endpoint] + response.wait_ms[endpoint], 1e-3)
        shape2 = np.log1p(response.own_var[endpoint] / mean**2)
        return np.asarray(mean * np.exp(np.sqrt(shape2) * random.standard_normal(len(endpoint)) - shape2 / 2))


def _in_turn(parent: Times, client: Floats, own: Floats) -> tuple[Floats, Floats]:
    """Children follow each other after the first 30 % of their parent's own time: when each begins, how long it
    takes."""
    order = np.argsort(parent, kind="stable")
    sorted_parent, sorted_time = parent[order], client[order]
    ends_at = np.cumsum(sorted_time)
    first = np.concatenate(([True], sorted_parent[1:] != sorted_parent[:-1]))
    before = np.where(first, ends_at - sorted_time, 0.0)
    base = before[np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))]
    begins = np.empty(len(parent))
    begins[order] = ends_at - sorted_time - base + 0.3 * own[sorted_parent]
    return begins, client


def nothing() -> RequestColumns:
    """No requests."""
    ids, times, codes = np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.uint8)
    return RequestColumns(
        ids, ids, times, np.empty(0, np.int32), times, times, times, times, codes, codes, codes, np.empty(0)
    )
