"""A made-up shop in the files of PetShop, for tests of the benchmarks: one calm day and one slow callee."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

STEP_S = 300
CALLS = {"door": ("cart", "search"), "cart": ("store",), "search": ("store",), "store": ()}
USUAL = {"door": (0.100, 600), "cart": (0.030, 300), "search": (0.020, 500), "store": (0.004, 800)}
COLUMNS = (("latency", "Average"), ("latency", "p95"), ("requests", "Sum"), ("availability", "Average"))
ALARM = 1_000_000.0


def write_sheet(path: Path, start: float, slots: int, slower: Mapping[int, Mapping[str, float]]) -> None:
    """slower: step → node → seconds that its requests take longer."""
    random = np.random.default_rng(int(start))
    path.parent.mkdir(parents=True, exist_ok=True)
    heads = [(node, *column) for node in USUAL for column in COLUMNS]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        for i, title in enumerate(("microservice", "metric", "statistic")):
            writer.writerow([title, *(head[i] for head in heads)])
        writer.writerow(["unix_timestamp", *("" for _ in heads)])
        for slot in range(slots):
            cells: list[float] = []
            for node, (seconds, requests) in USUAL.items():
                mean = seconds * random.normal(1.0, 0.03) + slower.get(slot, {}).get(node, 0.0)
                cells += [mean, 2 * mean, requests + float(random.integers(-20, 20)), 100.0]
            writer.writerow([start + slot * STEP_S, *cells])


def write_petshop(folder: Path, calm: int = 90) -> Path:
    """The folder, with the scenario `quiet`: `calm` steps of calm, and an issue whose cause is `search`."""
    scenario = folder / "quiet"
    write_sheet(scenario / "noissue" / "metrics.csv", 5_000_000.0, calm, {})
    hurt = {"search": 0.060, "door": 0.050}
    issue = scenario / "train" / "issue_0"
    write_sheet(issue / "metrics.csv", ALARM - 550, 5, {2: hurt, 3: hurt})
    truth = {"target": {"node": "door", "metric": "latency", "timestamp": ALARM}, "root_cause": {"node": "search"}}
    (issue / "target.json").write_text(json.dumps(truth))
    with (scenario / "graph.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["", *CALLS])
        writer.writerows([node, *(float(other in called) for other in CALLS)] for node, called in CALLS.items())
    return scenario.parent
