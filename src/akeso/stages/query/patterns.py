"""People's patterns, in an engine whose time is linear in the text (RE2): no pattern can hold up the process.

https://github.com/google/re2/wiki/Syntax. Back-references and look-around, which no such engine has, are refused.
"""

import re
from typing import Any

import re2

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.query import Matcher, Matching

LONGEST_PATTERN = 1_000
_MOST_MEMORY = 2**20
_MATCHER = re.compile(r"([^=!~]+)(=~|!~|!=|=)(.*)", re.DOTALL)


def matcher(text: str) -> Matcher:
    """`route=/x`, `route!=/x`, `route=~/api/.*`, `route!~…`. Raises InvalidInput."""
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise InvalidInput("match", f"{text[:100]} is not name=value, name!=value, name=~pattern or name!~pattern")
    name, matching, value = found[1].strip(), Matching(found[2]), found[3]
    if matching in {Matching.IS, Matching.IS_NOT}:
        return Matcher(name, matching, value)
    return Matcher(name, matching, value, compiled(value, f"match.{name}"))


def compiled(pattern: str, field: str) -> Any:
    """A pattern of somebody. Raises InvalidInput naming `field` when it is none, is too long or would take too much
    memory."""
    if len(pattern) > LONGEST_PATTERN:
        raise InvalidInput(field, f"is longer than {LONGEST_PATTERN} characters")
    options = re2.Options()
    options.max_mem, options.log_errors = _MOST_MEMORY, False
    try:
        return re2.compile(pattern, options)
    except re2.error as bad:
        raise InvalidInput(field, f"{pattern} is no pattern: {_said(bad)}") from bad


def _said(bad: Exception) -> str:
    first = bad.args[0] if bad.args else bad
    return first.decode(errors="replace") if isinstance(first, bytes) else str(first)
