"""The detection model in a real MLflow server: kept, promoted and rolled back where others can see it."""

from collections.abc import Iterator

import httpx
import pytest

from akeso.adapters.models.mlflow_registry import MlflowModelRegistry
from akeso.domain.detection.detection_model import Alias
from akeso.domain.errors import Unavailable
from akeso.ports.model_registry import ModelRegistry
from akeso.testing.model_registry import ModelRegistryContract, OpenRegistry, sample_draft
from akeso.testing.servers.mlflow_server import mlflow_server
from akeso.testing.servers.running import free_port

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore"),  # MLflow's own
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as url:
        yield url


class TestMlflowServer(ModelRegistryContract):
    @pytest.fixture
    def open_registry(self, server: str, request: pytest.FixtureRequest) -> OpenRegistry:
        async def again() -> ModelRegistry:
            return await MlflowModelRegistry.open(server, request.node.name)

        return again


def champion(server: str, model: str) -> tuple[str, str]:
    """The version and the description of the champion, as the server tells anybody who asks."""
    asked = {"name": model, "alias": Alias.CHAMPION.value}
    answer = httpx.get(
        f"{server}/api/2.0/mlflow/registered-models/alias", params=asked, trust_env=False, verify=False, timeout=30
    )
    found = answer.raise_for_status().json()["model_version"]
    return found["version"], found["description"]


async def test_a_rollback_is_seen_by_whoever_asks_the_server(server: str) -> None:
    registry = await MlflowModelRegistry.open(server, "seen")
    first, second = [(await registry.register(sample_draft())).version for _ in range(2)]
    await registry.promote(first)
    await registry.promote(second)
    assert champion(server, "seen") == (second, sample_draft().reason)
    await registry.promote((await registry.aliases())[Alias.PREVIOUS])
    assert champion(server, "seen") == (first, sample_draft().reason)
    again = await MlflowModelRegistry.open(server, "seen")
    assert (await again.aliases())[Alias.CHAMPION] == first
    assert (await again.load(first)).keys == sample_draft().artefact.keys


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="MLflow"):
        await MlflowModelRegistry.open(f"http://127.0.0.1:{free_port()}", "absent")
