"""Clients of syslog, StatsD, Graphite and Fluent, unchanged, send to ports of their own."""

import asyncio
import importlib
import logging.handlers
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from akeso.domain.telemetry.series import SeriesTable
from akeso.testing.recorded.stored import stored_batches
from akeso.testing.servers.running import Akeso, eventually, free_port, run_akeso

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]

PORTS = {name: free_port() for name in ("syslog_udp", "syslog_tcp", "syslog_tls", "statsd", "graphite", "fluent")}


def listening(folder: Path) -> str:
    """The settings, as TOML."""
    tls = f'certificate="{folder}/cert.pem",private_key="{folder}/key.pem"'
    tables = [
        f'{{protocol="syslog",port={PORTS["syslog_udp"]}}}',
        f'{{protocol="syslog",transport="tcp",port={PORTS["syslog_tcp"]}}}',
        f'{{protocol="syslog",transport="tls",port={PORTS["syslog_tls"]},{tls}}}',
        *(f'{{protocol="{name}",port={PORTS[name]}}}' for name in ("statsd", "graphite", "fluent")),
    ]
    return f"listen=[{','.join(tables)}]"


def certificate(folder: Path) -> None:
    """A certificate of 127.0.0.1 that signs itself."""
    keys = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-days", "1", "-nodes")
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", *keys, *subject], check=True, capture_output=True)


@pytest.fixture(scope="module")
def akeso(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Akeso]:
    folder = tmp_path_factory.mktemp("akeso")
    certificate(folder)
    with Akeso(folder, listening(folder)).running() as akeso:
        yield akeso


def lines_of(akeso: Akeso, service: str) -> dict[str, int]:
    """The lines of a service and their severities."""
    batches = asyncio.run(stored_batches(akeso.data))
    blocks = [block for batch in batches for block in batch.logs if block.service == service]
    return {line: level for block in blocks for line, level in zip(block.body, block.severity.tolist(), strict=True)}


def values_of(akeso: Akeso, metric: str) -> list[float]:
    table = SeriesTable()
    blocks = [batch.metrics for batch in asyncio.run(stored_batches(akeso.data, table))]
    pairs = [
        (table[series].metric, value)
        for block in blocks
        for series, value in zip(block.series, block.value, strict=True)
    ]
    return [value for name, value in pairs if name == metric]


def stored(akeso: Akeso, service: str, line: str) -> int:
    """The severity of a line, once it is there."""
    found: int = eventually(
        lambda: {each: level + 1 for each, level in lines_of(akeso, service).items()}.get(line), line
    )
    return found - 1


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["udp", "tcp"])
def test_python_s_syslog_handler(akeso: Akeso, kind: socket.SocketKind) -> None:
    port = PORTS["syslog_udp" if kind is socket.SOCK_DGRAM else "syslog_tcp"]
    handler = logging.handlers.SysLogHandler(("127.0.0.1", port), socktype=kind)
    handler.ident, handler.append_nul = f"python{kind.name}: ", False
    handler.setFormatter(logging.Formatter("%(message)s\n"))
    handler.emit(logging.LogRecord("x", logging.ERROR, "x.py", 1, "it broke", None, None))
    handler.close()
    assert stored(akeso, f"python{kind.name}", "it broke") == 17


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("form", ["--rfc5424", "--rfc3164"])
def test_logger_of_util_linux(akeso: Akeso, transport: str, form: str) -> None:
    text = f"{transport} {form}"
    command = ("logger", form, f"--{transport}", "-n", "127.0.0.1", "-P", str(PORTS[f"syslog_{transport}"]))
    subprocess.run([*command, "-t", "logger", "-p", "user.warning", text], check=True)
    assert stored(akeso, "logger", text) == 13


def test_syslog_over_tls_counted_in_octets(akeso: Akeso) -> None:
    context = ssl.create_default_context(cafile=str(akeso.folder / "cert.pem"))
    message = b"<11>1 2026-11-29T18:33:26.123456789Z h tls - - - two\nlines"
    with (
        socket.create_connection(("127.0.0.1", PORTS["syslog_tls"])) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as sender,
    ):
        sender.sendall(b"%d %b" % (len(message), message))
    assert stored(akeso, "tls", "two\nlines") == 17


def test_the_statsd_client_of_python(akeso: Akeso) -> None:
    client: Any = importlib.import_module("statsd").StatsClient("127.0.0.1", PORTS["statsd"], prefix="shop")
    for _ in range(3):
        client.incr("orders")
    client.gauge("queue", 7)
    client.timing("wait", 320)
    client.close()
    eventually(lambda: sum(values_of(akeso, "shop.orders")) == 3, "three orders")
    assert values_of(akeso, "shop.queue") == [7.0]
    assert 320.0 in values_of(akeso, "shop.wait")


def test_graphite_s_plain_text(akeso: Akeso) -> None:
    with socket.create_connection(("127.0.0.1", PORTS["graphite"])) as sender:
        sender.sendall(b"shop.load 1.5 -1\nnonsense\nshop.load")
        sender.sendall(b" 2.5 -1\n")
    assert eventually(lambda: len(found := values_of(akeso, "shop.load")) == 2 and found, "both values") == [1.5, 2.5]


def test_the_fluent_logger_of_python(akeso: Akeso) -> None:
    client: Any = importlib.import_module("fluent.sender").FluentSender(
        "fluent-app", host="127.0.0.1", port=PORTS["fluent"], nanosecond_precision=True
    )
    assert client.emit(None, {"message": "level=error it broke"})
    client.close()
    assert stored(akeso, "fluent-app", "level=error it broke") == 17


def test_a_chunk_of_fluent_is_acknowledged_and_stored_once(akeso: Akeso) -> None:
    body = msgspec.msgpack.encode(["acked", [[1_795_977_206, {"log": "once"}]], {"chunk": "c1"}])
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", PORTS["fluent"])) as sender:
            sender.sendall(body)
            assert msgspec.msgpack.decode(sender.recv(100)) == {"ack": "c1"}
    batches = asyncio.run(stored_batches(akeso.data))
    assert [block.body for batch in batches for block in batch.logs if block.service == "acked"] == [("once",)]


def test_a_port_that_others_reach_has_to_be_meant(tmp_path: Path) -> None:
    setting = f'listen=[{{protocol="statsd",host="0.0.0.0",port={free_port()}}}]'
    code, _, said = run_akeso(tmp_path, "up", "--data", "data", "--port", "0", "--set", setting)
    assert code != 0
    assert "anyone" in said
