"""What processes write when calls fail: exceptions as each language words them."""

from akeso.worlds.answers import Answer
from akeso.worlds.estate.service import CallProtocol, Runtime, Service
from akeso.worlds.happening import Thrown
from akeso.worlds.observation import OUTSIDE, Observation

_PORTS = {
    CallProtocol.HTTP: 8080,
    CallProtocol.GRPC: 50051,
    CallProtocol.SQL: 5432,
    CallProtocol.REDIS: 6379,
    CallProtocol.MESSAGE: 5672,
    CallProtocol.NONE: 0,
}

# By runtime: what the caller's client raises. {peer} and {port} are whom it called, {ms} its time-out.
_CLIENT: dict[Runtime, dict[Answer, tuple[str, str]]] = {
    Runtime.PYTHON: {
        Answer.REFUSED: ("httpx.ConnectError", "[Errno 111] Connection refused"),
        Answer.TIMED_OUT: ("httpx.ReadTimeout", "The read operation timed out"),
        Answer.RESET: ("httpx.RemoteProtocolError", "Server disconnected without sending a response."),
        Answer.NAME_UNKNOWN: ("httpx.ConnectError", "[Errno -2] Name or service not known"),
        Answer.CERTIFICATE: ("ssl.SSLCertVerificationError", "certificate verify failed: certificate has expired"),
        Answer.POOL_TIMEOUT: ("sqlalchemy.exc.TimeoutError", "QueuePool limit of size 20 overflow 0 reached"),
    },
    Runtime.JAVA: {
        Answer.REFUSED: ("java.net.ConnectException", "Connection refused: {peer}:{port}"),
        Answer.TIMED_OUT: ("java.net.SocketTimeoutException", "Read timed out after {ms} ms"),
        Answer.RESET: ("java.net.SocketException", "Connection reset"),
        Answer.NAME_UNKNOWN: ("java.net.UnknownHostException", "{peer}: Name or service not known"),
        Answer.CERTIFICATE: (
            "javax.net.ssl.SSLHandshakeException",
            "PKIX path validation failed: validity check failed",
        ),
        Answer.POOL_TIMEOUT: (
            "java.sql.SQLTransientConnectionException",
            "HikariPool-1 - Connection is not available, request timed out after {ms}ms",
        ),
    },
    Runtime.GO: {
        Answer.REFUSED: ("*net.OpError", "dial tcp {peer}:{port}: connect: connection refused"),
        Answer.TIMED_OUT: ("context.deadlineExceededError", "context deadline exceeded"),
        Answer.RESET: ("*net.OpError", "read tcp {peer}:{port}: read: connection reset by peer"),
        Answer.NAME_UNKNOWN: ("*net.DNSError", "lookup {peer}: no such host"),
        Answer.CERTIFICATE: ("x509.CertificateInvalidError", "x509: certificate has expired or is not yet valid"),
        Answer.POOL_TIMEOUT: ("*errors.errorString", "timeout acquiring connection from pool"),
    },
    Runtime.NODE: {
        Answer.REFUSED: ("Error", "connect ECONNREFUSED {peer}:{port}"),
        Answer.TIMED_OUT: ("AxiosError", "timeout of {ms}ms exceeded"),
        Answer.RESET: ("Error", "read ECONNRESET"),
        Answer.NAME_UNKNOWN: ("Error", "getaddrinfo ENOTFOUND {peer}"),
        Answer.CERTIFICATE: ("Error", "certificate has expired"),
        Answer.POOL_TIMEOUT: ("Error", "timeout exceeded when trying to connect"),
    },
    Runtime.DOTNET: {
        Answer.REFUSED: ("System.Net.Http.HttpRequestException", "Connection refused ({peer}:{port})"),
        Answer.TIMED_OUT: (
            "System.Threading.Tasks.TaskCanceledException",
            "The request was canceled due to the timeout",
        ),
        Answer.RESET: ("System.IO.IOException", "Connection reset by peer"),
        Answer.NAME_UNKNOWN: ("System.Net.Sockets.SocketException", "Name or service not known ({peer}:{port})"),
        Answer.CERTIFICATE: ("System.Security.Authentication.AuthenticationException", "NotTimeValid"),
        Answer.POOL_TIMEOUT: ("Npgsql.NpgsqlException", "The connection pool has been exhausted"),
    },
}
_CLIENT[Runtime.NATIVE] = _CLIENT[Runtime.GO]

