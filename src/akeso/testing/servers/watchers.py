"""Debian's Prometheus and Alertmanager, and something for them to watch."""

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx


@contextmanager
def exporting(metrics: Callable[[], bytes], content_type: str) -> Iterator[int]:
    """A target on a port of its own that tells its metrics to whoever asks, however they ask."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = metrics()
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is given
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def program(folder: Path, name: str, *arguments: str) -> Iterator[None]:
    """A program of the system, running in `folder`; what it says goes to `<name>.log`."""
    found = shutil.which(name)
    assert found, f"{name} is not installed: scripts/services.sh up installs it"
    with (folder / f"{name}.log").open("wb") as out:
        process = subprocess.Popen([found, *arguments], cwd=folder, stdout=out, stderr=out)
    try:
        yield
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    finally:
        process.kill()
        process.wait()


def is_ready(port: int) -> bool:
    """Whether Prometheus or Alertmanager on this port is ready."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/-/ready", trust_env=False, verify=False, timeout=2).is_success
    except httpx.HTTPError:
        return False


def metrics_of(port: int) -> dict[str, float]:
    """What a program tells of itself, by name and labels as it writes them."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, verify=False, timeout=5).text
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in lines}
