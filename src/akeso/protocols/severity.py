"""Log levels as OpenTelemetry severity numbers (specification: Logs Data Model, Appendix B)."""

_NAMES = {
    "trace": 1,
    "finest": 1,
    "verbose": 1,
    "trce": 1,
    "vrb": 1,
    "finer": 2,
    "debug": 5,
    "fine": 5,
    "dbug": 5,
    "dbg": 5,
    "config": 8,
    "info": 9,
    "information": 9,
    "informational": 9,
    "inf": 9,
    "notice": 10,
    "warn": 13,
    "warning": 13,
    "wrn": 13,
    "error": 17,
    "err": 17,
    "severe": 17,
    "eror": 17,
    "critical": 18,
    "crit": 18,
    "alert": 19,
    "dpanic": 20,
    "fatal": 21,
    "ftl": 21,
    "panic": 21,
    "emergency": 21,
    "emerg": 21,
}


# 0–7: emergency, alert, critical, error, warning, notice, informational, debug (RFC 5424, table 2; GELF, journald).
_SYSLOG = (21, 19, 18, 17, 13, 10, 9, 5)
# By tens from 10: pino and bunyan have trace, debug, info, warn, error, fatal; Python has no trace, and critical at 50.
_PINO = (1, 5, 9, 13, 17, 21)
_PYTHON = (5, 9, 13, 17, 21)
_HIGHEST = 24
_HIGHEST_PRIORITY = 191


def severity_number(level: str) -> int:
    """1–24, or 0 for a name nobody agreed on. Accepts a number written out, too ("17")."""
    name = level.strip().lower()
    if name.isascii() and name.isdigit():
        return int(name) if len(name) <= 2 and int(name) <= _HIGHEST else 0
    return _NAMES.get(name, 0)


def severity_of_level(level: float, python: bool = False) -> int:
    """The severity that a number under the name `level` stands for, 0 for what stands for none.

    Nobody says whose number it is, so the scales are told apart by where they do not overlap: 0–7 is syslog's, what is
    a multiple of ten up to 60 pino's or bunyan's, the rest up to 24 OpenTelemetry's. 0 stands for none, because it is
    the least of many scales and an emergency only in one. python: the record shows fields of Python's logging, whose
    tens mean something else.
    """
    number = int(level) if level == level // 1 else -1
    tens, odd = divmod(number, 10)
    scale = _PYTHON if python else _PINO
    if 0 < number < len(_SYSLOG) and not python:
        return _SYSLOG[number]
    if not odd and 1 <= tens <= len(scale):
        return scale[tens - 1]
    return number if 0 < number <= _HIGHEST else 0


def severity_of_priority(priority: int) -> int:
    """The severity in the priority that a syslog message begins with (RFC 5424, 6.2.1), 0 for what is none."""
    return _SYSLOG[priority % 8] if 0 <= priority <= _HIGHEST_PRIORITY else 0
