"""Every telemetry store keeps the one contract."""

from pathlib import Path

import pytest

from akeso.adapters.telemetry.memory import MemoryTelemetryStore
from akeso.adapters.telemetry.sqlite import SqliteTelemetryStore
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.telemetry_store import TelemetryStore
from akeso.testing.telemetry import StoreOf, TelemetryStoreContract
from akeso.testing.telemetry_queries import TelemetryQueryContract

STORES = ("memory", "sqlite")


class TestTelemetryStores(TelemetryStoreContract, TelemetryQueryContract):
    @pytest.fixture(params=STORES)
    def store_of(self, request: pytest.FixtureRequest, tmp_path: Path) -> StoreOf:
        def open_store(table: SeriesTable) -> TelemetryStore:
            match request.param:
                case "sqlite":
                    return SqliteTelemetryStore(tmp_path / "telemetry.db", table)
                case _:
                    return MemoryTelemetryStore(table)

        return open_store
