"""The MiniLM embedder keeps the contract, and knows what words mean."""

import hashlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import akeso.adapters.embedders
from akeso.adapters.embedders.minilm import MiniLmEmbedder
from akeso.adapters.embedders.wordpiece import WordPiece
from akeso.domain.errors import InvalidSettings
from akeso.ports.embedder import Embedder
from akeso.testing.memory import EmbedderContract


@pytest.fixture(scope="module")
def pieces() -> WordPiece:
    return WordPiece()


@pytest.fixture(scope="module")
def minilm() -> MiniLmEmbedder:
    pytest.importorskip("onnxruntime")
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
    pytest.importorskip("onnxruntime")
    strange = tmp_path / "model.onnx"
    strange.write_bytes(b"something else")
    with pytest.raises(InvalidSettings, match="SHA-256"):
        MiniLmEmbedder(strange)
    with pytest.raises(InvalidSettings, match="cannot be read"):
        MiniLmEmbedder(tmp_path / "missing.onnx")


def test_the_vocabulary_is_the_one_of_bert() -> None:
    content = files(akeso.adapters.embedders).joinpath("bert_vocabulary.txt").read_bytes()
    assert hashlib.sha256(content).hexdigest() == "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (
            "KubePodCrashLooping: pod-7f9 can't start!",
            [
                101,
                13970,
                4783,
                27633,
                26775,
                11823,
                4135,
                17686,
                1024,
                17491,
                1011,
                1021,
                2546,
                2683,
                2064,
                1005,
                1056,
                2707,
                999,
                102,
            ],
        ),
        ("\xdcn\xefc\xf6d\xe9 na\xefve caf\xe9", [101, 27260, 15743, 7668, 102]),
        ("\u65e5\u672c x", [101, 1864, 1876, 1060, 102]),
        ("", [101, 102]),
        ("a" * 101, [101, 100, 102]),
        ("tab\there\x00 \u200bzero", [101, 21628, 2182, 5717, 102]),
        ("rate > 5.0% & \u20ac3", [101, 3446, 1028, 1019, 1012, 1014, 1003, 1004, 1574, 2509, 102]),
        ("unaffable\u3000spaces", [101, 14477, 20961, 3468, 7258, 102]),
    ],
)
def test_texts_become_the_pieces_that_the_published_tokeniser_makes(
    pieces: WordPiece, text: str, numbers: list[int]
) -> None:
    assert pieces.encode(text, 256) == numbers


def test_what_is_too_long_loses_its_end(pieces: WordPiece) -> None:
    whole = pieces.encode("one two three four", 256)
    assert pieces.encode("one two three four", 4) == [*whole[:3], whole[-1]]
