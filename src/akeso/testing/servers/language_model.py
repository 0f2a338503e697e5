"""A language model for tests: an HTTP server that speaks Anthropic Messages, OpenAI Chat Completions and Responses.

It says what a script tells it to, step by step, in whichever of the three protocols it is asked; the last step is
repeated. Everything that it received is kept, byte for byte.
"""

import gzip
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

_USED = (120, 40)  # tokens of every answer, in and out


@dataclass(frozen=True, slots=True)
class Calls:
    """The model calls a tool. The typed answer is a call as well, of the tool `explain`."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Talks:
    """The model answers in plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Fails:
    """The provider answers with a status."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hangs:
    """The provider accepts the request and says nothing until the server is closed."""


@dataclass(frozen=True, slots=True)
class Sends:
    """The provider answers 200 with these bytes. announced: the length it claims, when that is not theirs."""

    body: bytes
    announced: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Step: TypeAlias = Calls | Talks | Fails | Hangs | Sends


def explains(claims: Sequence[tuple[str, Sequence[str]]], proposals: Sequence[tuple[str, Sequence[str]]] = ()) -> Calls:
    """The typed answer: sentences, each with the ids that it cites."""
    tell = [{"text": text, "cites": list(cites)} for text, cites in claims]
    propose = [{"text": text, "cites": list(cites)} for text, cites in proposals]
    return Calls("explain", {"claims": tell, "proposals": propose})


def recorded(path: Path) -> list[Step]:
    """A script from a JSON file: a list of {"call": {tool: arguments}}, {"text": …}, {"status": …}."""
    kinds: Mapping[str, Callable[[Any], Step]] = {
        "call": lambda value: Calls(*next(iter(value.items()))),
        "text": Talks,
        "status": Fails,
    }
    return [kinds[kind](value) for step in json.loads(path.read_text()) for kind, value in step.items()]


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        return json.loads(self.body)


@dataclass
class LanguageModel:
    """`with model.open(): …` listens on `url`; the OpenAI protocols stand under `url`/v1. received: every request."""

    script: Sequence[Step]
    received: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._closing, self._lock = threading.Event(), threading.Lock()
        self._server = _Quiet(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def open(self) -> Iterator["LanguageModel"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._closing.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    @property
    def everything(self) -> bytes:
        """All that ever went over the wire to it: paths, headers and bodies."""
        parts = [f"{r.path}\n{dict(r.headers)}\n".encode() + r.body for r in self.received]
        return b"\n".join(parts)

    def take(self, request: Received) -> Step:
        """Note a request; the step that answers it."""
        with self._lock:
            self.received.append(request)
            return self.script[min(len(self.received), len(self.script)) - 1]

    def wait_for_the_end(self) -> None:
        self._closing.wait()


def _handler(model: LanguageModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = Received(self.path, dict(self.headers), body)
            self._answer(model.take(request), request)

        def _answer(self, step: Step, request: Received) -> None:
            match step:
                case Fails(status, headers):
                    self._send(status, b'{"error":{"type":"x","message":"no"}}', headers)
                case Hangs():
                    self.close_connection = True
                    model.wait_for_the_end()
                case Sends(body, announced, headers):
                    self._send(200, body, headers, announced)
                case Calls() | Talks():
                    said = _PROTOCOLS[request.path](step, len(model.received))
                    self._send(200, json.dumps(said).encode(), {})

        def _send(self, status: int, body: bytes, headers: Mapping[str, str], announced: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body) if announced is None else announced))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = announced is not None

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is given
            del format, args

    return Handler


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is no news here."""


def _messages(step: Calls | Talks, number: int) -> dict[str, Any]:
    match step:
        case Calls(tool, arguments):
            content = {"type": "tool_use", "id": f"toolu_{number}", "name": tool, "input": dict(arguments)}
        case Talks(text):
            content = {"type": "text", "text": text}
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": "test-model",
        "content": [content],
        "stop_reason": "tool_use" if isinstance(step, Calls) else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": _USED[0], "output_tokens": _USED[1]},
    }


def chat(step: Calls | Talks, number: int) -> dict[str, Any]:
    """A step as an answer of Chat Completions."""
    message: dict[str, Any] = {"role": "assistant", "content": None}
    match step:
        case Calls(tool, arguments):
            function = {"name": tool, "arguments": json.dumps(dict(arguments))}
            message["tool_calls"] = [{"id": f"call_{number}", "type": "function", "function": function}]
        case Talks(text):
            message["content"] = text
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "test-model",
        "choices": [
            {"index": 0, "finish_reason": "tool_calls" if isinstance(step, Calls) else "stop", "message": message}
        ],
        "usage": {"prompt_tokens": _USED[0], "completion_tokens": _USED[1], "total_tokens": sum(_USED)},
    }


def _responses(step: Calls | Talks, number: int) -> dict[str, Any]:
    match step:
        case Calls(tool, arguments):
            item: dict[str, Any] = {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}"}
            item |= {"name": tool, "arguments": json.dumps(dict(arguments)), "status": "completed"}
        case Talks(text):
            part = {"type": "output_text", "text": text, "annotations": []}
            item = {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed"}
            item["content"] = [part]
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": "test-model",
        "status": "completed",
        "output": [item],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": _USED[0],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": _USED[1],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": sum(_USED),
        },
    }


_PROTOCOLS: Mapping[str, Callable[[Calls | Talks, int], dict[str, Any]]] = MappingProxyType(
    {"/v1/messages": _messages, "/v1/chat/completions": chat, "/v1/responses": _responses}
)


def packed(body: bytes) -> Sends:
    """A gzip answer that nobody asked for."""
    return Sends(gzip.compress(body), headers={"Content-Encoding": "gzip"})
