"""Versions of the detection model in an MLflow registry (extra `[mlflow]`): a registered model whose aliases move."""

import asyncio
import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from akeso.domain.detection.detection_model import Alias, Artefact, ModelDraft, ModelVersion
from akeso.domain.errors import InvalidSettings, NotFound, Unavailable
from akeso.engine.artefact_codec import decode_artefact, encode_artefact

T = TypeVar("T")
_FILE, _FOLDER = "artefact.npz", "model"
_ABSENT = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})


class MlflowModelRegistry:
    """Implements akeso.ports.model_registry.ModelRegistry. What MLflow has no field for stands in tags of the version.

    MLflow moves one alias at a time: a crash within `promote` leaves `previous` moved and `champion` not, and the
    next promotion puts both right. One caller at a time, in a thread: the client is synchronous.
    """

    def __init__(self, client: Any, name: str, experiment: str) -> None:
        self._client, self._name, self._experiment = client, name, experiment
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, uri: str, name: str, artifacts: Path | None = None) -> Self:
        """uri: of a tracking server, or of a store (`sqlite:///path`); artifacts: where files of a store go that is no
        server. Raises InvalidSettings without the extra, Unavailable when the registry does not answer."""
        return await asyncio.to_thread(cls._open, uri, name, artifacts)

    async def register(self, draft: ModelDraft) -> ModelVersion:
        return await self._call(lambda: self._register(draft))

    async def versions(self) -> Sequence[ModelVersion]:
        return await self._call(self._versions)

    async def get(self, version: str) -> ModelVersion:
        return await self._call(lambda: _version(self._found(version)))

    async def load(self, version: str) -> Artefact:
        return await self._call(lambda: self._load(version))

    async def aliases(self) -> Mapping[Alias, str]:
        return await self._call(self._aliases)

    async def point(self, alias: Alias, version: str | None) -> None:
        await self._call(lambda: self._point(alias, version))

    async def promote(self, version: str) -> None:
        await self._call(lambda: self._promote(version))

    async def prune(self, keep: int) -> int:
        return await self._call(lambda: self._prune(keep))

    async def close(self) -> None:
        """Nothing is held open."""

    async def _call(self, work: Callable[[], T]) -> T:
        async with self._turn:
            return await asyncio.to_thread(_answering, work)

    @classmethod
    def _open(cls, uri: str, name: str, artifacts: Path | None) -> Self:
        client = _client(uri)
        return _answering(lambda: cls(client, name, _prepared(client, name, artifacts)))

    def _register(self, draft: ModelDraft) -> ModelVersion:
        run = self._client.create_run(self._experiment, run_name=self._name).info.run_id
        for metric, value in draft.metrics.items():
            self._client.log_metric(run, metric, value)
        with tempfile.TemporaryDirectory(prefix="akeso-model-") as folder:
            file = Path(folder) / _FILE
            file.write_bytes(encode_artefact(draft.artefact))
            self._client.log_artifact(run, str(file), _FOLDER)
        self._client.set_terminated(run)
        made = self._client.create_model_version(
            self._name, f"runs:/{run}/{_FOLDER}", run, tags=_tags(draft), description=draft.reason
        )
        return draft.named(str(made.version))

    def _versions(self) -> list[ModelVersion]:
        found = self._client.search_model_versions(f"name='{self._name}'", max_results=1000)
        return sorted(map(_version, found), key=lambda made: -int(made.version))

    def _found(self, version: str) -> Any:
        if not version.isascii() or not version.isdecimal():
            raise _absent(version)
        try:
            return self._client.get_model_version(self._name, version)
        except _errors() as error:
            if getattr(error, "error_code", "") in _ABSENT:
                raise _absent(version) from error
            raise

    def _load(self, version: str) -> Artefact:
        run = self._found(version).run_id
        with tempfile.TemporaryDirectory(prefix="akeso-model-") as folder:
            path = self._client.download_artifacts(run, f"{_FOLDER}/{_FILE}", folder)
            return decode_artefact(Path(path).read_bytes())

    def _aliases(self) -> dict[Alias, str]:
        found = self._client.get_registered_model(self._name).aliases
        return {alias: str(found[alias.value]) for alias in Alias if alias.value in found}

    def _point(self, alias: Alias, version: str | None) -> None:
        if version is None:
            self._client.delete_registered_model_alias(self._name, alias.value)
            return
        self._found(version)
        self._client.set_registered_model_alias(self._name, alias.value, version)

    def _promote(self, version: str) -> None:
        now = self._aliases()
        champion = now.get(Alias.CHAMPION)
        self._found(version)
        if champion == version:
            return
        if champion is not None:
            self._point(Alias.PREVIOUS, champion)
        self._point(Alias.CHAMPION, version)
        if now.get(Alias.CHALLENGER) == version:
            self._point(Alias.CHALLENGER, None)

    def _prune(self, keep: int) -> int:
        held = set(self._aliases().values())
        gone = [made.version for made in self._versions()[max(keep, 0) :] if made.version not in held]
        for version in gone:
            self._client.delete_model_version(self._name, version)
        return len(gone)


