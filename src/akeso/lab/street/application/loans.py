"""Who borrowed what: FastAPI under uvicorn, PostgreSQL, and a message to the mailer for each loan."""

import json
import logging
import secrets
from typing import Any

import pika
import psycopg
import settings
from fastapi import FastAPI
from prometheus_fastapi_instrumentator import Instrumentator
from psycopg.rows import dict_row
from pydantic import BaseModel

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
log = logging.getLogger("loans")

config = settings.load()
app = FastAPI()
Instrumentator().instrument(app).expose(app)


class Wish(BaseModel):
    book: int
    member: int


@app.post("/loans")
def borrow(wish: Wish) -> dict[str, Any]:
    with connected() as connection:
        loan: dict[str, Any] = connection.execute(
            "INSERT INTO loans (book, member, receipt) VALUES (%s, %s, %s) RETURNING id",
            (wish.book, wish.member, receipt(wish)),
        ).fetchone()
    publish({"loan": loan["id"], "member": wish.member})
    return loan


@app.get("/members/{member}/loans")
def of_member(member: int) -> list[dict[str, Any]]:
    with connected() as connection:
        found: list[dict[str, Any]] = connection.execute(
            "SELECT id, book FROM loans WHERE member = %s ORDER BY id DESC LIMIT 20", (member,)
        ).fetchall()
    return found


@app.get("/notices")
def notices(ids: str) -> list[int]:
    wanted = [int(each) for each in ids.split(",") if each]
    with connected() as connection:
        found = connection.execute(
            "SELECT id FROM loans WHERE id = ANY(%s) AND notified_at IS NOT NULL", (wanted,)
        ).fetchall()
    return [each["id"] for each in found]


@app.get("/healthz")
def health() -> str:
    return "ok"


def receipt(wish: Wish) -> str:
    return f"{wish.member} borrowed {wish.book} " + secrets.token_hex(700)


def connected() -> Any:
    return psycopg.connect(config["database_url"], row_factory=dict_row, connect_timeout=5)


def publish(message: dict[str, Any]) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(config["queue_url"]))
    try:
        channel = connection.channel()
        channel.queue_declare(config["queue"], durable=True)
        channel.basic_publish("", config["queue"], json.dumps(message).encode())
    finally:
        connection.close()
