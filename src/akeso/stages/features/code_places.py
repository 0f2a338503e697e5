"""Where in the code a log line says that it was written."""

import re

_HEAD = 160  # it stands near the beginning of a line
_WORDS = 60  # of the message are kept beside it
# logger#line, File.java:84, module.py:84, package/file.go:84 — with whatever the logger's name is made of.
_PLACE = re.compile(
    r"""(?<![\w/.])(
        [A-Za-z_][\w$-]*\.[\w.$\[\]-]*\#\d+
      | [\w./-]*\w\.(?:java|kt|scala|py|go|rs|rb|js|ts|cs|cpp|cc|c|php):\d+
    )(?![\w.])""",
    re.VERBOSE,
)
_TAG = re.compile(r"\[([A-Za-z][^\[\]:=\d]*)\]")
_VARIABLE = re.compile(r"\d|[:=({]")


def code_place(line: str) -> str:
    """The place that a line names, with the words in brackets that follow it; "" when it names none."""
    found = _PLACE.search(line, 0, _HEAD)
    return "" if found is None else found[1]


def tags_behind(line: str, place: str) -> str:
    """The words in square brackets that follow the place, which many loggers use for what is going on; at most some."""
    behind = line.partition(place)[2]
    told = "".join(f"[{tag}]" for tag in _TAG.findall(behind))
    return told[:_WORDS]
