"""Times of a scenario as people write them: `90s`, `5m`, `1h30m` after its start; `@5m` in a body is that instant."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

from akeso.domain.telemetry.batches import NANOSECONDS

_UNITS = {"ms": 10**6, "s": NANOSECONDS, "m": 60 * NANOSECONDS, "h": 3600 * NANOSECONDS, "d": 86_400 * NANOSECONDS}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_INSTANT = re.compile(r"@(-?)((?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+)(:ns|:ms|:s)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(text: object) -> int:
    """A duration in ns. Raises ValueError for what is none."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return round(text * NANOSECONDS)
    parts = _PART.findall(text) if isinstance(text, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration; write 90s, 5m or 1h30m")
    return sum(round(float(number) * _UNITS[unit]) for number, unit in parts)


Duration = Annotated[int, BeforeValidator(nanoseconds)]
"""ns, written as text or as a number of seconds."""


def written(duration: int) -> str:
    """A duration as people write it."""
    seconds, rest = divmod(duration, NANOSECONDS)
    minutes, seconds = divmod(seconds, 60)
    text = (f"{minutes}m" if minutes else "") + (f"{seconds}s" if seconds or not minutes else "")
    return f"{duration / NANOSECONDS:g}s" if rest else text


def moment(instant: int) -> datetime:
    """ns since the epoch as a date."""
    return _EPOCH + timedelta(microseconds=instant // 1_000)


def filled(content: Any, start: int, words: Mapping[str, str]) -> Any:
    """The content with `@…` instants and {names} of `words` filled in, in all its texts. A text that is an instant with
    `:ns`, `:ms` or `:s` and nothing else becomes a number."""
    match content:
        case str():
            return _filled_text(content, start, words)
        case Mapping():
            return {_named(name, words): filled(value, start, words) for name, value in content.items()}
        case list():
            return [filled(value, start, words) for value in content]
        case _:
            return content


def _filled_text(text: str, start: int, words: Mapping[str, str]) -> str | int:
    alone = _INSTANT.fullmatch(text)
    if alone is not None:
        at = start + (-1 if alone[1] else 1) * nanoseconds(alone[2])
        return at // _UNITS[alone[3][1:]] if alone[3] and alone[3] != ":ns" else at if alone[3] else _iso(at)
    return _named(_INSTANT.sub(lambda found: _iso(start + nanoseconds(found[2])), text), words)


def _named(text: str, words: Mapping[str, str]) -> str:
    for name, value in words.items():
        text = text.replace("{" + name + "}", value)
    return text


def _iso(instant: int) -> str:
    return moment(instant).isoformat().replace("+00:00", "Z")
