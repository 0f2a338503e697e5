"""Spans as rows, and what follows from who is whose parent."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Codes, Floats, Mask, SpanIds, SpanKind

Rows: TypeAlias = NDArray[Any]

# slot: the time a span is filed under, its end unless that was late or in the future; ns like start and end.
ROW = np.dtype(
    [
        ("node", "i4"),
        ("operation", "i4"),
        ("peer", "i4"),
        ("kind", "u1"),
        ("error", "?"),
        ("late", "?"),
        ("counted", "?"),
        ("span", "u8"),
        ("parent", "u8"),
        ("link", "u8"),
        ("start", "i8"),
        ("end", "i8"),
        ("slot", "i8"),
    ]
)
_HOPS = 6
_BITS = 2**20
_LOW = np.uint64(_BITS - 1)


def is_entry(kind: Codes) -> Mask:
    """Where a service is entered: server and consumer spans."""
    entry: Mask = (kind == SpanKind.SERVER) | (kind == SpanKind.CONSUMER)
    return entry


def is_call(kind: Codes) -> Mask:
    """Where a service is left: client and producer spans."""
    call: Mask = (kind == SpanKind.CLIENT) | (kind == SpanKind.PRODUCER)
    return call


class Places:
    """Finds ids in an array of ids that is sorted once."""

    def __init__(self, ids: SpanIds) -> None:
        self._order = np.argsort(ids)
        self._ranked = ids[self._order]
        # Ids are random, so their low bits tell nearly all that are not here at the price of one look-up.
        self._seen = np.zeros(_BITS, np.bool_)
        self._seen[ids & _LOW] = True

    def of(self, wanted: SpanIds) -> NDArray[np.intp]:
        """int[m]: a place of each wanted id, -1 where it is not there."""
        if not len(self._ranked):
            return np.full(len(wanted), -1, np.intp)
        found = np.full(len(wanted), -1, np.intp)
        likely = np.flatnonzero(self._seen[wanted & _LOW])
        wanted = wanted[likely]
        place = np.minimum(np.searchsorted(self._ranked, wanted), len(self._ranked) - 1)
        here = self._ranked[place] == wanted
        found[likely[here]] = self._order[place[here]]
        return found


def children(ids: SpanIds, parents: SpanIds) -> NDArray[np.intp]:
    """int[len(ids)]: a place in `parents` where each id stands, -1 where it does not."""
    if len(parents) <= len(ids):
        return Places(parents).of(ids)
    # Only parents that are among the ids are sorted: often they are those of a window many times as large.
    mine = np.flatnonzero(Places(ids).of(parents) >= 0)
    place = Places(parents[mine]).of(ids)
    return np.where(place >= 0, mine[place], -1) if len(mine) else place


def caused_by(entries: Rows | Mapping[str, SpanIds]) -> tuple[SpanIds, NDArray[np.intp]]:
    """What entry spans say that they follow: the spans that are their parents or that they link to, and which entry it
    is that says so."""
    named = [(entries[name], np.flatnonzero(entries[name] != 0)) for name in ("parent", "link")]
    return np.concatenate([ids[places] for ids, places in named]), np.concatenate([places for _, places in named])


def self_times(entries: Rows, inner: Rows) -> Floats:
    """float64[len(entries)] ns: the duration of each entry span less the union of the calls made under it.

    inner: call and internal spans that may lie under the entries. Internal spans are the service's own time; a call
    within a call (a driver's span below a client's) is covered by the outer one.
    """
    own = (entries["end"] - entries["start"]).astype(np.float64)
    calls, owner = _owned_calls(entries, inner)
    start = np.maximum(calls["start"], entries["start"][owner])
    end = np.minimum(calls["end"], entries["end"][owner])
    real = end > start
    covered = _union(owner[real], start[real], end[real], len(entries))
    remaining: Floats = np.maximum(own - covered, 0.0)
    return remaining


def _owned_calls(entries: Rows, inner: Rows) -> tuple[Rows, NDArray[np.intp]]:
    called = is_call(inner["kind"])
    outermost = called.copy()
    ancestor = inner["parent"].copy()
    inside = Places(inner["span"])
    for _ in range(_HOPS):
        place = inside.of(ancestor)
        below = place >= 0
        if not below.any():
            break
        outermost &= ~(below & called[place])
        ancestor = np.where(below, inner["parent"][place], ancestor)
    owner = Places(entries["span"]).of(ancestor)
    keep = outermost & (owner >= 0)
    return inner[keep], owner[keep]


def _union(owner: NDArray[np.intp], start: NDArray[np.int64], end: NDArray[np.int64], owners: int) -> Floats:
    """Length of the union of intervals per owner."""
    if not len(owner):
        return np.zeros(owners)
    order = np.lexsort((start, owner))
    owner, origin = owner[order], int(start.min())
    start, end = start[order] - origin, end[order] - origin
    # Shifted by owner, the owners' intervals follow each other, so one running maximum serves all.
    shift = owner.astype(np.float64) * float(end.max() + 1)
    reach = np.maximum.accumulate(end + shift)
    before = np.append(-np.inf, reach[:-1])
    lengths = np.maximum(reach - np.maximum(start + shift, before), 0.0)
    return np.bincount(owner, lengths, minlength=owners).astype(np.float64)
