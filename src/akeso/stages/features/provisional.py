"""Evaluating a slot without closing it."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any


@contextmanager
def on_copies(owner: Any, *attributes: str) -> Iterator[None]:
    """Within the context `owner` works on shallow copies of these attributes; afterwards it has its own back."""
    own = {name: getattr(owner, name) for name in attributes}
    for name, value in own.items():
        setattr(owner, name, copy(value))
    try:
        yield
    finally:
        for name, value in own.items():
            setattr(owner, name, value)
