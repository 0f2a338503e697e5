"""Nezha: its faults, and faults put into the last part of its calm minutes at services with enough requests."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from akeso.bench.corpus.known import Known, names
from akeso.bench.corpus.spoilt import Fault, Recording, fails, slow_network, stops
from akeso.bench.datasets import nezha
from akeso.bench.datasets.nezha_rows import read_lines, read_spans
from akeso.domain.telemetry.batches import NANOSECONDS, SpanKind

_CALM = 0.6  # of the traces, which stay as they are
_ENOUGH = 6  # requests to a service
_FAULTS: Mapping[str, Fault] = MappingProxyType({"slow network": slow_network(200.0), "stops": stops, "fails": fails})


def cases(data: Path) -> Iterator[Known]:
    """Every fault of every day below a folder, and those that are added; nothing when it has none. Faults of one kind
    at one service belong together."""
    for each in nezha.labelled(data):
        group = f"nezha/{each.service}/{each.cause}"
        yield Known("nezha", each.name, group, each.case, names(each.service))
    for day in nezha.days(data):
        if day.well is not None:
            yield from _added(day.well)


def _added(well: Path) -> Iterator[Known]:
    spans = read_spans(sorted((well / "trace").glob("*.csv")))
    lines = read_lines(sorted((well / "log").glob("*.csv")))
    whole = Recording(tuple(spans), tuple(lines))
    starts = sorted(span.start for span in spans if not span.parent)
    onset = starts[int(_CALM * len(starts))] // NANOSECONDS * NANOSECONDS
    calm, rest = whole.between(0, onset), whole.between(onset, starts[-1] + 1)
    asked = Counter(span.service for span in rest.spans if span.kind == SpanKind.SERVER)
    for service in sorted(name for name, count in asked.items() if count >= _ENOUGH):
        for kind, fault in _FAULTS.items():
            worse = fault(rest, service)
            if worse != rest:
                both = calm.and_then(worse)
                case = nezha.picture(list(both.spans), list(both.lines), onset, well / "metric")
                label = f"{well.name}/{service}/{kind}"
                yield Known("nezha added", label, f"nezha added/{service}", case, names(service), derived=True)
