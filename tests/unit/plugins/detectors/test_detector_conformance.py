"""Every detector that discovery finds passes the suite that ships for plugin authors."""

import pytest

from akeso.plugins.discovery import discover
from akeso.ports.detector import Detector
from akeso.testing.detectors import DetectorConformance


@pytest.mark.parametrize("name", sorted(discover("detectors")))
class TestDiscoveredDetectors(DetectorConformance):
    @pytest.fixture(autouse=True)
    def _chosen(self, name: str) -> None:
        self.chosen = name
        self.short_memory = getattr(discover("detectors")[name], "short_memory", False)

    def make(self) -> Detector:
        detector: Detector = discover("detectors")[self.chosen]()
        return detector


def test_each_is_a_detector() -> None:
    assert all(isinstance(plugin(), Detector) for plugin in discover("detectors").values())
