"""A model artefact as bytes: an `.npz` archive, read without pickling."""

import io
import zipfile
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from akeso.domain.detection.detection_model import Artefact
from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.series import SeriesTable

VERSION = 1
_STATE = "state"


class _About(msgspec.Struct, frozen=True):
    version: int
    threshold: float
    detectors: tuple[str, ...]
    keys: tuple[SeriesKey, ...]


class _Told(msgspec.Struct, frozen=True):
    """The same, its keys not read yet."""

    version: int
    threshold: float
    detectors: tuple[str, ...]
    keys: tuple[msgspec.Raw, ...]


_key = msgspec.json.Decoder(SeriesKey)


def encode_artefact(artefact: Artefact) -> bytes:
    """Takes about a second for 30 MB of state: not for the event loop."""
    about = _About(VERSION, artefact.threshold, tuple(artefact.states), artefact.keys)
    arrays: dict[str, NDArray[Any]] = {
        "about": np.frombuffer(msgspec.json.encode(about), np.uint8),
        "signals": artefact.signals,
        "reference": artefact.reference,
    }
    for detector, state in artefact.states.items():
        arrays |= {f"{_STATE}/{detector}/{column}": array for column, array in state.items()}
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    return out.getvalue()


def decode_artefact(data: bytes) -> Artefact:
    """Raises InvalidInput when the bytes are not what `encode_artefact` made."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        about = msgspec.json.decode(arrays["about"].tobytes(), type=_Told)
        # One after the other, sharing what they have in common: all at once are a kilobyte each for a moment.
        keys = tuple(SeriesTable(map(_key.decode, about.keys)).keys)
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as bad:
        raise InvalidInput("model", f"is no model artefact: {bad}") from bad
    if len(keys) != len(about.keys):
        raise InvalidInput("model.keys", "must differ")
    if about.version != VERSION:
        raise InvalidInput("model.version", f"{about.version} is not understood; there is {VERSION}")
    states: dict[str, dict[str, NDArray[Any]]] = {detector: {} for detector in about.detectors}
    for name, array in arrays.items():
        if name.startswith(f"{_STATE}/"):
            _, detector, column = name.split("/", 2)
            states[detector][column] = array
    return Artefact(keys, arrays["signals"], states, arrays["reference"], about.threshold)
