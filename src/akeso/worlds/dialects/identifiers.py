"""Ids that all senders of one world make alike."""

import numpy as np

from akeso.domain.telemetry.batches import SpanIds

_A, _B, _C = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def mixed(ids: SpanIds, salt: int) -> SpanIds:
    """uint64[n]: other ids, one for each, never 0 (SplitMix64)."""
    found = ids ^ np.uint64(salt & 0xFFFF_FFFF_FFFF_FFFF)
    found = found + _A
    found = (found ^ (found >> np.uint64(30))) * _B
    found = (found ^ (found >> np.uint64(27))) * _C
    found = found ^ (found >> np.uint64(31))
    found[found == 0] = np.uint64(1)
    return found


def trace_ids(traces: SpanIds, seed: int) -> list[bytes]:
    """Sixteen bytes for each trace; the lower eight are its number."""
    both = np.empty((len(traces), 2), ">u8")
    both[:, 0], both[:, 1] = mixed(traces, seed * 2 + 1), traces
    return pieces(both.tobytes(), 16)


def server_spans(spans: SpanIds) -> SpanIds:
    """uint64[n]: the callee's span of each call, whose caller's span is the call's own id."""
    return mixed(spans, 0x5E2F)


def inner_spans(spans: SpanIds) -> SpanIds:
    """uint64[n]: a span inside the callee's."""
    return mixed(spans, 0x1A7E)


def eights(ids: SpanIds) -> list[bytes]:
    """Each id as eight bytes in network order."""
    return pieces(ids.astype(">u8").tobytes(), 8)


def pieces(whole: bytes, size: int) -> list[bytes]:
    """Cut into pieces of one size."""
    return [whole[at : at + size] for at in range(0, len(whole), size)]
