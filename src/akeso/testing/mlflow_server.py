"""MLflow's own server, as a team runs it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from akeso.testing.running import eventually, free_port

# Its imports take ten seconds of one core.
_STARTS_WITHIN_S = 120.0


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """A server with its database and its files in `folder`; its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        "env", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false", "MLFLOW_DISABLE_TELEMETRY=true",
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}",
        "--serve-artifacts", "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    with (folder / "mlflow.log").open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)
    try:
        eventually(lambda: process.poll() is not None or _is_ready(url), "MLflow being ready", _STARTS_WITHIN_S, 0.5)
        assert process.poll() is None, (folder / "mlflow.log").read_text()
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False, timeout=5).is_success
    except httpx.HTTPError:
        return False