def _client(uri: str) -> Any:
    try:
        import mlflow  # an optional extra that takes seconds to import
        from mlflow import environment_variables, telemetry
    except ImportError as missing:
        raise InvalidSettings("models.registry", f"mlflow needs the extra [mlflow] ({missing})") from missing
    # Akeso tells nobody what its users do, and its log is no terminal.
    switches: Any = environment_variables
    switches.MLFLOW_DISABLE_TELEMETRY.set("true")
    switches.MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set("false")
    # Who waits for the registry waits for an effect or a start: by itself MLflow tries for minutes.
    for patience, least in ((switches.MLFLOW_HTTP_REQUEST_MAX_RETRIES, 2), (switches.MLFLOW_HTTP_REQUEST_TIMEOUT, 10)):
        if not patience.is_set():
            patience.set(least)
    untyped: Any = telemetry
    untyped.set_telemetry_client()
    for chatty in ("mlflow", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return mlflow.MlflowClient(uri, uri)


def _errors() -> tuple[type[Exception], ...]:
    from mlflow.exceptions import MlflowException  # there, or nothing could have been called

    return (MlflowException,)


def _failures() -> tuple[type[Exception], ...]:
    return (*_errors(), OSError)


def _prepared(client: Any, name: str, artifacts: Path | None) -> str:
    """The registered model and the experiment of its runs are there; the id of the experiment."""
    try:
        client.get_registered_model(name)
    except _errors() as error:
        if getattr(error, "error_code", "") not in _ABSENT:
            raise
        client.create_registered_model(name, description="Akeso's detection model")
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        return str(experiment.experiment_id)
    return str(client.create_experiment(name, artifacts.resolve().as_uri() if artifacts else None))


def _answering(work: Callable[[], T]) -> T:
    with _translated():
        return work()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _failures() as error:
        raise Unavailable(f"the MLflow registry does not answer: {error}") from error


def _tags(draft: ModelDraft) -> dict[str, str]:
    made = draft.named("")
    about = {"by": made.by, "parent": made.parent, "threshold": made.threshold, "series": made.series}
    return {
        "akeso.created_at": made.created_at.isoformat(),
        "akeso.about": json.dumps(about | {"metrics": dict(made.metrics)}),
    }


def _version(found: Any) -> ModelVersion:
    about = json.loads(found.tags["akeso.about"])
    created = datetime.fromisoformat(found.tags["akeso.created_at"])
    return ModelVersion(
        str(found.version), created, about["by"], found.description or "", about["parent"], about["threshold"],
        about["series"], about["metrics"],
    )  # fmt: skip


def _absent(version: str) -> NotFound:
    return NotFound(f"there is no version {version} of the detection model")
