"""Akeso heals itself of every real fault of its own pipeline."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from akeso.lab.akeso_itself.scenarios import SCENARIOS

pytestmark = [pytest.mark.xdist_group("shop"), pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(420)]


def test_every_scenario_is_detected_healed_verified_and_remembered(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "akeso", "lab", "run", "--scenarios", "self", "--out", str(tmp_path), "--json"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert report == json.loads((tmp_path / "report.json").read_text())
    assert [case["scenario"] for case in report["cases"]] == [scenario.name for scenario in SCENARIOS]
    for case, scenario in zip(report["cases"], SCENARIOS, strict=True):
        assert case["fault_class"] == {"expected": scenario.fault_class, "got": scenario.fault_class}
        assert case["policy"] == {"verdict": "allow", "by": "heal-itself"}
        assert any(action.startswith(scenario.action) for action in case["actions"])
        assert (case["healed"], case["well"], case["verified"], case["remembered"]) == (True, True, "recovered", True)
        assert 0 < case["mttr_s"] < 60
    assert report["summary"]["healed"] == len(SCENARIOS)
