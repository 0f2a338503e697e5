"""MLflow's own server, as a team runs it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from akeso.testing.servers.running import eventually, free_port
from akeso.testing.servers.watchers import program

# Its imports take ten seconds of one core.
_STARTS_WITHIN_S = 120.0


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """A server with its database and its files in `folder`; its address."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = (
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false", "MLFLOW_DISABLE_TELEMETRY=true",
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}",
        "--serve-artifacts", "--artifacts-destination", str(folder / "artifacts"),
    )  # fmt: skip
    with program(folder, "env", *command):
        eventually(lambda: _is_ready(url), "MLflow being ready", _STARTS_WITHIN_S, 0.5)
        yield url


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False, verify=False, timeout=5).is_success
    except httpx.HTTPError:
        return False
