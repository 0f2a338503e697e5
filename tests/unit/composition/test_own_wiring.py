"""Which registry the settings choose, what is connected, and what /metrics says of the pipeline."""

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from akeso.adapters.journals.sql import SqlJournal
from akeso.adapters.models.sql import SqlModelRegistry
from akeso.composition.detection import Detection, Surroundings, open_detection
from akeso.composition.prometheus_collectors import PipelineCollector
from akeso.config.settings import Settings, load_settings
from akeso.domain.errors import InvalidSettings
from akeso.domain.estate.service import Services
from akeso.domain.telemetry.series import SeriesTable
from akeso.testing.clock import FakeClock
from akeso.testing.engine import RelayBus
from akeso.testing.model_registry import sample_draft


async def opened(folder: Path, settings: Settings) -> tuple[SqlJournal, Detection]:
    journal = await SqlJournal.open(f"sqlite+aiosqlite:///{folder / 'akeso.db'}")
    history: Any = None  # nothing is trained here
    around = Surroundings(journal, RelayBus(), FakeClock(), SeriesTable(), history, Services(), 0)
    return journal, await open_detection(settings, around)


async def test_versions_live_beside_the_journal_unless_told_otherwise(tmp_path: Path) -> None:
    journal, detection = await opened(tmp_path, load_settings(None, {"data": str(tmp_path)}))
    assert isinstance(detection.pipeline.registry, SqlModelRegistry)
    assert [agent.name for agent in detection.agents] == ["model", "decision", "monitoring", "evaluation"]
    await journal.close()


async def test_the_champions_threshold_is_in_force_from_the_start(tmp_path: Path) -> None:
    settings = load_settings(None, {"data": str(tmp_path)})
    journal, detection = await opened(tmp_path, settings)
    registry = detection.pipeline.registry
    await registry.promote((await registry.register(sample_draft())).version)
    await journal.close()
    journal, again = await opened(tmp_path, settings)
    await again.model.start()
    assert (again.pipeline.threshold, again.pipeline.model) == (1.25, "1")
    await journal.close()


def test_an_unknown_registry_is_refused_by_name() -> None:
    with pytest.raises(InvalidSettings, match=r"models\.registry"):
        load_settings(None, {"models": {"registry": "a drawer"}})


async def test_the_pipeline_is_told_to_prometheus(tmp_path: Path) -> None:
    journal, detection = await opened(tmp_path, load_settings(None, {"data": str(tmp_path)}))
    registry = CollectorRegistry()
    registry.register(PipelineCollector(detection.monitoring, detection.pipeline))
    assert registry.get_sample_value("akeso_model_info", {"version": "none"}) == 1
    assert registry.get_sample_value("akeso_pipeline_safe_mode") == 0
    assert registry.get_sample_value("akeso_pipeline_inference_events") == 0
    assert registry.get_sample_value("akeso_pipeline_accuracy") is None  # not known
    await journal.close()
