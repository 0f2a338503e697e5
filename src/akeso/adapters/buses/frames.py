"""Feature frames and predictions as bytes.

Row i of a frame is series i of the writer's table, so the keys go with it. As the table only grows, the keys of n
rows are always the same bytes: both sides know them again without looking inside.
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from akeso.domain.detection.vote import Vote
from akeso.domain.messages import Prediction
from akeso.domain.telemetry.batches import Attributes, FeatureFrame, Ids, SeriesKey, Temporality
from akeso.domain.telemetry.series import SeriesTable
from akeso.stages.features.metric_meanings import signal_of


class _Key(msgspec.Struct, array_like=True, frozen=True):
    tenant: str
    service: str
    metric: str
    attributes: Attributes
    unit: str
    temporality: Temporality
    stat: str


class FrameBody(msgspec.Struct, array_like=True, frozen=True):
    """keys: MessagePack of the series; values, signals: their rows; every: the same, or nothing."""

    end: int
    width: int
    keys: bytes
    values: bytes
    signals: bytes
    partial: bool = False
    every: bytes = b""


class PredictionBody(msgspec.Struct, array_like=True, frozen=True):
    """score: d rows of n; expected, spread: n each; p_value: n, or none at all; votes: d, or none of a writer that did
    not say."""

    frame: FrameBody
    detectors: tuple[str, ...]
    score: bytes
    expected: bytes
    spread: bytes
    model: str
    latency_ms: float
    p_value: bytes = b""
    votes: tuple[Vote, ...] = ()


class FrameCodec:
    """table: the process's own feature series. Decoded frames have a row for each of them, NaN where the writer had
    none, so that ids mean the same everywhere in this process."""

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._written: tuple[int, bytes] = (0, msgspec.msgpack.encode([]))
        self._read: tuple[bytes, Ids] = (b"", np.empty(0, np.int32))
        self._signals = np.empty(0, np.uint8)

    def frame(self, frame: FeatureFrame) -> FrameBody:
        values, signals = _bytes(frame.values, "<f8"), _bytes(frame.signals, "<u1")
        keys, every = self._keys(len(frame.values)), _bytes(frame.every, "<i8")
        return FrameBody(frame.end, frame.width, keys, values, signals, frame.partial, every)

    def prediction(self, made: Prediction) -> PredictionBody:
        score, expected, spread = (_bytes(column, "<f8") for column in (made.score, made.expected, made.spread))
        frame = self.frame(made.frame)
        p_value = _bytes(made.p_value, "<f8")
        told = (made.model, made.latency_ms, p_value, made.votes)
        return PredictionBody(frame, made.detectors, score, expected, spread, *told)

    def read_frame(self, body: msgspec.Raw) -> FeatureFrame:
        return self._frame(msgspec.msgpack.decode(body, type=FrameBody))

    def read_prediction(self, body: msgspec.Raw) -> Prediction:
        found = msgspec.msgpack.decode(body, type=PredictionBody)
        frame = self._frame(found.frame)
        rows = len(self._ids(found.frame.keys))
        score = _column(found.score, "<f8", len(found.detectors) * rows).reshape(len(found.detectors), rows)
        if len(found.votes) not in {0, len(found.detectors)}:
            raise ValueError(f"{len(found.votes)} votes of {len(found.detectors)} detectors")
        # A score is never NaN: where nothing was scored there is nothing to see.
        return Prediction(
            frame,
            found.detectors,
            found.votes or (Vote.NONE,) * len(found.detectors),
            self._placed(score, found.frame.keys, 0.0),
            self._placed(_column(found.expected, "<f8", rows), found.frame.keys, np.nan),
            self._placed(_column(found.spread, "<f8", rows), found.frame.keys, np.nan),
            found.model,
            found.latency_ms,
            self._opinions(found.p_value, found.frame.keys, rows),
        )

    def _opinions(self, p_value: bytes, keys: bytes, rows: int) -> NDArray[np.float64]:
        return self._placed(_column(p_value, "<f8", rows), keys, np.nan) if p_value else np.empty(0)

    def _frame(self, found: FrameBody) -> FeatureFrame:
        ids = self._ids(found.keys)
        signals = self._known_signals().copy()
        signals[ids] = _column(found.signals, "<u1", len(ids))
        values = self._placed(_column(found.values, "<f8", len(ids)), found.keys, np.nan)
        return FeatureFrame(found.end, found.width, values, signals, found.partial, self._cadence(found, ids))

    def _cadence(self, found: FrameBody, ids: Ids) -> NDArray[np.int64]:
        if not found.every:
            return np.empty(0, np.int64)
        every = np.full(len(self._table), found.width, np.int64)
        every[ids] = _column(found.every, "<i8", len(ids))
        return every

    def _keys(self, count: int) -> bytes:
        if self._written[0] != count:
            if count > len(self._table):
                raise ValueError(f"a frame of {count} rows over {len(self._table)} known series")
            self._written = count, msgspec.msgpack.encode([_key(key) for key in self._table.keys[:count]])
        return self._written[1]

    def _ids(self, keys: bytes) -> Ids:
        if self._read[0] != keys:
            found = msgspec.msgpack.decode(keys, type=list[_Key])
            ids = self._table.intern_all(
                SeriesKey(k.tenant, k.service, k.metric, k.attributes, k.unit, k.temporality, k.stat) for k in found
            )
            self._read = keys, ids
        return self._read[1]

    def _known_signals(self) -> NDArray[np.uint8]:
        new = self._table.keys[len(self._signals) :]
        if new:
            grown = np.fromiter((signal_of(key) for key in new), np.uint8)
            self._signals = np.concatenate((self._signals, grown))
        return self._signals

    def _placed(self, rows: NDArray[np.float64], keys: bytes, missing: float) -> NDArray[np.float64]:
        placed = np.full((*rows.shape[:-1], len(self._table)), missing)
        placed[..., self._ids(keys)] = rows
        return placed


def _key(key: SeriesKey) -> _Key:
    return _Key(key.tenant, key.service, key.metric, key.attributes, key.unit, key.temporality, key.stat)


def _bytes(column: NDArray[Any], kind: str) -> bytes:
    return column.astype(kind, copy=False).tobytes()


def _column(data: bytes, kind: str, length: int) -> NDArray[Any]:
    column = np.frombuffer(data, kind)
    if len(column) != length:
        raise ValueError(f"a column of {len(column)} rows among {length}")
    return column.astype(column.dtype.newbyteorder("="), copy=False)
