"""The MiniLM embedder keeps the contract, and knows what words mean."""

from pathlib import Path

import numpy as np
import pytest

from akeso.adapters.embedders.minilm import MiniLmEmbedder
from akeso.composition.system import make_embedder
from akeso.config.settings import load_settings
from akeso.domain.errors import InvalidSettings
from akeso.ports.embedder import Embedder
from akeso.testing.memory import EmbedderContract


@pytest.fixture(scope="module")
def minilm() -> MiniLmEmbedder:
    return MiniLmEmbedder()


class TestMiniLmEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self, minilm: MiniLmEmbedder) -> Embedder:
        return minilm


def test_it_knows_synonyms(minilm: MiniLmEmbedder) -> None:
    asked, same, other = minilm.embed(["out of memory", "the process ran into its RAM limit", "certificate expired"])
    assert asked @ same > asked @ other + 0.2


def test_a_known_text_gets_the_vector_of_the_published_model(minilm: MiniLmEmbedder) -> None:
    # By a forward pass of the published float32 weights.
    published = np.array([0.0813, 0.0186, -0.0782, 0.007, -0.1484, -0.0481, -0.0148, -0.0389], np.float32)
    vector = minilm.embed(["connection refused by the database"])[0]
    np.testing.assert_allclose(vector[: len(published)], published, atol=0.01)


def test_a_model_that_is_not_known_is_not_run(tmp_path: Path) -> None:
    strange = tmp_path / "model.onnx"
    strange.write_bytes(b"something else")
    with pytest.raises(InvalidSettings, match="SHA-256"):
        MiniLmEmbedder(strange)
    with pytest.raises(InvalidSettings, match="cannot be read"):
        MiniLmEmbedder(tmp_path / "missing.onnx")


def test_it_is_chosen_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(make_embedder(load_settings(overrides={"embedder": "minilm"})), MiniLmEmbedder)
