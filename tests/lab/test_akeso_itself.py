"""The parts of the lab in which Akeso itself is under test."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import numpy as np

from akeso.lab.akeso_itself.akeso_under_test import install_slow_detector
from akeso.lab.akeso_itself.run import document, told
from akeso.lab.akeso_itself.slow_detector import SlowDetector
from akeso.ports.detector import Detector
from akeso.testing.conformance.detectors import DetectorConformance, frame


class TestSlowDetector(DetectorConformance):
    def make(self) -> Detector:
        return SlowDetector()


def test_a_slow_detector_burns_time_only_while_it_is_told_to(tmp_path: Path) -> None:
    control = tmp_path / "slow_detector"
    slow_detector, slot = SlowDetector(str(control)), frame(np.ones(3))
    assert seconds(slow_detector, slot) < 0.05
    control.write_text("slow 0.1")
    assert seconds(slow_detector, slot) >= 0.1
    control.unlink()
    assert seconds(slow_detector, slot) < 0.05


def seconds(slow_detector: SlowDetector, slot: Any) -> float:
    loop = asyncio.new_event_loop()
    began = loop.time()
    slow_detector.score(slot)
    took = loop.time() - began
    loop.close()
    return took


def test_a_slow_detector_hangs_once_and_for_good(tmp_path: Path) -> None:
    control = tmp_path / "slow_detector"
    control.write_text("hang")
    slow_detector = SlowDetector(str(control))
    hung = threading.Thread(target=slow_detector.score, args=(frame(np.ones(3)),), daemon=True)
    hung.start()
    hung.join(0.1)
    assert hung.is_alive()
    assert not control.exists()
    assert not slow_detector.score(frame(np.ones(3))).score.any()


def test_the_slow_detector_is_a_distribution_of_its_own(tmp_path: Path) -> None:
    folder = install_slow_detector(tmp_path / "plugins")
    (entry,) = folder.glob("*.dist-info/entry_points.txt")
    assert "detectors.slow_detector = akeso.lab.akeso_itself.slow_detector" in entry.read_text()


def case(**changes: Any) -> dict[str, Any]:
    known = {"scenario": "drift", "incident": "i1", "status": "RESOLVED", "detection_s": 30.0, "mttr_s": 8.0,
             "verified": "recovered", "healed": True, "actions": ["retrain_model akeso.model: applied"],
             "measured": "0% of features drift"}  # fmt: skip
    return known | changes


def test_the_summary_counts_what_was_not_noticed_and_not_healed() -> None:
    missed = case(incident=None, detection_s=None, mttr_s=None, verified=None, healed=False)
    found = document([case(), case(mttr_s=12.0), missed], {"seed": 1})
    summary = found["summary"]
    assert (summary["cases"], summary["detected"], summary["healed"]) == (3, 2, 2)
    assert (summary["median_mttr_s"], summary["longest_mttr_s"], summary["median_detection_s"]) == (10.0, 12.0, 30.0)
    assert summary["by_scenario"]["hung_agent"]["cases"] == 0
    assert found["about"]["windows"]["selfcheck.silence"] == 8
    assert "not noticed" in told(missed)
    assert "NOT healed" in told(case(healed=False))
