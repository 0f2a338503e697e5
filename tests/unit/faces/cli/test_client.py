"""What the commands take from a running Akeso."""

from pathlib import Path

import httpx
import pytest

from akeso.domain.errors import NotFound
from akeso.faces.cli.client import Client


def client(tmp_path: Path, status: int, body: object) -> Client:
    made = Client("http://akeso.test", "", tmp_path)
    made._http = httpx.Client(
        base_url="http://akeso.test", transport=httpx.MockTransport(lambda _: httpx.Response(status, json=body))
    )
    return made


def test_nothing_that_steers_a_terminal_comes_with_an_answer(tmp_path: Path) -> None:
    told = client(tmp_path, 200, {"title": "pay \x1b[2J is slow"}).get("/api/v1/incidents/1")
    assert told == {"title": "pay \ufffd[2J is slow"}


def test_nor_with_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no incident \ufffd"):
        client(tmp_path, 404, {"message": "no incident \x1b[2J"}).get("/api/v1/incidents/1")
