"""`akeso bench detect`: anomalies of the Numenta Anomaly Benchmark, by the shipped novelty detectors and ensemble."""

import csv
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from akeso.bench.baselines.detector_ensemble import EnsembleOptions
from akeso.bench.nab.corpus import Series, read_corpus
from akeso.bench.nab.replay import replayed
from akeso.bench.nab.scorer import PROFILES, Scored, at_threshold, optimised
from akeso.bench.nab.vus import period, vus_pr
from akeso.domain.telemetry.batches import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A labelled series, its scores, and its VUS-PR (None without an anomaly)."""

    category: str
    scored: Scored
    vus_pr: float | None


def detect(
    data: Annotated[Path, typer.Option(help="A folder with data/<category>/*.csv and labels/combined_windows.json.")],
    out: Annotated[Path, typer.Option(help="Receives <category>/akeso_<file>.csv.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Anomalies in single series: NAB score of three profiles and VUS-PR, by category."""
    corpus = read_corpus(data)
    began = time.perf_counter()
    scores = replayed(corpus)
    took = time.perf_counter() - began
    for series, found in zip(corpus, scores, strict=True):
        _write(series, found, out)
    judged = [
        _judged(series, found) for series, found in zip(corpus, scores, strict=True) if series.windows is not None
    ]
    report = {"series": len(corpus), "rows": sum(map(len, scores)), "seconds": round(took, 1)} | _report(judged)
    if as_json:
        print(json.dumps(report))
    else:
        Console().print(_table(report))


def _write(series: Series, scores: Floats, out: Path) -> None:
    label = np.zeros(len(scores), np.int64)
    for start, end in series.windows or ():
        label[start : end + 1] = 1
    path = out / series.category / f"akeso_{series.file}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("timestamp", "value", "anomaly_score", "label"))
        writer.writerows(zip(series.stamps, series.texts, scores.tolist(), label.tolist(), strict=True))


def _judged(series: Series, scores: Floats) -> Judged:
    windows = series.windows or ()
    volume = vus_pr(scores, windows, period(series.values)) if windows else None
    return Judged(series.category, Scored(scores, windows), volume)


def _report(judged: Sequence[Judged]) -> dict[str, object]:
    # Categories are scored at the corpus' threshold; `as_shipped` at the probability of the ensemble's own alarm.
    everything = [each.scored for each in judged]
    if not everything:
        return {"nab": None, "vus_pr": None, "categories": {}}
    best = {profile.name: optimised(everything, profile) for profile in PROFILES}
    shipped = EnsembleOptions().at_alarm
    thresholds = {name: result.threshold for name, result in best.items()}
    categories = {
        name: _category([each for each in judged if each.category == name], thresholds)
        for name in sorted({each.category for each in judged})
    }
    return {
        "nab": {name: {"score": _rounded(r.score), "threshold": _rounded(r.threshold)} for name, r in best.items()},
        "as_shipped": {p.name: _rounded(at_threshold(everything, p, shipped).score) for p in PROFILES},
        "vus_pr": _mean(judged),
        "categories": categories,
    }


def _category(judged: Sequence[Judged], thresholds: dict[str, float]) -> dict[str, object]:
    scored = [each.scored for each in judged]
    nab = {
        profile.name: _rounded(at_threshold(scored, profile, thresholds[profile.name]).score) for profile in PROFILES
    }
    anomalies = sum(len(each.windows) for each in scored)
    return {"series": len(judged), "anomalies": anomalies, **nab, "vus_pr": _mean(judged)}


def _mean(judged: Sequence[Judged]) -> float | None:
    volumes = [each.vus_pr for each in judged if each.vus_pr is not None]
    return round(float(np.mean(volumes)), 4) if volumes else None


def _rounded(number: float) -> float | None:
    return round(number, 4) if np.isfinite(number) else None


def _table(report: dict[str, object]) -> Table:
    names = [profile.name for profile in PROFILES]
    table = Table("category", "series", "anomalies", *names, "VUS-PR")
    categories, nab = report["categories"], report["nab"]
    if not isinstance(categories, dict) or not isinstance(nab, dict):
        return table
    for category, row in categories.items():
        shares = [_shown(row[name], 1) for name in names]
        table.add_row(category, str(row["series"]), str(row["anomalies"]), *shares, _shown(row["vus_pr"], 3))
    whole = [_shown(nab[name]["score"], 1) for name in names]
    table.add_row("all", str(report["series"]), "", *whole, _shown(report["vus_pr"], 3))
    return table


def _shown(number: object, digits: int) -> str:
    return f"{number:.{digits}f}" if isinstance(number, float) else "-"
