"""Exceptions as each language's usual libraries raise them for a call that did not end well."""

from akeso.worlds.answers import Answer, http_status
from akeso.worlds.estate.service import CallProtocol, Runtime

_TYPES = {
    Runtime.PYTHON: {
        Answer.REFUSED: ("requests.exceptions.ConnectionError", "[Errno 111] Connection refused"),
        Answer.TIMED_OUT: ("requests.exceptions.ReadTimeout", "Read timed out. (read timeout=5)"),
        Answer.RESET: ("requests.exceptions.ConnectionError", "[Errno 104] Connection reset by peer"),
        Answer.NAME_UNKNOWN: ("requests.exceptions.ConnectionError", "[Errno -2] Name or service not known"),
        Answer.CERTIFICATE: ("requests.exceptions.SSLError", "certificate verify failed: certificate has expired"),
        Answer.POOL_TIMEOUT: ("sqlalchemy.exc.TimeoutError", "QueuePool limit of size 5 overflow 10 reached"),
        Answer.TOO_MANY_FILES: ("OSError", "[Errno 24] Too many open files"),
        Answer.DISK_FULL: ("OSError", "[Errno 28] No space left on device"),
    },
    Runtime.JAVA: {
        Answer.REFUSED: ("java.net.ConnectException", "Connection refused"),
        Answer.TIMED_OUT: ("java.net.SocketTimeoutException", "Read timed out"),
        Answer.RESET: ("java.net.SocketException", "Connection reset"),
        Answer.NAME_UNKNOWN: ("java.net.UnknownHostException", "Name or service not known"),
        Answer.CERTIFICATE: (
            "javax.net.ssl.SSLHandshakeException",
            "PKIX path validation failed: validity check failed",
        ),
        Answer.POOL_TIMEOUT: (
            "java.sql.SQLTransientConnectionException",
            "HikariPool-1 - Connection is not available, request timed out after 30000ms",
        ),
        Answer.TOO_MANY_FILES: ("java.io.IOException", "Too many open files"),
        Answer.DISK_FULL: ("java.io.IOException", "No space left on device"),
    },
    Runtime.GO: {
        Answer.REFUSED: ("*net.OpError", "connect: connection refused"),
        Answer.TIMED_OUT: ("*context.deadlineExceededError", "context deadline exceeded"),
        Answer.RESET: ("*net.OpError", "read: connection reset by peer"),
        Answer.NAME_UNKNOWN: ("*net.DNSError", "no such host"),
        Answer.CERTIFICATE: ("*tls.CertificateVerificationError", "x509: certificate has expired or is not yet valid"),
        Answer.POOL_TIMEOUT: ("*context.deadlineExceededError", "context deadline exceeded"),
        Answer.TOO_MANY_FILES: ("*os.SyscallError", "socket: too many open files"),
        Answer.DISK_FULL: ("*fs.PathError", "no space left on device"),
    },
    Runtime.NODE: {
        Answer.REFUSED: ("ECONNREFUSED", "connect ECONNREFUSED"),
        Answer.TIMED_OUT: ("ETIMEDOUT", "timeout of 5000ms exceeded"),
        Answer.RESET: ("ECONNRESET", "socket hang up"),
        Answer.NAME_UNKNOWN: ("ENOTFOUND", "getaddrinfo ENOTFOUND"),
        Answer.CERTIFICATE: ("CERT_HAS_EXPIRED", "certificate has expired"),
        Answer.POOL_TIMEOUT: ("Error", "timeout exceeded when trying to connect"),
        Answer.TOO_MANY_FILES: ("EMFILE", "EMFILE: too many open files"),
        Answer.DISK_FULL: ("ENOSPC", "ENOSPC: no space left on device, write"),
    },
    Runtime.DOTNET: {
        Answer.REFUSED: ("System.Net.Http.HttpRequestException", "Connection refused"),
        Answer.TIMED_OUT: ("System.Threading.Tasks.TaskCanceledException", "The request was canceled due to a timeout"),
        Answer.RESET: ("System.IO.IOException", "Connection reset by peer"),
        Answer.NAME_UNKNOWN: ("System.Net.Http.HttpRequestException", "Name or service not known"),
        Answer.CERTIFICATE: (
            "System.Security.Authentication.AuthenticationException",
            "The remote certificate is invalid because of errors in the certificate chain: NotTimeValid",
        ),
        Answer.POOL_TIMEOUT: ("Npgsql.NpgsqlException", "The connection pool has been exhausted"),
        Answer.TOO_MANY_FILES: ("System.IO.IOException", "Too many open files"),
        Answer.DISK_FULL: ("System.IO.IOException", "No space left on device"),
    },
}
_DATABASE = {
    Answer.TOO_MANY_CONNECTIONS: "FATAL: sorry, too many clients already",
    Answer.READ_ONLY: "cannot execute UPDATE in a read-only transaction",
    Answer.DEADLOCK: "canceling statement due to lock timeout",
    Answer.DISK_FULL: "could not extend file: No space left on device",
    Answer.FAILED: "internal error",
    Answer.UNAVAILABLE: "FATAL: the database system is starting up",
}
_CLIENTS = {
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


def exception_of(runtime: Runtime, protocol: CallProtocol, answer: Answer) -> tuple[str, str] | None:
    """Type and message of what the caller's library raises; None where an HTTP status says it all."""
    if answer in {Answer.OK, Answer.NOT_FOUND}:
        return None
    told = _TYPES.get(runtime, _TYPES[Runtime.GO]).get(answer)
    clients = _CLIENTS.get(protocol)
    if clients is None:
        return None if http_status(answer) else told
    if answer is Answer.POOL_TIMEOUT:
        return told
    kind = clients.get(runtime, "error")
    return kind, _DATABASE.get(answer) or (told[1] if told else answer.name.lower().replace("_", " "))
