"""What full-text search compares: words of letters and digits, in lower case."""

import re
from collections.abc import Iterable

_WORD = re.compile(r"[^\W_]+")
_LONGEST = 100
_MOST = 20_000


def search_words(texts: Iterable[str]) -> tuple[str, ...]:
    """Each word once, in the order in which they come. Words are cut after 100 characters, texts after 20,000 words."""
    found: dict[str, None] = {}
    for text in texts:
        for match in _WORD.finditer(text.lower()):
            if len(found) == _MOST:
                return tuple(found)
            found.setdefault(match.group()[:_LONGEST])
    return tuple(found)


def contains(words: Iterable[str], wanted: Iterable[str]) -> bool:
    """Whether each wanted word begins one of `words`; False when nothing is wanted."""
    held, asked = tuple(words), tuple(wanted)
    return bool(asked) and all(any(word.startswith(each) for word in held) for each in asked)
