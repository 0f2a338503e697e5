"""Server machines with labelled events (SMD: Su et al. 2019, "Robust Anomaly Detection for Multivariate Time Series").

A machine is `<name>_train.csv.gz`, `<name>_test.csv.gz` (a column a metric, a row a step) and `<name>_events.json`.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akeso.domain.errors import InvalidInput

_EVENTS = "_events.json"


@dataclass(frozen=True, slots=True, eq=False)
class Machine:
    """values: float64[rows, metrics], what is learnt from and then what is judged; first: the row at which judging
    begins; events: first and last row of each, counted from `first`; step_s: seconds between two rows."""

    name: str
    metrics: tuple[str, ...]
    values: NDArray[np.float64]
    first: int
    events: tuple[tuple[int, int], ...]
    step_s: float

    @property
    def days(self) -> float:
        """Days that are judged."""
        return (len(self.values) - self.first) * self.step_s / 86_400


def machines(folder: Path) -> Iterator[Machine]:
    """Every machine of a folder, by name. Raises InvalidInput when there is none, or a file is missing or broken."""
    found = sorted(folder.glob(f"*{_EVENTS}"))
    if not found:
        raise InvalidInput("--data", f"no machine in {folder}: looked for <name>{_EVENTS}")
    for path in found:
        yield _machine(folder, path.name.removesuffix(_EVENTS))


def _machine(folder: Path, name: str) -> Machine:
    told = json.loads((folder / f"{name}{_EVENTS}").read_text(encoding="utf-8"))
    metrics, learnt = _table(folder / f"{name}_train.csv.gz")
    same, judged = _table(folder / f"{name}_test.csv.gz")
    if metrics != same:
        raise InvalidInput(f"{name}_test.csv.gz", "has other columns than the file to learn from")
    events = tuple((int(event["start"]), int(event["end"])) for event in told["events"])
    values = np.concatenate([learnt, judged])
    return Machine(name, metrics, values, len(learnt), events, float(told["step_seconds"]))


def _table(path: Path) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            names = tuple(file.readline().strip().split(","))
            return names, np.loadtxt(file, delimiter=",", ndmin=2)
    except (OSError, ValueError) as bad:
        raise InvalidInput(str(path), str(bad)) from bad
