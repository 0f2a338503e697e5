"""Rules of entities and meanings of metrics that a team brings along."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from akeso.composition.files import use_tables
from akeso.config.settings import Settings
from akeso.domain.errors import InvalidSettings
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.signal import Signal
from akeso.protocols.entities import entity_of
from akeso.stages.features.metric_meanings import signal_of

WAIT = SeriesKey("t", "s", "parcel_wait_time_in_line")


@pytest.fixture(autouse=True)
def shipped_again() -> Iterator[None]:
    yield
    use_tables(Settings())


def test_a_teams_own_files_come_into_force(tmp_path: Path) -> None:
    (tmp_path / "entities.yaml").write_text("rules: [{kind: service, labels: [team_app]}]")
    (tmp_path / "metrics.yaml").write_text(
        "- {page: 'https://example.org', metrics: {parcel_wait_time_in_line: {type: gauge, role: latency}}}"
    )
    assert signal_of(WAIT) is Signal.OTHER
    use_tables(Settings(entities=tmp_path / "entities.yaml", meanings=tmp_path / "metrics.yaml"))
    assert entity_of({"team_app": "cart", "service": "x"}).name == "cart"
    assert signal_of(WAIT) is Signal.LATENCY


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"entities.*cannot be read"):
        use_tables(Settings(entities=tmp_path / "none.yaml"))