# What drivers of databases and caches raise, whatever it was.
_DRIVERS: dict[CallProtocol, dict[Runtime, str]] = {
    CallProtocol.SQL: {
        Runtime.PYTHON: "psycopg2.OperationalError",
        Runtime.JAVA: "org.postgresql.util.PSQLException",
        Runtime.GO: "*pgconn.PgError",
        Runtime.NODE: "DatabaseError",
        Runtime.DOTNET: "Npgsql.PostgresException",
    },
    CallProtocol.REDIS: {
        Runtime.PYTHON: "redis.exceptions.ConnectionError",
        Runtime.JAVA: "io.lettuce.core.RedisConnectionException",
        Runtime.NODE: "ReplyError",
        Runtime.DOTNET: "StackExchange.Redis.RedisConnectionException",
    },
}
_SAID = {Answer.FAILED: "internal error", Answer.UNAVAILABLE: "FATAL: the database system is starting up"}

# What the callee's own code raises where nobody says otherwise.
_OWN: dict[Runtime, tuple[str, str]] = {
    Runtime.PYTHON: ("ValueError", "invalid literal for int() with base 10: ''"),
    Runtime.JAVA: ("java.lang.IllegalStateException", "unexpected state"),
    Runtime.GO: ("*errors.errorString", "invalid input"),
    Runtime.NODE: ("TypeError", "Cannot read properties of undefined (reading 'id')"),
    Runtime.DOTNET: ("System.InvalidOperationException", "Sequence contains no elements"),
    Runtime.NATIVE: ("error", "internal error"),
}
_SCARCE: dict[Answer, tuple[str, str]] = {
    Answer.TOO_MANY_FILES: ("OSError", "[Errno 24] Too many open files"),
    Answer.DISK_FULL: ("OSError", "[Errno 28] No space left on device"),
    Answer.TOO_MANY_CONNECTIONS: ("OperationalError", "FATAL: sorry, too many clients already"),
    Answer.READ_ONLY: ("OperationalError", "cannot execute INSERT in a read-only transaction"),
    Answer.DEADLOCK: ("OperationalError", "canceling statement due to lock timeout"),
    Answer.INVALID: ("ValidationError", "unknown field in request"),
    Answer.UNAVAILABLE: ("ServiceUnavailable", "upstream connect error or disconnect/reset before headers"),
    Answer.UPSTREAM: ("BadGateway", "502 Bad Gateway"),
    Answer.LIMITED: ("TooManyRequests", "429 Too Many Requests"),
    Answer.FAILED: ("HTTPError", "500 Internal Server Error"),
}


def exception(observation: Observation, link: int, answer: Answer) -> Thrown:
    """What the caller of a link logs when a call on it ends with `answer` (not OK)."""
    census = observation.census
    site = census.sites[int(census.link_site[link])]
    runtime = census.services[site.caller].runtime if site.caller != OUTSIDE else Runtime.NODE
    kind, words = _CLIENT[runtime].get(answer) or _SCARCE.get(answer, ("Error", "call failed"))
    driver = _DRIVERS.get(site.protocol, {}).get(runtime)
    if driver is not None and answer is not Answer.POOL_TIMEOUT:
        kind, words = driver, _SAID.get(answer, words)
    text = words.format(peer=site.peer, port=_PORTS[site.protocol], ms=f"{site.timeout_ms:.0f}")
    return Thrown(kind, text, stack(census.services[site.caller], site.caller_operation, kind, text))


def own_exception(observation: Observation, endpoint: int, answer: Answer) -> Thrown:
    """What the callee itself logs when its own code fails with `answer`."""
    census = observation.census
    where = census.endpoints[endpoint]
    service = census.services[census.instances[where.instance].service]
    special = observation.thrown.get(endpoint) if answer is Answer.FAILED else None
    kind, words = _OWN[service.runtime] if answer is Answer.FAILED else _SCARCE.get(answer, ("Error", "failed"))
    if special is not None:
        kind, words = special.type, special.message
    return Thrown(kind, words, stack(service, where.operation, kind, words))


def stack(service: Service, operation: str, kind: str, words: str) -> str:
    """A stack trace as the service's language prints it. Bought software prints none."""
    if service.product:
        return ""
    module = service.name.replace("-", "_")
    function = "".join(c if c.isalnum() else "_" for c in operation.lower()).strip("_") or "main"
    match service.runtime:
        case Runtime.PYTHON:
            return (
                f'Traceback (most recent call last):\n  File "/app/{module}/routes.py", line 84, in {function}\n'
                f'    return handle(request)\n  File "/app/{module}/service.py", line 131, in handle\n'
                f"    raise error\n{kind}: {words}"
            )
        case Runtime.JAVA:
            return (
                f"{kind}: {words}\n\tat com.example.{module}.Service.{function}(Service.java:131)\n"
                f"\tat com.example.{module}.Controller.handle(Controller.java:84)"
            )
        case Runtime.NODE:
            where = f"    at {function} (/app/{module}/service.js:131:11)\n    at handle (/app/routes.js:84:5)"
            return f"{kind}: {words}\n{where}"
        case Runtime.DOTNET:
            return f"{kind}: {words}\n   at {module}.Service.{function}() in /src/Service.cs:line 131"
        case Runtime.GO | Runtime.NATIVE:
            return ""
