"""For tests of the running whole: Akeso in a process of its own, and a harmless target for it to act on."""

import json
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from akeso.lab.shop.ports import free_ports
from akeso.testing.servers.forked import ForkedAkeso

PATIENCE_S = 30.0
START_WITHIN_S = 60.0  # a second on an idle machine; tests run on busy ones as well
# OTLP's standard ports belong to whoever came first; a test opens them where it wants them.
_PRIVATE = ("grpc_port=0", "otlp_http_port=0")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "COLUMNS": "160"}


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    return free_ports(1)[0]


def eventually(look: Callable[[], Any], what: str, within_s: float = PATIENCE_S, every_s: float = 0.05) -> Any:
    """The first thing that `look` returns that is true. Raises AssertionError naming `what` when it never does."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(every_s)
    raise AssertionError(f"{what}: not within {within_s:g} s")


def run_akeso(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """The command `akeso` with these arguments, in `folder`: exit code, standard output, standard error."""
    with TemporaryDirectory() as said:
        out, err = Path(said, "out"), Path(said, "err")
        process = ForkedAkeso(arguments, folder, {**ENVIRONMENT, **(environment or {})}, out, err)
        try:
            return process.wait(60), out.read_text(), err.read_text()
        finally:
            process.kill()


class Akeso:
    """`akeso up` on a data folder and a port that stay the same from life to life.

    settings: for `--set`; services: the text of services.yaml; python: another interpreter, whose Akeso it is then.
    Everything it says goes to `akeso.log` in `folder`.
    """

    def __init__(self, folder: Path, *settings: str, services: str = "services: {}", python: str | None = None) -> None:
        self.folder, self.data, self.port = folder, folder / "data", free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._settings, self._python = settings, python
        self._process: subprocess.Popen[bytes] | ForkedAkeso | None = None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "services.yaml").write_text(services)

    def start(self, *, wait: bool = True) -> None:
        """Start it; with `wait` return once it is ready."""
        arguments = ["up", "--data", str(self.data), "--port", str(self.port)]
        arguments += ["--services", str(self.folder / "services.yaml")]
        for setting in (*_PRIVATE, *self._settings):
            arguments += ["--set", setting]
        self._process = self._begun(arguments)
        if wait:
            eventually(lambda: self.ready() or self.ended(), "Akeso is ready", START_WITHIN_S)
            assert self.ready(), f"Akeso ended at its start: {self.log()[-2000:]}"

    def _begun(self, arguments: list[str]) -> subprocess.Popen[bytes] | ForkedAkeso:
        said = self.folder / "akeso.log"
        if self._python is None:
            return ForkedAkeso(arguments, self.folder, ENVIRONMENT, said, said)
        command = [self._python, "-m", "akeso", *arguments]
        with said.open("ab") as out:
            return subprocess.Popen(
                command, cwd=self.folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    @contextmanager
    def running(self) -> Iterator["Akeso"]:
        """Started and ready; however the block ends, no process is left behind."""
        try:
            self.start()
            yield self
        finally:
            self.kill()

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self, within_s: float = PATIENCE_S) -> int:
        """Ask it to end; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def incidents(self) -> list[Any]:
        """All that it tells of."""
        with self.client() as client:
            return list(client.get("/api/v1/incidents").json()["incidents"])

    def ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", trust_env=False, verify=False, timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def log(self) -> str:
        return (self.folder / "akeso.log").read_text()

    @property
    def key(self) -> str:
        """The admin key."""
        return (self.data / "admin.key").read_text().strip()

    @property
    def sender_key(self) -> str:
        """The key of the first sender."""
        return (self.data / "ingest.key").read_text().strip()

    def sender(self) -> httpx.Client:
        """A sender with the first sender's key."""
        return self.client(self.sender_key)

    def new_key(self, name: str, role: str, tenant: str = "default", speaks_for: Sequence[str] = ()) -> str:
        """A key made by the command line."""
        patterns = [part for pattern in speaks_for for part in ("--speaks-for", pattern)]
        code, out, err = run_akeso(
            self.folder, "keys", "add", name, "--role", role, "--tenant", tenant, "--data", str(self.data), *patterns
        )
        assert code == 0, err
        return out.strip()

    def client(self, key: str | None = None) -> httpx.Client:
        """A caller; with the admin key unless told otherwise, without any for an empty one."""
        key = self.key if key is None else key
        headers = {"X-API-Key": key} if key else {}
        # Without `verify=False` a client reads all certificates of the machine: 30 ms of computing, for plain HTTP.
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, verify=False, timeout=10)


class Target:
    """Webhooks that do no harm: POST /<service> with an Idempotency-Key has an effect, POST /undo/<service> takes it
    back, GET /check?key=… tells whether it is there.

    calls: key → how often it was posted; bodies: key → what was posted; delay_s: how long an effect takes.
    """

    def __init__(self, on_effect: Callable[[str], object] = str) -> None:
        self.calls: Counter[str] = Counter()
        self.bodies: dict[str, Any] = {}
        self.delay_s: Callable[[], float] = lambda: 0.0
        self._on_effect, self._lock = on_effect, threading.Lock()
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
                target._take(self.path.strip("/"), self.headers["Idempotency-Key"], body)
                self._answer({"done": True})

            def do_GET(self) -> None:
                key = parse_qs(urlsplit(self.path).query)["key"][0]
                self._answer({"applied": target.applied(key)})

            def _answer(self, content: object) -> None:
                body = json.dumps(content).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is given
                del format, args

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def binding(self, service: str) -> str:
        """A webhook binding to this target, as services.yaml has it."""
        undo = f"{self.url}/undo/{service}"
        return f'{{kind: webhook, url: "{self.url}/{service}", undo: "{undo}", check: "{self.url}/check"}}'

    def applied(self, key: str) -> bool:
        """Whether the effect with this key took place and was not taken back."""
        return self.calls[key] > 0 and not any(k.startswith(key) and k.endswith(":undo") for k in list(self.calls))

    @contextmanager
    def open(self) -> Iterator["Target"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _take(self, service: str, key: str, body: object) -> None:
        time.sleep(self.delay_s())
        with self._lock:
            self.calls[key] += 1
            self.bodies[key] = body
        self._on_effect(service)


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that was killed in the middle is no news here."""


@contextmanager
def repeating(act: Callable[[], None], every_s: float = 0.1) -> Iterator[None]:
    """Does it again and again, in a thread of its own, until the block is left."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(every_s):
            act()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def faring(akeso: Akeso, services: Sequence[str], ill: Set[str]) -> Iterator[list[str]]:
    """Every service tells by simple events how it fares ten times a second; the names, one for each that was taken."""
    taken: list[str] = []
    with akeso.sender() as client:

        def tell() -> None:
            for name in services:
                latency, errors = (700, 0.5) if name in ill else (20, 0.0)
                body = {"component": name, "latency": latency, "error_rate": errors}
                assert client.post("/add-event", json=body).status_code == 200
                taken.append(name)

        with repeating(tell):
            yield taken
