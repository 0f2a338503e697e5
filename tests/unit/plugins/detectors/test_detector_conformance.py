"""Every detector that discovery finds passes the suite that ships for plugin authors."""

import pytest

from akeso.domain.errors import InvalidSettings
from akeso.plugins.discovery import discover
from akeso.ports.detector import Detector
from akeso.testing.conformance.detectors import DetectorConformance


def can_run(name: str) -> bool:
    """Whether the extra of a detector, if it has one, is installed; before a landing all are (tests/extras)."""
    try:
        discover("detectors")[name]()
    except InvalidSettings as refused:
        return "extra" not in str(refused)
    return True


NAMES = sorted(filter(can_run, discover("detectors")))


@pytest.mark.parametrize("name", NAMES)
class TestDiscoveredDetectors(DetectorConformance):
    @pytest.fixture(autouse=True)
    def _chosen(self, name: str) -> None:
        self.chosen = name
        self.short_memory = getattr(discover("detectors")[name], "short_memory", False)

    def make(self) -> Detector:
        detector: Detector = discover("detectors")[self.chosen]()
        return detector


def test_each_is_a_detector() -> None:
    assert all(isinstance(discover("detectors")[name](), Detector) for name in NAMES)
