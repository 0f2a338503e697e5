"""What travels between agents, as bytes that stand for themselves: for the log of the local bus, and for Kafka.

A message is MessagePack: [version, kind, body]. Arrays are little-endian; series stand as keys, not as ids, and are
interned in the reader's own tables.
"""

from datetime import datetime
from typing import Any, TypeVar

import msgspec

from akeso.adapters.buses.frames import FrameCodec
from akeso.adapters.telemetry import codec as telemetry
from akeso.domain.detection.anomaly import Alert
from akeso.domain.errors import InvalidInput
from akeso.domain.incident.events import Entry
from akeso.domain.incident.verdict import Allow, Ask, Deny, Modify, Verdict
from akeso.domain.messages import (
    ConfigUpdate,
    Decision,
    Feedback,
    Heartbeat,
    PolicyAnswer,
    PolicyQuestion,
    Prediction,
)
from akeso.domain.telemetry.batches import FeatureFrame, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.engine.codec import decode_event, encode_event, instant, plain_mapping

VERSION = 1

T = TypeVar("T")
_PLAIN = {kind.__name__: kind for kind in (Alert, ConfigUpdate, Decision, Feedback, Heartbeat, PolicyQuestion)}
_VERDICTS: dict[str, type[Verdict]] = {kind.__name__: kind for kind in (Allow, Ask, Deny, Modify)}


class _Envelope(msgspec.Struct, array_like=True, frozen=True):
    version: int
    kind: str
    body: msgspec.Raw


class _Answer(msgspec.Struct, array_like=True, frozen=True):
    id: str
    incident: str
    kind: str
    verdict: msgspec.Raw


class _Entry(msgspec.Struct, array_like=True, frozen=True):
    sequence: int
    incident: str
    at: str
    actor: str
    kind: str
    payload: bytes
    hash: str


_encoder = msgspec.msgpack.Encoder(enc_hook=plain_mapping)


class PayloadCodec:
    """Encodes and decodes every payload of akeso.domain.messages.

    ingest: the table of raw telemetry's series; features: the table of feature frames. Both are the process's own.
    """

    def __init__(self, ingest: SeriesTable | None = None, features: SeriesTable | None = None) -> None:
        self._ingest = ingest if ingest is not None else SeriesTable()
        self._frames = FrameCodec(features if features is not None else SeriesTable())
        self._sent, self._received = telemetry.KnownKeys(), telemetry.KnownKeys()

    def encode(self, payload: object) -> bytes:
        """Raises InvalidInput when this is nothing that travels between agents."""
        try:
            body = _encoder.encode(self._body(payload))
        except (TypeError, ValueError) as bad:  # of msgspec: a type, a number or a text that has no encoding
            raise InvalidInput(type(payload).__name__, f"cannot be encoded: {bad}") from bad
        return _encoder.encode(_Envelope(VERSION, type(payload).__name__, msgspec.Raw(body)))

    def decode(self, data: bytes) -> Any:
        """The payload. Raises InvalidInput when the bytes are not what `encode` made."""
        try:
            envelope = msgspec.msgpack.decode(data, type=_Envelope)
            if envelope.version != VERSION:
                raise InvalidInput("message.version", f"{envelope.version} is not understood; there is {VERSION}")
            return self._payload(envelope.kind, envelope.body)
        except ValueError as bad:  # msgspec's and NumPy's are ValueErrors
            raise InvalidInput("message", f"is corrupt: {bad}") from bad

    def _body(self, payload: object) -> object:
        match payload:
            case TelemetryBatch():
                return telemetry.encode(payload, self._ingest, self._sent)
            case FeatureFrame():
                return self._frames.frame(payload)
            case Prediction():
                return self._frames.prediction(payload)
            case PolicyAnswer(identity, incident, verdict):
                return _Answer(identity, incident, type(verdict).__name__, msgspec.Raw(_encoder.encode(verdict)))
            case Entry():
                return _entry(payload)
        if type(payload).__name__ not in _PLAIN:
            raise InvalidInput(type(payload).__name__, "is no message between agents")
        return payload

    def _payload(self, kind: str, body: msgspec.Raw) -> Any:
        match kind:
            case "TelemetryBatch":
                return telemetry.decode(_decode(body, bytes), self._ingest, self._received)
            case "FeatureFrame":
                return self._frames.read_frame(body)
            case "Prediction":
                return self._frames.read_prediction(body)
            case "PolicyAnswer":
                return _read_answer(_decode(body, _Answer))
            case "Entry":
                return _read_entry(_decode(body, _Entry))
        if kind not in _PLAIN:
            raise InvalidInput("message.kind", f"{kind} is no message between agents")
        return _decode(body, _PLAIN[kind])


def _decode(body: msgspec.Raw, kind: type[T]) -> T:
    return msgspec.msgpack.decode(body, type=kind)


def _read_answer(found: _Answer) -> PolicyAnswer:
    verdict = _VERDICTS.get(found.kind)
    if verdict is None:
        raise InvalidInput("message.verdict", f"{found.kind} is no verdict")
    return PolicyAnswer(found.id, found.incident, msgspec.msgpack.decode(found.verdict, type=verdict))


def _entry(entry: Entry) -> _Entry:
    kind, payload = encode_event(entry.event)
    return _Entry(entry.sequence, entry.incident, instant(entry.at), entry.actor, kind, payload, entry.hash)


def _read_entry(found: _Entry) -> Entry:
    event = decode_event(found.kind, found.payload)
    at = datetime.fromisoformat(found.at)
    return Entry(found.sequence, found.incident, at, found.actor, event, found.hash)
