"""The library's books: FastAPI under uvicorn, PostgreSQL, pages cached in Redis for half a minute."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import redis
import release
import settings
from fastapi import FastAPI, HTTPException
from prometheus_fastapi_instrumentator import Instrumentator
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
log = logging.getLogger("catalog")

config = settings.load()
pool = ConnectionPool(
    config["database_url"], min_size=1, max_size=5, timeout=5, open=False, kwargs={"row_factory": dict_row}
)
cache = redis.Redis.from_url(config["redis_url"], decode_responses=True)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    pool.open()
    yield
    pool.close()


app = FastAPI(lifespan=lifespan)
Instrumentator().instrument(app).expose(app)


@app.get("/books")
def shelf(shelf: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cached(
        f"shelf:{shelf}", lambda: rows("SELECT id, title, author FROM books ORDER BY id DESC LIMIT 20")
    )
    return found


@app.get("/books/{book}")
def book_details(book: int) -> dict[str, Any]:
    release.before(book)
    found: dict[str, Any] | None = cached(f"book:{book}", lambda: details(book))
    if found is None:
        raise HTTPException(404)
    return found


@app.get("/search")
def search(q: str) -> list[dict[str, Any]]:
    return rows("SELECT id, title FROM books WHERE title ILIKE %s ORDER BY id LIMIT 20", f"%{q}%")


@app.get("/healthz")
def health() -> str:
    return "ok"


def details(book: int) -> dict[str, Any] | None:
    found = rows("SELECT id, title, author, copies FROM books WHERE id = %s", book)
    if not found:
        return None
    similar = []
    for step in range(config["similar"]):
        similar += rows("SELECT id, title FROM books WHERE author = %s OFFSET %s LIMIT 1", found[0]["author"], step)
    return {**found[0], "similar": similar}


def rows(query: str, *values: object) -> list[dict[str, Any]]:
    with pool.connection() as connection:
        found: list[dict[str, Any]] = connection.execute(query, values).fetchall()
    return found


def cached(key: str, load: Any) -> Any:
    held = cache.get(key)
    if held is not None:
        return json.loads(held)
    value = load()
    if value is not None:
        cache.set(key, json.dumps(value), ex=config["cache_s"])
    return value
