"""Log lines as the usual loggers of each language write them to standard output.

Python logging and python-json-logger; Logback's pattern of Spring Boot and logstash-logback-encoder; Go's log/slog and
zap; pino; .NET's console formatters; nginx's error log.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec

from akeso.worlds.estate.service import Runtime
from akeso.worlds.happening import Level, Line

_PINO = {Level.DEBUG: 20, Level.INFO: 30, Level.WARN: 40, Level.ERROR: 50, Level.FATAL: 60}
_PYTHON = {Level.WARN: "WARNING", Level.FATAL: "CRITICAL"}
_DOTNET = {
    Level.DEBUG: "Debug",
    Level.INFO: "Information",
    Level.WARN: "Warning",
    Level.ERROR: "Error",
    Level.FATAL: "Critical",
}
_DOTNET_SHORT = {Level.DEBUG: "dbug", Level.INFO: "info", Level.WARN: "warn", Level.ERROR: "fail", Level.FATAL: "crit"}
_NGINX = {Level.DEBUG: "debug", Level.INFO: "info", Level.WARN: "warn", Level.ERROR: "error", Level.FATAL: "crit"}


@dataclass(frozen=True, slots=True)
class Written:
    """A line and where it was written. at: ns by the writer's own clock; trace, span: hexadecimal, "" outside any."""

    line: Line
    at: int
    service: str
    host: str
    trace: str = ""
    span: str = ""

    @property
    def iso(self) -> str:
        """UTC with milliseconds."""
        moment = datetime.fromtimestamp(self.at // 10**9, UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{self.at // 10**6 % 1000:03d}Z"

    @property
    def context(self) -> dict[str, str]:
        """Trace and span as most loggers name them."""
        return {"trace_id": self.trace, "span_id": self.span} if self.trace else {}


_Writer: TypeAlias = Callable[[Written], str]


def plain_line(runtime: Runtime, written: Written) -> str:
    """As text, a stack trace on lines of its own."""
    return _PLAIN[runtime](written)


def json_line(runtime: Runtime, written: Written) -> str:
    """As JSON."""
    return msgspec.json.encode(json_fields(runtime, written)).decode()


def json_fields(runtime: Runtime, written: Written) -> Mapping[str, Any]:
    """What a JSON line holds."""
    return _JSON[runtime](written)


def python_level(level: Level) -> str:
    """As Python's logging names it."""
    return _PYTHON.get(level, level.upper())


def _python(written: Written) -> str:
    line = written.line
    moment = written.iso.replace("T", " ").replace(".", ",").removesuffix("Z")
    return f"{moment} {python_level(line.level)} [{line.logger}] {line.message}{_stack(line)}"


def _java(written: Written) -> str:
    line = written.line
    head = f"{written.iso} {line.level.upper():>5} 1 --- [{written.service}] [nio-8080-exec-3] {line.logger:<40}"
    return f"{head} : {line.message}{_stack(line)}"


def _go(written: Written) -> str:
    line = written.line
    pairs = "".join(f" {name}={value}" for name, value in line.fields.items())
    error = f' error="{line.thrown.message}"' if line.thrown else ""
    return f'time={written.iso} level={line.level.upper()} msg="{line.message}"{pairs}{error}'


def _node(written: Written) -> str:
    line = written.line
    return f"{written.iso} {line.level}: {line.message}{_stack(line)}"


def _dotnet(written: Written) -> str:
    line = written.line
    return f"{_DOTNET_SHORT[line.level]}: {line.logger}[0]\n      {line.message}{_stack(line)}"


def _native(written: Written) -> str:
    line = written.line
    moment = written.iso[:19].replace("-", "/").replace("T", " ")
    return f"{moment} [{_NGINX[line.level]}] 31#31: {line.message}"


def _stack(line: Line) -> str:
    if line.thrown is None:
        return ""
    return "\n" + (line.thrown.stack or f"{line.thrown.type}: {line.thrown.message}")


def _python_json(written: Written) -> dict[str, Any]:
    line = written.line
    found: dict[str, Any] = {"asctime": written.iso, "levelname": python_level(line.level), "name": line.logger}
    found |= {"message": line.message, **line.fields, **written.context}
    return found | ({"exc_info": _stack(line).lstrip()} if line.thrown else {})


def _logstash(written: Written) -> dict[str, Any]:
    line = written.line
    found: dict[str, Any] = {"@timestamp": written.iso, "@version": "1", "message": line.message}
    found |= {"logger_name": line.logger, "thread_name": "http-nio-8080-exec-3", "level": line.level.upper()}
    found |= {"level_value": 10_000 * (1 + list(Level).index(line.level)), **written.context}
    return found | ({"stack_trace": _stack(line).lstrip()} if line.thrown else {})


def _zap(written: Written) -> dict[str, Any]:
    line = written.line
    found: dict[str, Any] = {"level": str(line.level), "ts": written.at / 1e9, "caller": f"{line.logger}/handler.go:88"}
    found |= {"msg": line.message, **line.fields, **written.context}
    return found | ({"error": line.thrown.message, "stacktrace": line.thrown.stack} if line.thrown else {})


def _pino(written: Written) -> dict[str, Any]:
    line = written.line
    found: dict[str, Any] = {"level": _PINO[line.level], "time": written.at // 10**6, "pid": 1}
    found |= {"hostname": written.host, "name": line.logger, **line.fields, **written.context}
    if line.thrown:
        found["err"] = {"type": line.thrown.type, "message": line.thrown.message, "stack": line.thrown.stack}
    return found | {"msg": line.message}


def _dotnet_json(written: Written) -> dict[str, Any]:
    line = written.line
    found: dict[str, Any] = {"Timestamp": written.iso, "EventId": 0, "LogLevel": _DOTNET[line.level]}
    found |= {"Category": line.logger, "Message": line.message}
    found |= {"Exception": _stack(line).lstrip()} if line.thrown else {}
    state = {"Message": line.message, **line.fields, "{OriginalFormat}": line.template}
    scopes = [{"TraceId": written.trace, "SpanId": written.span}] if written.trace else []
    return found | {"State": state, "Scopes": scopes}


_PLAIN: dict[Runtime, _Writer] = {
    Runtime.PYTHON: _python,
    Runtime.JAVA: _java,
    Runtime.GO: _go,
    Runtime.NODE: _node,
    Runtime.DOTNET: _dotnet,
    Runtime.NATIVE: _native,
}
_JSON: dict[Runtime, Callable[[Written], dict[str, Any]]] = {
    Runtime.PYTHON: _python_json,
    Runtime.JAVA: _logstash,
    Runtime.GO: _zap,
    Runtime.NODE: _pino,
    Runtime.DOTNET: _dotnet_json,
    Runtime.NATIVE: _zap,
}
