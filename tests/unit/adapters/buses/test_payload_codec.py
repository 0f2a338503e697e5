"""Messages as bytes: they arrive as they were, in a process whose series have other ids."""

from contextlib import suppress
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akeso.adapters.buses.codec import PayloadCodec
from akeso.domain.errors import InvalidInput
from akeso.domain.incident.plan import Step
from akeso.domain.incident.verdict import Allow, Ask, Deny, Modify, Verdict
from akeso.domain.messages import PolicyAnswer, Prediction
from akeso.domain.telemetry.batches import FeatureFrame, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.domain.telemetry.signal import Signal
from akeso.ports.bus import Topic
from akeso.stages.features.metric_meanings import signal_of
from akeso.testing.bus import KEYS, alert, same, samples

ALIEN = SeriesKey("acme", "alien", "process.cpu.time")


@pytest.mark.parametrize("topic", list(Topic))
def test_every_kind_of_message_comes_back_the_same(topic: Topic) -> None:
    ingest, features = SeriesTable(), SeriesTable()
    codec = PayloadCodec(ingest, features)
    payload = samples(ingest, features)[topic]
    assert same(codec.decode(codec.encode(payload)), payload)


VERDICTS = (Allow("p"), Deny("p", "w"), Modify("p", Step("s", "a", "t"), "w"), Ask("p", ("admin",), timedelta(hours=2)))


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_comes_back_the_same(verdict: Verdict) -> None:
    codec = PayloadCodec()
    answer = PolicyAnswer("q", "i", verdict)
    assert codec.decode(codec.encode(answer)) == answer


def test_rows_of_a_frame_find_their_series_in_the_readers_table() -> None:
    sender, reader = SeriesTable(), SeriesTable([ALIEN, KEYS[1]])
    made = samples(SeriesTable(), sender)[Topic.PREDICTIONS]
    codec = PayloadCodec(features=reader)
    found = codec.decode(PayloadCodec(features=sender).encode(made))
    assert isinstance(found, Prediction)
    assert list(reader.keys) == [ALIEN, KEYS[1], KEYS[0]]
    np.testing.assert_array_equal(found.frame.values, [np.nan, 1.0, 0.0])
    assert [Signal(code) for code in found.frame.signals] == [Signal.CPU, Signal.BACKLOG, Signal.LATENCY]
    np.testing.assert_array_equal(found.score, [[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
    assert np.isnan(found.expected).all()


def test_frames_grow_with_the_senders_table() -> None:
    sender, reader = SeriesTable(), SeriesTable()
    outward, inward = PayloadCodec(features=sender), PayloadCodec(features=reader)
    for size in (1, 1, 4, 4, 9):
        sender.intern_all(SeriesKey("t", "s", f"m{n}") for n in range(size))
        values = np.arange(size, dtype=np.float64)
        frame = FeatureFrame(size, 1, values, np.array([signal_of(key) for key in sender.keys], np.uint8))
        assert same(inward.decode(outward.encode(frame)), frame)
        assert len(reader) == size


def test_an_older_frame_than_the_table_is_still_readable() -> None:
    table = SeriesTable(KEYS)
    codec = PayloadCodec(features=table)
    early = codec.encode(FeatureFrame(1, 1, np.zeros(1), np.zeros(1, np.uint8)))
    found = codec.decode(early)
    np.testing.assert_array_equal(found.values, [0.0, np.nan])


def test_a_frame_wider_than_its_table_is_refused() -> None:
    with pytest.raises(InvalidInput):
        PayloadCodec().encode(FeatureFrame(1, 1, np.zeros(1), np.zeros(1, np.uint8)))


@pytest.mark.parametrize("payload", [None, object(), "text", KEYS[0], {"a": 1}])
def test_what_is_no_message_is_refused(payload: object) -> None:
    with pytest.raises(InvalidInput):
        PayloadCodec().encode(payload)


@settings(max_examples=150, deadline=None, database=None)
@given(st.data())
def test_damaged_bytes_are_refused_or_decode_to_something_whole(data: st.DataObject) -> None:
    ingest, features = SeriesTable(), SeriesTable()
    codec = PayloadCodec(ingest, features)
    whole = codec.encode(samples(ingest, features)[data.draw(st.sampled_from(list(Topic)))])
    place = data.draw(st.integers(0, len(whole) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "noise"]))
    match kind:
        case "flip":
            damaged = whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
        case "cut":
            damaged = whole[:place]
        case _:
            damaged = data.draw(st.binary(max_size=64))
    with suppress(InvalidInput):  # and nothing else
        codec.decode(damaged)
        assert kind != "cut"


def test_another_version_is_refused_by_name() -> None:
    encoded = PayloadCodec().encode(alert("a"))
    with pytest.raises(InvalidInput) as refused:
        PayloadCodec().decode(encoded[:1] + b"\x02" + encoded[2:])
    assert refused.value.field == "message.version"
