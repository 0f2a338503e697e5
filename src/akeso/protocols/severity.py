"""Names of log levels as OpenTelemetry severity numbers (specification: Logs Data Model, Appendix B)."""

_NAMES = {
    "trace": 1,
    "finest": 1,
    "verbose": 1,
    "debug": 5,
    "fine": 5,
    "info": 9,
    "information": 9,
    "informational": 9,
    "notice": 10,
    "warn": 13,
    "warning": 13,
    "error": 17,
    "err": 17,
    "severe": 17,
    "critical": 18,
    "crit": 18,
    "alert": 19,
    "fatal": 21,
    "panic": 21,
    "emergency": 21,
    "emerg": 21,
}


def severity_number(level: str) -> int:
    """1–24, or 0 for a name nobody agreed on. Accepts a number written out, too ("17")."""
    name = level.strip().lower()
    if name.isascii() and name.isdigit():
        return int(name) if len(name) <= 2 and int(name) <= 24 else 0
    return _NAMES.get(name, 0)
