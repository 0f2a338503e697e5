"""Severity numbers of log records (OpenTelemetry, Logs Data Model: 1 to 24)."""

ERROR = 17


FATAL = 21
