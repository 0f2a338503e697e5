"""`akeso bench model`: what a version of the detection model costs, and whether drift is told from wandering.

Everything is made up: latencies of services with 10 % noise for the costs; for drift, features that wander about their
mean (autoregressive, .97 from value to value), compared with themselves later, as they are and times 1.6.
"""

import json
import time
from datetime import UTC, datetime
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from akeso.domain.messages import Feedback
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureMatrix, Floats, SeriesKey
from akeso.domain.telemetry.signal import RED_MEAN, Signal
from akeso.engine.artefact_codec import decode_artefact, encode_artefact
from akeso.plugins.discovery import build
from akeso.stages.detection.decide import DecideOptions
from akeso.stages.model.drift import DriftOptions, drift, summarise
from akeso.stages.model.training import Trained, train

START = 1_700_000_000
SLOTS = 600
A_SERVICE = 10  # series
TRIALS = 20
FEATURES, REFERENCE, WINDOW = 60, 240, 150


def model(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    series: Annotated[int, typer.Option(min=20, help="How many feature series.")] = 1000,
    seed: Annotated[int, typer.Option(help="What is drawn from.")] = 1,
) -> None:
    """Training, size and taking up of a version; drift against what only wanders."""
    figures = {"series": float(series), "slots": float(SLOTS), **_costs(series, seed), **_drift(seed)}
    rounded = {name: round(value, 3) for name, value in figures.items()}
    if as_json:
        print(json.dumps(rounded))
        return
    table = Table("what", "measured")
    for name, value in rounded.items():
        table.add_row(name.replace("_", " "), f"{value:g}")
    Console().print(table)


def _costs(series: int, seed: int) -> dict[str, float]:
    past = history(series, seed)
    began = time.perf_counter()
    trained = _trained(past, ())
    without = time.perf_counter()
    _trained(past, labels())
    labelled = time.perf_counter()
    data = encode_artefact(trained.artefact)
    encoded = time.perf_counter()
    decode_artefact(data)
    decoded = time.perf_counter()
    state = sum(array.nbytes for columns in trained.artefact.states.values() for array in columns.values())
    return {
        "train_s": without - began,
        "train_with_labels_s": labelled - without,
        "encode_s": encoded - labelled,
        "decode_s": decoded - encoded,
        "state_mb": state / 1e6,
        "artefact_mb": len(data) / 1e6,
    }


def _trained(past: FeatureMatrix, said: tuple[Feedback, ...]) -> Trained:
    return train(past, build("detectors"), said, DecideOptions())


def history(series: int, seed: int) -> FeatureMatrix:
    """Ten minutes of calm."""
    random = np.random.default_rng(seed)
    keys = tuple(SeriesKey("t", f"s{n // A_SERVICE}", RED_MEAN, (("operation", str(n)),)) for n in range(series))
    values = 50.0 * random.lognormal(0.0, 0.1, (SLOTS, series))
    times = (START + np.arange(SLOTS)) * NANOSECONDS
    return FeatureMatrix(keys, np.full(series, Signal.LATENCY, np.uint8), times, values)


def labels() -> tuple[Feedback, ...]:
    """Twenty, of both kinds: all thresholds are tried."""
    moments = (datetime.fromtimestamp(START + SLOTS // 2 + n, UTC) for n in range(20))
    return tuple(
        Feedback("t", f"s{n % 2}", at, anomalous=n % 2 == 0, predicted=False, by="bench")
        for n, at in enumerate(moments)
    )


def _drift(seed: int) -> dict[str, float]:
    calm, plain, moved, took = [], [], [], 0.0
    signals, options = np.full(FEATURES, Signal.LATENCY, np.uint8), DriftOptions()
    for trial in range(TRIALS):
        values = wandering(REFERENCE + 2 * WINDOW, seed + trial)
        reference, later = values[:REFERENCE], values[-WINDOW:]
        began = time.perf_counter()
        calm.append(summarise(reference, later, signals, options).share)
        took += time.perf_counter() - began
        found = drift(reference, later, options.bins)
        plain.append(float(np.mean((found.psi > options.bound) & (found.ks > options.bound))))
        moved.append(summarise(reference, later * 1.6, signals, options).share)
    return {
        "drift_ms_a_feature": took / TRIALS / FEATURES * 1000,
        "wandering_called_drift_at_most": max(calm),
        "wandering_beyond_plain_bounds_at_least": min(plain),
        "drift_found_at_least": min(moved),
    }


def wandering(slots: int, seed: int) -> Floats:
    """float64[slots, FEATURES], a spread of 10 % about 1."""
    random, memory = np.random.default_rng(seed), 0.97
    values = [random.normal(size=FEATURES)]
    for _ in range(slots - 1):
        values.append(memory * values[-1] + random.normal(size=FEATURES) * np.sqrt(1 - memory**2))
    return np.asarray(np.exp(0.1 * np.array(values)))
