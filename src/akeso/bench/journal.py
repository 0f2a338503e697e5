"""`akeso bench journal`: a journal of many incidents, and what it costs to start with it and to look into it."""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, TypeAlias

import httpx
import typer
from rich.console import Console
from rich.table import Table

from akeso.adapters.embedders.hashed import HashedEmbedder
from akeso.adapters.journals.bulk import write_histories
from akeso.adapters.journals.database import DatabaseOptions
from akeso.adapters.journals.sql import JournalOptions, SqlJournal
from akeso.adapters.memory.sql import SqlMemory
from akeso.bench.load.histories import fingerprint, histories, word
from akeso.bench.load.process import RunningAkeso, running_akeso
from akeso.stages.healing.learn import learn

Query: TypeAlias = Mapping[str, str | int]
_AT_ONCE = 500
_LIMITS = {"start_s": 5.0, "resident_mb": 300.0, "page_ms": 50.0, "text_ms": 200.0}


def journal(
    incidents: Annotated[int, typer.Option(min=1000, help="How many incidents the journal holds.")] = 100_000,
    looks: Annotated[int, typer.Option(min=3, help="How often each question is asked.")] = 15,
    data: Annotated[Path | None, typer.Option(help="Keep the data folder here, or go on with what is there.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Start, resident memory, pages and searches of the lists of incidents and alerts, over REST."""
    with tempfile.TemporaryDirectory(prefix="akeso-journal-") as folder:
        place = data or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        asyncio.run(_fill(place / "akeso.db", incidents))
        with running_akeso(place, "--set", "grpc_port=0", "--set", "otlp_http_port=0", within_s=300) as started:
            figures = _measure(started, incidents, looks)
    if as_json:
        print(json.dumps(figures))
        return
    table = Table("what", "measured", "limit")
    for name, value in figures.items():
        limit = next((f"{most:g}" for end, most in _LIMITS.items() if name.endswith(end)), "-")
        table.add_row(name, f"{value:g}", limit)
    Console().print(table)


async def _fill(path: Path, count: int) -> None:
    options = JournalOptions(database=DatabaseOptions(at_once=True))
    journal = await SqlJournal.open(f"sqlite+aiosqlite:///{path}", options)
    memory = await SqlMemory.open(journal.database, HashedEmbedder())
    there = len(await journal.recent_incidents(limit=count))
    told = islice(histories(count), there, None)
    while some := list(islice(told, _AT_ONCE)):
        ended = await write_histories(journal.database, some)
        await memory.remember_all([learn(each, each.updated_at) for each in ended if each.memory])
    await journal.close()


def _measure(started: RunningAkeso, incidents: int, looks: int) -> dict[str, float]:
    figures = {"incidents": float(incidents), "start_s": round(started.start_s, 2)}
    with httpx.Client(base_url=started.url, headers={"x-api-key": started.key}, trust_env=False, timeout=60) as http:
        figures |= {f"{name}_page_ms": _took(http, path, query, looks) for name, path, query in _pages(http)}
        figures |= {f"{name}_text_ms": _took(http, path, query, looks) for name, path, query in _texts(incidents)}
    return figures | {"resident_mb": round(started.resident_bytes() / 2**20, 1)}


def _pages(http: httpx.Client) -> Iterator[tuple[str, str, Query]]:
    incidents, alerts = "/api/v1/incidents", "/api/v1/alerts"
    yield "first_full", incidents, {}
    small: Query = {"view": "summary"}
    yield "first", incidents, small
    yield "deep", incidents, {**small, "cursor": _cursor(http, incidents, small, 30)}
    yield "by_severity", incidents, {**small, "sort": "-severity"}
    yield "by_service", incidents, {**small, "sort": "service"}
    yield "of_a_service", incidents, {**small, "service": "service-007"}
    yield "of_a_label", incidents, {**small, "label": "team=team-3"}
    yield "of_an_owner", incidents, {**small, "owner": "person-7"}
    yield "open", incidents, {**small, "open": "true"}
    yield "of_none", incidents, {**small, "status": "FAILED"}
    yield "of_a_fingerprint", incidents, {**small, "fingerprint": fingerprint(77)}
    yield "alerts_first", alerts, {}
    yield "alerts_of_a_label", alerts, {"label": "region=region-2"}


def _texts(incidents: int) -> Sequence[tuple[str, str, Query]]:
    path, small = "/api/v1/incidents", {"view": "summary"}
    return (
        ("rare_word", path, {**small, "q": word(incidents // 2)}),
        ("word_of_all", path, {**small, "q": "latency"}),
        ("two_words", path, {**small, "q": "service-013 crash"}),
        ("beginning", path, {**small, "q": "ticket01"}),
        ("fingerprint", path, {**small, "q": fingerprint(incidents // 3)}),
        ("alerts_fingerprint", "/api/v1/alerts", {"q": fingerprint(incidents // 3)}),
        ("alerts_word_of_all", "/api/v1/alerts", {"q": "service"}),
    )


def _cursor(http: httpx.Client, path: str, query: Query, pages: int) -> str:
    """Of the page after so many of 1,000."""
    cursor = ""
    for _ in range(pages):
        more = {"cursor": cursor} if cursor else {}
        cursor = http.get(path, params={**query, "limit": 1000, **more}).json()["next"] or cursor
    return cursor


def _took(http: httpx.Client, path: str, query: Query, looks: int) -> float:
    """Median, ms."""

    def once() -> float:
        began = time.perf_counter()
        http.get(path, params=query).raise_for_status()
        return 1000 * (time.perf_counter() - began)

    return round(statistics.median(once() for _ in range(looks)), 1)
