"""An early look at a slot tells what the slot would tell by now, and leaves no trace."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import timedelta

import numpy as np

from akeso.domain.telemetry.batches import FeatureFrame, SeriesKey, SpanKind, Temporality
from akeso.domain.telemetry.signal import EDGE_MEAN, RED_ERRORS, RED_MEAN, RED_RATE, SILENCE
from akeso.stages.features.slots import FeatureOptions
from akeso.testing.feature_bench import FeatureBench
from akeso.testing.window import Span

OPTIONS = FeatureOptions(lateness=timedelta(seconds=0.4))
TOTAL = SeriesKey("acme", "cart", "requests_total", temporality=Temporality.CUMULATIVE)
LEVEL = SeriesKey("acme", "cart", "queue.depth")
BUCKETS = [
    SeriesKey("acme", "cart", "wait", (("le", bound),), "ms", Temporality.CUMULATIVE, stat="bucket")
    for bound in ("10.0", "100.0", "+Inf")
]
COUNT = SeriesKey("acme", "cart", "wait", (), "ms", Temporality.CUMULATIVE, stat="count")


def spans(second: int, share: float) -> list[Span]:
    """A call of cart by the frontend and its answer, some of them in error."""
    made = []
    for number in range(4):
        end = second + share + number / 100
        name = 1 + 2 * round(100 * (100 * second + 10 * share) + number)
        made.append(Span("frontend", SpanKind.CLIENT, end - 0.09, end, name, peer="cart"))
        made.append(Span("cart", SpanKind.SERVER, end - 0.08, end - 0.01, name + 1, parent=name, error=number == 0))
    return made


def load(bench: FeatureBench, seconds: int) -> Iterator[float]:
    """Metrics and spans twice a second; the time after each batch."""
    for half in range(2 * seconds):
        at = half / 2 + 0.2
        points = [(TOTAL, at, 10.0 * half**2), (LEVEL, at, float(half)), (COUNT, at, 9.0 * half)]
        points += [(key, at, 3.0 * half * rank) for rank, key in enumerate(BUCKETS, 1)]
        bench.send(at, *points, spans=spans(half // 2, at % 1))
        yield at


def run(bench: FeatureBench, *, evaluated: bool) -> tuple[list[FeatureFrame], dict[str, int], list[FeatureFrame]]:
    """Closed frames, the tally, the looks."""
    bench.begin(replace(OPTIONS, early_evaluation=evaluated))
    early = [bench.builder.look(bench.at(at + 0.25)) for at in load(bench, 8) if at % 1 > 0.5]
    bench.closed.extend(bench.builder.close_until(bench.at(9.0)))
    return bench.frames, asdict(bench.builder.tally), [frame for frame in early if frame is not None]


def by_name(bench: FeatureBench, frame: FeatureFrame) -> dict[str, float]:
    keys = bench.features.keys[: len(frame.values)]
    return {
        f"{key.service} {key.metric} {key.attributes} {key.stat}": v for key, v in zip(keys, frame.values, strict=True)
    }


def test_looks_change_nothing_of_what_slots_tell(bench: FeatureBench) -> None:
    plain, tally, none = run(bench, evaluated=False)
    expected = [by_name(bench, frame) for frame in plain]
    looked, tally_looked, early = run(bench, evaluated=True)
    assert none == []
    assert len(early) >= 7
    assert tally == tally_looked
    assert len(plain) == len(looked)
    for frame, names in zip(looked, expected, strict=True):
        found = by_name(bench, frame)
        assert found.keys() == names.keys()
        np.testing.assert_array_equal(list(found.values()), [names[name] for name in found])


def test_a_look_tells_the_slot_as_far_as_it_has_come(bench: FeatureBench) -> None:
    frames, _, early = run(bench, evaluated=True)
    look = next(frame for frame in early if frame.end > frames[4].end)
    slot = next(frame for frame in frames if frame.end > look.end)
    assert look.partial
    assert not slot.partial
    rows = {(key.service, key.metric): row for row, key in enumerate(bench.features.keys) if not key.stat}
    told = [
        rows[place] for place in (("cart", RED_MEAN), ("cart", RED_ERRORS), ("cart", RED_RATE), ("frontend", EDGE_MEAN))
    ]
    np.testing.assert_allclose(look.values[told], slot.values[told])
    assert slot.values[rows["cart", RED_RATE]] == 8.0
    assert look.values[rows["cart", SILENCE]] < 0.5


def test_many_series_and_late_slots_are_not_looked_at(bench: FeatureBench) -> None:
    for options in (replace(OPTIONS, early_evaluation_series=2), replace(OPTIONS, lateness=timedelta(seconds=1.0))):
        bench.begin(options)
        assert [bench.builder.look(bench.at(at + 0.25)) for at in load(bench, 3)] == [None] * 6
