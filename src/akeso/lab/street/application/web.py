"""The library's pages: Flask under gunicorn, sessions in Redis, data from catalog and loans."""

import logging
import uuid
from typing import Any

import redis
import requests
import settings
from flask import Flask, Response, abort, jsonify, request
from prometheus_flask_exporter.multiprocess import GunicornInternalPrometheusMetrics

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
log = logging.getLogger("web")

config = settings.load()
app = Flask("web")
metrics = GunicornInternalPrometheusMetrics(app)
sessions = redis.Redis.from_url(config["redis_url"], decode_responses=True)
http = requests.Session()


@app.before_request
def remember_visitor() -> None:
    if request.path in ("/healthz", "/metrics"):
        return
    session_id = request.cookies.get("session") or uuid.uuid4().hex
    key = f"session:{session_id}"
    sessions.hincrby(key, "pages", 1)
    sessions.expire(key, 1800)


def fetch(url: str, **query: str) -> Any:
    answer = http.get(url, params=query, timeout=config["timeout_s"])
    if answer.status_code == 404:
        abort(404)
    answer.raise_for_status()
    return answer.json()


@app.get("/")
def home() -> Response:
    return jsonify(shelf=fetch(f"{config['catalog_url']}/books", shelf="new"))


@app.get("/books/<int:book>")
def book_page(book: int) -> Response:
    return jsonify(fetch(f"{config['catalog_url']}/books/{book}"))


@app.get("/search")
def search() -> Response:
    return jsonify(found=fetch(f"{config['catalog_url']}/search", q=request.args.get("q", "")))


@app.post("/loans")
def borrow() -> Response:
    wish = request.get_json()
    answer = http.post(f"{config['loans_url']}/loans", json=wish, timeout=config["timeout_s"])
    answer.raise_for_status()
    loan = answer.json()
    log.info("member %s borrowed book %s", wish["member"], wish["book"])
    return jsonify(loan)


@app.get("/members/<int:member>/loans")
def member_page(member: int) -> Response:
    return jsonify(loans=fetch(f"{config['loans_url']}/members/{member}/loans"))


@app.get("/notices")
def notices() -> Response:
    return jsonify(sent=fetch(f"{config['loans_url']}/notices", ids=request.args.get("ids", "")))


@app.get("/healthz")
def health() -> str:
    return "ok"
