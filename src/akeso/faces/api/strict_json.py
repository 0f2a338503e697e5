"""JSON that means one thing to everybody who reads it: no key twice, no number that some readers cannot hold."""

import json
from typing import Any, NoReturn

_LARGEST = 2**63
_LONGEST_NUMBER = 400


class Unfit(ValueError):
    """The text is no JSON, or such as readers understand in different ways."""


def checked_json(body: bytes) -> Any:
    """What the body says.

    Raises Unfit when it is no JSON, has a key twice, is nested too deep, or holds a number that is none, or that no 64
    bits hold.
    """
    try:
        return json.loads(
            body.decode(), object_pairs_hook=_once, parse_int=_integer, parse_float=_number, parse_constant=_constant
        )
    except Unfit:
        raise
    except RecursionError as deep:
        raise Unfit("is nested too deep") from deep
    except ValueError as bad:
        raise Unfit(f"is no JSON: {bad}") from bad


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise Unfit(f"has the key {next(name for name in names if names.count(name) > 1)[:100]!r} twice")
    return found


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER or not -_LARGEST <= int(text) < _LARGEST:
        raise Unfit(f"holds a number that is too large: {text[:20]}…")
    return int(text)


def _number(text: str) -> float:
    found = float(text)
    if len(text) > _LONGEST_NUMBER or found in {float("inf"), float("-inf")}:
        raise Unfit(f"holds a number that is too large: {text[:20]}…")
    return found


def _constant(text: str) -> NoReturn:
    raise Unfit(f"holds {text}, which JSON does not know")
