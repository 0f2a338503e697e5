"""Requests that are sent again with their Idempotency-Key are answered as they were, and done once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from akeso.composition.system import System
from akeso.config.settings import load_settings
from akeso.faces.api.server import create_api

BODY = {"service": "cart", "until": "2999-01-01T00:00:00Z", "reason": "index rebuild"}


@asynccontextmanager
async def caller(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator of a system that was opened and not started."""
    system = await System.open(load_settings(None, {"data": str(folder / "data")}))
    transport = httpx.ASGITransport(create_api(system), client=("127.0.0.1", 1))
    headers = {"X-API-Key": system.key_path.read_text().strip()}
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://akeso", headers=headers) as client:
            yield client
    finally:
        await system.stop()


async def silenced(client: httpx.AsyncClient, key: str, **more: Any) -> httpx.Response:
    return await client.post("/api/v1/silences", json=BODY | more, headers={"Idempotency-Key": key})


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def test_what_is_sent_again_is_done_once_also_after_a_restart(tmp_path: Path) -> None:
    async with caller(tmp_path) as client:
        first = await silenced(client, "k1")
        assert (first.status_code, "idempotency-replayed" in first.headers) == (201, False)
    async with caller(tmp_path) as client:
        again = await silenced(client, "k1")
        assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (201, first.json(), "true")
        assert len((await client.get("/api/v1/silences")).json()["silences"]) == 1
        other = await silenced(client, "k2")
        assert other.json()["id"] != first.json()["id"]


async def test_a_key_with_another_body_is_refused(tmp_path: Path) -> None:
    async with caller(tmp_path) as client:
        await silenced(client, "k1")
        refused = await silenced(client, "k1", reason="something else")
        assert (refused.status_code, refused.json()["field"]) == (422, "idempotency-key")
        long = await silenced(client, "k" * 256)
        assert (long.status_code, long.json()["field"]) == (422, "idempotency-key")
        assert len((await client.get("/api/v1/silences")).json()["silences"]) == 1


async def test_many_at_once_are_one(tmp_path: Path) -> None:
    async with caller(tmp_path) as client:
        answers = await asyncio.gather(*(silenced(client, "k1") for _ in range(8)))
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert len((await client.get("/api/v1/silences")).json()["silences"]) == 1


async def test_an_error_of_the_caller_is_kept_and_a_stranger_gets_no_answer_of_another(tmp_path: Path) -> None:
    async with caller(tmp_path) as client:
        wrong = [await silenced(client, "k1", until="yesterday") for _ in range(2)]
        assert [answer.status_code for answer in wrong] == [422, 422]
        assert wrong[1].headers["idempotency-replayed"] == "true"
        await silenced(client, "k2")
        client.headers["X-API-Key"] = "ak_nobody"
        assert (await silenced(client, "k2")).status_code == 401
