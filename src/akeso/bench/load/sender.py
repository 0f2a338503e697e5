"""Requests over real sockets, as cheap as a sender can be, and when each was sent and answered."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from akeso.bench.load.bodies import Body
from akeso.domain.errors import Unavailable
from akeso.domain.telemetry.batches import NANOSECONDS

# A sender that is behind by more than this gives up what it did not send, as its samples would be of the past.
_PATIENCE = NANOSECONDS // 2


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where bodies go: the address and the headers that a body of its kind needs."""

    url: str
    path: str
    headers: str


@dataclass(frozen=True, slots=True)
class Sent:
    """One request. sent, answered: ns; taken: whether the answer was a 2xx."""

    body: Body
    sent: int
    answered: int
    taken: bool


class Sender:
    """Some connections, each with one request under way at a time. given_up: bodies that were too late to be sent."""

    def __init__(
        self, endpoint: Endpoint, connections: int, now: Callable[[], int] = time.time_ns, patience: int = _PATIENCE
    ) -> None:
        """now: the wall clock, ns; patience: ns that a body may be sent too late."""
        self._now, self._patience = now, patience
        self.given_up = 0
        self._endpoint, self._connections = endpoint, connections
        self._lock = threading.Lock()
        self._sent: list[Sent] = []  # by this call of `send`

    def send(self, bodies: Sequence[Body]) -> list[Sent]:
        """Sends each body when it is due, or as soon as a connection is free. Raises Unavailable when a connection
        breaks."""
        waiting = iter(bodies)
        self._sent = []
        failures: list[BaseException] = []
        threads = [
            threading.Thread(target=self._work, args=(waiting, failures), daemon=True) for _ in range(self._connections)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise Unavailable(f"sending to {self._endpoint.url} failed: {failures[0]}") from failures[0]
        return sorted(self._sent, key=lambda each: each.sent)

    def _work(self, waiting: Iterator[Body], failures: list[BaseException]) -> None:
        try:
            with _Connection(self._endpoint) as connection:
                while (body := self._next(waiting)) is not None:
                    wait = body.due - self._now()
                    if wait > 0:
                        time.sleep(wait / NANOSECONDS)
                    sent = self._now()
                    status = connection.post(body.data)
                    self._note(Sent(body, sent, self._now(), 200 <= status < 300))
        except OSError as bad:
            failures.append(bad)

    def _next(self, waiting: Iterator[Body]) -> Body | None:
        with self._lock:
            for body in waiting:
                if body.due >= self._now() - self._patience:
                    return body
                self.given_up += 1
        return None

    def _note(self, sent: Sent) -> None:
        with self._lock:
            self._sent.append(sent)


class _Connection:
    """A kept-alive connection that speaks just enough HTTP/1.1."""

    def __init__(self, endpoint: Endpoint) -> None:
        place = urlsplit(endpoint.url)
        self._socket = socket.create_connection((place.hostname or "127.0.0.1", place.port or 80), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f"POST {endpoint.path} HTTP/1.1\r\nhost: {place.netloc}\r\n{endpoint.headers}content-length: "
        self._rest = b""

    def __enter__(self) -> "_Connection":
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def post(self, body: bytes) -> int:
        """The status of the answer."""
        self._socket.sendall(f"{self._head}{len(body)}\r\n\r\n".encode())
        self._socket.sendall(body)
        while b"\r\n\r\n" not in self._rest:
            self._receive()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
        while len(self._rest) < length:
            self._receive()
        self._rest = self._rest[length:]
        return int(lines[0].split()[1])

    def _receive(self) -> None:
        got = self._socket.recv(65536)
        if not got:
            raise ConnectionError("the connection was closed before the answer")
        self._rest += got
