"""Every registry and every label store keeps its contract."""

import gc
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import BindParameter

from akeso.adapters.journals.database import Database
from akeso.adapters.journals.schema import prepare
from akeso.adapters.models.labels import SqlLabelStore
from akeso.adapters.models.sql import SqlModelRegistry
from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import SeriesKey
from akeso.engine.artefact_codec import decode_artefact, encode_artefact
from akeso.ports.labels import LabelStore
from akeso.ports.model_registry import ModelRegistry
from akeso.testing.model_registry import (
    LabelStoreContract,
    MemoryLabelStore,
    MemoryModelRegistry,
    ModelRegistryContract,
    OpenLabels,
    OpenRegistry,
    sample_artefact,
    sample_draft,
)

pytestmark = pytest.mark.xdist_group("postgresql")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await prepare(database)
    yield database
    await database.close()


class TestMemoryModelRegistry(ModelRegistryContract):
    @pytest.fixture
    def open_registry(self) -> OpenRegistry:
        registry = MemoryModelRegistry()

        async def again() -> ModelRegistry:
            return registry

        return again


class TestSqlModelRegistry(ModelRegistryContract):
    @pytest.fixture
    def open_registry(self, database: Database) -> OpenRegistry:
        async def again() -> ModelRegistry:
            return SqlModelRegistry(database)

        return again


class TestMemoryLabelStore(LabelStoreContract):
    @pytest.fixture
    def open_labels(self) -> OpenLabels:
        store = MemoryLabelStore()

        async def again() -> LabelStore:
            return store

        return again


class TestSqlLabelStore(LabelStoreContract):
    @pytest.fixture
    def open_labels(self, database: Database) -> OpenLabels:
        async def again() -> LabelStore:
            return SqlLabelStore(database)

        return again


async def test_what_was_learnt_is_not_remembered_with_the_statement(database: Database) -> None:
    gc.freeze()  # what was there before is not looked at
    try:
        await SqlModelRegistry(database).register(sample_draft())
        made = [each for each in gc.get_objects() if isinstance(each, BindParameter)]
    finally:
        gc.unfreeze()
    assert made
    assert [each for each in made if isinstance(each.value, bytes)] == []


@pytest.mark.parametrize("bad", [b"", b"nonsense", encode_artefact(sample_artefact())[:200]])
def test_bytes_that_are_no_artefact_are_refused(bad: bytes) -> None:
    with pytest.raises(InvalidInput, match="no model artefact"):
        decode_artefact(bad)


def test_keys_that_are_read_share_their_attributes() -> None:
    keys = tuple(SeriesKey("t", "api", metric, (("host", "a1"),)) for metric in ("cpu", "memory"))
    first, second = decode_artefact(encode_artefact(replace(sample_artefact(), keys=keys))).keys
    assert (first, second) == keys
    assert first.attributes is second.attributes


def test_keys_that_are_told_twice_are_refused() -> None:
    twice = sample_artefact().keys[:1] * 2
    with pytest.raises(InvalidInput, match="keys"):
        decode_artefact(encode_artefact(replace(sample_artefact(), keys=twice)))
