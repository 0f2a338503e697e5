"""The settings choose the embedder."""

import sys
from pathlib import Path

import pytest

from akeso.adapters.embedders.hashed import HashedEmbedder
from akeso.composition.system import make_embedder
from akeso.config.settings import load_settings
from akeso.domain.errors import InvalidSettings


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_a_word_it_needs_no_model() -> None:
    assert isinstance(make_embedder(load_settings()), HashedEmbedder)


def test_one_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="embedder"):
        load_settings(overrides={"embedder": "word2vec"})


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InvalidSettings, match=r"akeso\[embeddings\]"):
        make_embedder(load_settings(overrides={"embedder": "minilm"}))
