"""What the labels of a log stream, the metadata of a line, and the line itself say about it."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from akeso.domain.errors import InvalidInput
from akeso.protocols.severity import severity_number, severity_of_level, severity_of_priority

LEVELS = ("level", "severity", "detected_level", "severity_text", "lvl")
INSTANCES = ("service_instance_id", "instance", "pod")
TRACES = ("trace_id", "traceid", "traceID")

_LONGEST_LABELS = 64 * 1024
_LABEL = re.compile(r'\s*([a-zA-Z_:][\w:.]*)\s*=\s*("(?:[^"\\]|\\.)*"|`[^`]*`)\s*(?:,|$)')
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_HEAD = 200  # the level stands near the beginning of a line
_HIGHEST = 24
_NAMED = re.compile(r"""(?:level(?:name)?|lvl|severity(?:_?text)?)["']?\s*[=:]\s*["']?([a-z]{3,13})""")
_NUMBERED = re.compile(r""""(level(?:no)?|lvl|severity_?number)"\s*:\s*(\d{1,2})\b""")
# https://github.com/kubernetes/klog: a letter, month and day, time.
_KLOG = {"I": 9, "W": 13, "E": 17, "F": 21}
_KLOG_HEAD = re.compile(r"[IWEF]\d{4} \d\d:\d\d:\d\d")
_PRIORITY = re.compile(r"<(\d{1,3})>")
# Microsoft.Extensions.Logging's console.
_CONSOLE = {"trce": 1, "dbug": 5, "info": 9, "warn": 13, "fail": 17, "crit": 21}
_CONSOLE_HEAD = re.compile(r"(trce|dbug|info|warn|fail|crit): ")
_BRACKETED = re.compile(r"\d \[(?:\w+:)?(debug|info|notice|warn|error|crit|alert|emerg)\]")
_SHOUTED = re.compile(r"\b[A-Z]{3,8}\b")
_number = lru_cache(maxsize=1_024)(severity_number)  # of short words only


@lru_cache(maxsize=2_000)
def stream_labels(text: str) -> Mapping[str, str]:
    """The labels of `{name="value", …}`, whose strings are quoted as in Go. Raises InvalidInput."""
    inner = text.strip()
    if len(inner) > _LONGEST_LABELS:
        raise InvalidInput("labels", f"is longer than {_LONGEST_LABELS} characters")
    if not (inner.startswith("{") and inner.endswith("}")):
        raise InvalidInput("labels", 'is not {name="value", …}')
    inner, place, found = inner[1:-1].rstrip(), 0, {}
    while place < len(inner):
        label = _LABEL.match(inner, place)
        if label is None:
            raise InvalidInput("labels", f"cannot be read from character {place + 1} on")
        found[label[1]] = _unquoted(label[2])
        place = label.end()
    return found


def first_of(labels: Mapping[str, str], names: Sequence[str]) -> str:
    """The first that is there and not empty, else ""."""
    return next((labels[name] for name in names if labels.get(name)), "")


def level_in(line: str) -> int:
    """The severity number that a line names itself, else 0: as `level=warn`, `"level":"warn"` or, in JSON, as a number
    (`"level":50`); by the head of klog, nginx, .NET's console or syslog; or by a word in capitals."""
    head = line[:_HEAD]
    quiet = head.lower()
    if "level" in quiet or "lvl" in quiet or "severity" in quiet:
        named = _NAMED.search(quiet)
        if named and (number := _number(named[1])):
            return number
        if quiet.startswith("{") and (numbered := _NUMBERED.search(quiet)):
            return _numbered(numbered[1], int(numbered[2]), quiet)
    if number := _by_head(head):
        return number
    if quiet != head:
        for word in _SHOUTED.finditer(head):
            if number := _number(word[0]):
                return number
    return 0


def _numbered(name: str, number: int, quiet: str) -> int:
    if name.startswith("severity"):
        return number if number <= _HIGHEST else 0
    return severity_of_level(number, python=name == "levelno" or '"levelname"' in quiet or '"lineno"' in quiet)


def _by_head(head: str) -> int:
    match head[:1]:
        case "I" | "W" | "E" | "F":
            return _KLOG[head[0]] if _KLOG_HEAD.match(head) else 0
        case "<":
            priority = _PRIORITY.match(head)
            return severity_of_priority(int(priority[1])) if priority else 0
        case "t" | "d" | "i" | "w" | "f" | "c":
            console = _CONSOLE_HEAD.match(head)
            return _CONSOLE[console[1]] if console else 0
        case _:
            bracketed = _BRACKETED.search(head)
            return _number(bracketed[1]) if bracketed else 0


def trace_in(text: str) -> int:
    """The low half of a trace id in hexadecimal; 0 if it is none."""
    try:
        return int(text[-16:], 16) if text.isalnum() else 0
    except ValueError:
        return 0


def _unquoted(text: str) -> str:
    inner = text[1:-1]
    return inner if text[0] == "`" or "\\" not in inner else _ESCAPE.sub(_meant, inner)


def _meant(escape: re.Match[str]) -> str:
    byte, short, long, octal, simple = escape.groups()
    if simple is not None:
        return _SIMPLE.get(simple, simple)
    code = int(octal, 8) if octal else int(byte or short or long, 16)
    # A surrogate stands for no character and cannot be stored.
    return chr(code) if code < 0xD800 or 0xDFFF < code <= 0x10FFFF else "\ufffd"
