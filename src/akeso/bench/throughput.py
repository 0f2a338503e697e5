"""`akeso bench throughput`: what goes through, how fast, how late and at what price.

*From body to decision*: an `akeso up` in a process of its own takes requests over sockets, as a sender sends them,
and acknowledges each once it is durable. A sample is decided when a decision that counts it was published, on its
slot or on the early look at it (delays without these looks are told beside the others); it is seen here by the mark
that the healing agent sets, durably, behind each decision, so a little later. A load is kept up with when at most one
item in a hundred was refused, not sent in time, or counted in another slot than its own, and decisions stay within
three seconds. A rate is the number of items of all slots between two such decisions over the time between them, at
the highest load that was kept up with. Requests are prepared beforehand and compressed, with true times in them;
every series was sent once before. Delays are from just before a request is sent to the sight of the decision, at half
of the goal's load, over samples.

*The kernel* is CPU time of one core over frames in which each series has a value: score and learn, all streaming
detectors of the default ensemble, one after the other; an update is one value of one series through all of them.

*Peers* do a part of the same work in the bench's own process: River's detectors one value after the other, drain3 on
the same lines, and a plain protobuf walk over the same bodies.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from akeso.bench.load import bus, peers
from akeso.bench.load.bodies import Body, Template, bodies, paced
from akeso.bench.load.kernel import kernel_speed
from akeso.bench.load.memory import bytes_per_series
from akeso.bench.load.metrics import first_templates, otlp_templates, second_templates
from akeso.bench.load.records import LogLoad, SpanLoad
from akeso.bench.load.through import Held, Load, held, highest
from akeso.bench.logs import mined
from akeso.domain.errors import InvalidInput

GOALS = {
    "remote_write_samples_per_s": 450_000,
    "otlp_datapoints_per_s": 300_000,
    "log_lines_per_s": 100_000,
    "spans_per_s": 50_000,
    "p99_delay_ms": 1_000,
    "bytes_per_series": 4_096,
    "kernel_updates_per_s": 20_000_000,
    "curve_fall": 0.3,
}
SERIES = 10_000
CURVE = (1_000, 100_000)
_SETTINGS = ("features.series=200000",)
_WRITE = "content-type: application/x-protobuf\r\ncontent-encoding: snappy\r\n"
_SECOND = "content-type: application/x-protobuf;proto=io.prometheus.write.v2.Request\r\ncontent-encoding: snappy\r\n"
_PLAIN = "content-type: application/x-protobuf\r\n"
# What the early looks at open slots are worth.
_NO_LOOKS = ("features.early_evaluation=false",)

Figures = dict[str, float]


def throughput(
    out: Annotated[Path | None, typer.Option(help="Receives throughput.json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    seconds: Annotated[float, typer.Option(min=5, help="How long each load lasts.")] = 10,
    only: Annotated[str, typer.Option(help="Parts to measure, by comma; all without.")] = "",
) -> None:
    """Samples, lines and spans from the body to the decision, delay, kernel, bus and memory, each beside a peer.

    Parts: remote_write, remote_write_2, otlp, logs, spans, delay, curve, kernel, bus, memory.
    """
    figures: Figures = {}
    for name in _chosen(only):
        figures |= _PARTS[name](seconds)
    report = {name: round(value, 3) for name, value in figures.items()}
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "throughput.json").write_text(json.dumps(report, indent=1))
    if as_json:
        print(json.dumps(report))
    else:
        Console().print(_table(report))


def _chosen(only: str) -> list[str]:
    names = [name.strip() for name in only.split(",") if name.strip()] or list(_PARTS)
    if unknown := [name for name in names if name not in _PARTS]:
        raise InvalidInput("--only", f"{unknown[0]} is none of {', '.join(_PARTS)}")
    return names


def _rated(load: Load, name: str, expected: float) -> Figures:
    found = highest(load, expected)
    return {name: _rate(found), f"{name}_cores": found.cpu}


def _rate(found: Held) -> float:
    return found.decided if found.kept_up else 0.0


def _remote_write(seconds: float) -> Figures:
    found = _usual_series(seconds)
    figures = {"remote_write_samples_per_s": _rate(found), "remote_write_samples_per_s_cores": found.cpu}
    now, random = time.time_ns(), np.random.default_rng(5)
    some = [first_templates(SERIES)[0].at(now + number, random) for number in range(10)]
    return figures | {"protobuf_walk_samples_per_s": peers.protobuf_samples(some)}


@cache
def _usual_series(seconds: float) -> Held:
    # One measurement, of which the curve is a continuation.
    return highest(_written(first_templates(SERIES), _WRITE, seconds), GOALS["remote_write_samples_per_s"])


def _remote_write_2(seconds: float) -> Figures:
    return _rated(_written(second_templates(SERIES), _SECOND, seconds), "remote_write_2_samples_per_s", 450_000)


def _otlp(seconds: float) -> Figures:
    load = _templated("/v1/metrics", _PLAIN, otlp_templates(SERIES), seconds)
    return _rated(load, "otlp_datapoints_per_s", 300_000)


def _logs(seconds: float) -> Figures:
    made = LogLoad(np.random.default_rng(3))
    load = _made("/loki/api/v1/push", _WRITE, made.body, seconds)
    figures, lines = _rated(load, "log_lines_per_s", 100_000), made.lines(20_000)
    return figures | {"template_miner_lines_per_s": len(lines) / mined(lines)[1]} | peers.drain_lines(lines)


def _spans(seconds: float) -> Figures:
    made = SpanLoad(np.random.default_rng(3))
    figures = _rated(_made("/v1/traces", _PLAIN, made.body, seconds), "spans_per_s", 50_000)
    some = [made.body(time.time_ns()).data for _ in range(10)]
    return figures | {"protobuf_walk_spans_per_s": peers.protobuf_spans(some)}


def _delay(seconds: float) -> Figures:
    load = _written(first_templates(SERIES), _WRITE, seconds)
    found = held(load, GOALS["remote_write_samples_per_s"] / 2)
    whole = held(replace(load, settings=(*load.settings, *_NO_LOOKS)), GOALS["remote_write_samples_per_s"] / 2)
    return {
        "p50_delay_ms": found.p50_ms,
        "p99_delay_ms": found.p99_ms,
        "p50_delay_ms_whole_slots": whole.p50_ms,
        "p99_delay_ms_whole_slots": whole.p99_ms,
    }


def _curve(seconds: float) -> Figures:
    """What many and few series make of the rate kept up with at the usual number; higher rates are not tried."""
    usual = _usual_series(seconds)
    rates = {SERIES: _rate(usual)}
    for series in CURVE:
        load = _written(first_templates(series), _WRITE, seconds)
        rates[series] = _rate(highest(load, usual.offered, most=usual.offered))
    figures = {f"remote_write_samples_per_s_{series}_series": rate for series, rate in sorted(rates.items())}
    return figures | {"curve_fall": 1.0 - min(rates.values()) / max(*rates.values(), 1.0)}


def _kernel(seconds: float) -> Figures:
    del seconds
    found = kernel_speed(100_000)
    each = {f"kernel_{name}_updates_per_s": rate for name, rate in found.each.items()}
    whole = {"kernel_updates_per_s": found.streaming, "kernel_whole_ensemble_updates_per_s": found.whole}
    return whole | each | peers.river_updates()


def _bus(seconds: float) -> Figures:
    del seconds
    return {"bus_events_per_s": bus.bus_events_per_s(), "asyncio_queue_events_per_s": bus.queue_events_per_s()}


def _memory(seconds: float) -> Figures:
    del seconds
    kept, worked = bytes_per_series(SERIES)
    return {"bytes_per_series": kept, "bytes_per_series_at_work": worked}


_PARTS: Mapping[str, Callable[[float], Figures]] = MappingProxyType(
    {
        "kernel": _kernel,
        "bus": _bus,
        "remote_write": _remote_write,
        "remote_write_2": _remote_write_2,
        "otlp": _otlp,
        "logs": _logs,
        "spans": _spans,
        "delay": _delay,
        "curve": _curve,
        "memory": _memory,
    }
)


def _written(templates: list[Template], headers: str, seconds: float) -> Load:
    return _templated("/api/v1/write", headers, templates, seconds)


def _templated(path: str, headers: str, templates: list[Template], seconds: float) -> Load:
    random = np.random.default_rng(11)

    def warm(instant: int) -> list[Body]:
        return [Body(instant, each.at(instant, random), len(each.stamps)) for each in templates]

    def prepare(start: int, rate: float) -> list[Body]:
        return bodies(templates, start, rate, seconds, random)

    return Load(path, headers, prepare, warm, _SETTINGS)


def _made(path: str, headers: str, make: Callable[[int], Body], seconds: float) -> Load:
    def warm(instant: int) -> list[Body]:
        return [make(instant + number) for number in range(20)]

    def prepare(start: int, rate: float) -> list[Body]:
        return paced(make, start, rate, seconds)

    return Load(path, headers, prepare, warm, _SETTINGS)


def _table(figures: Figures) -> Table:
    table = Table("what", "measured", "goal")
    for name, value in figures.items():
        goal = GOALS.get(name)
        table.add_row(name, f"{value:,.3f}" if value < 10 else f"{value:,.0f}", "-" if goal is None else f"{goal:,g}")
    return table
