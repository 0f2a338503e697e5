"""Versions of the model in a store of MLflow's own."""

from pathlib import Path

import pytest

from akeso.adapters.journals.sql import SqlJournal
from akeso.adapters.models.mlflow_registry import MlflowModelRegistry
from akeso.composition.detection import open_registry
from akeso.config.settings import load_settings
from akeso.ports.model_registry import ModelRegistry
from akeso.testing.model_registry import ModelRegistryContract, OpenRegistry, sample_draft

pytestmark = [
    pytest.mark.xdist_group("mlflow"),
    pytest.mark.filterwarnings("ignore"),  # MLflow's own, of how it uses SQLAlchemy and Pydantic
]


class TestMlflowModelRegistry(ModelRegistryContract):
    @pytest.fixture
    def open_registry(self, tmp_path: Path) -> OpenRegistry:
        async def again() -> ModelRegistry:
            uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
            return await MlflowModelRegistry.open(uri, "akeso-detection", tmp_path / "artifacts")

        return again


async def test_mlflow_without_an_address_gets_a_store_of_its_own(tmp_path: Path) -> None:
    settings = load_settings(None, {"data": str(tmp_path), "models": {"registry": "mlflow"}})
    journal = await SqlJournal.open("sqlite+aiosqlite:///:memory:")
    registry = await open_registry(settings, journal)
    await registry.register(sample_draft())
    assert (tmp_path / "mlflow.db").exists()
    assert list((tmp_path / "mlflow-artifacts").rglob("artefact.npz"))
    await journal.close()
