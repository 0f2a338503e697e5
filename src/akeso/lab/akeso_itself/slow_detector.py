"""A detector that can be made slow, or made to hang: what a badly written plugin does to the pipeline.

It is installed as a plugin of its own beside the Akeso that the lab starts (see
akeso.lab.akeso_itself.akeso_under_test), and found by that one alone.
"""

import threading
import time
from pathlib import Path

import numpy as np

from akeso.domain.telemetry.batches import FeatureFrame, Mask
from akeso.ports.detector import Scores, State


class SlowDetector:
    """Sees nothing. While the file `control` says `slow <seconds>`, it burns that much processor time a frame; when it
    says `hang`, it removes the file and never returns."""

    name = "slow_detector"

    def __init__(self, control: str = "") -> None:
        self._control = Path(control) if control else None

    def score(self, frame: FeatureFrame) -> Scores:
        self._obey()
        nothing = np.full(len(frame.values), np.nan)
        return Scores(np.zeros(len(frame.values)), nothing, nothing)

    def learn(self, frame: FeatureFrame, update: Mask) -> None:
        """Nothing."""

    def snapshot(self) -> State:
        return {}

    def restore(self, state: State) -> None:
        """Nothing was kept."""

    def _obey(self) -> None:
        if self._control is None or not self._control.exists():
            return
        match self._control.read_text().split():
            case ["slow", seconds]:
                burn(float(seconds))
            case ["hang"]:
                self._control.unlink()
                threading.Event().wait()


def burn(seconds: float) -> None:
    """Keep a processor busy for so long."""
    until = time.perf_counter() + seconds
    work = np.random.default_rng(0).random(20_000)
    while time.perf_counter() < until:
        np.sort(work)
