"""WordPiece as BERT does it: Devlin et al., "BERT" (2019); the greedy longest match of Wu et al. (2016), section 4.1.

`bert_vocabulary.txt` is the vocabulary of bert-base-uncased by Google (Apache-2.0), which MiniLM shares.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from itertools import islice

_START, _END, _UNKNOWN = "[CLS]", "[SEP]", "[UNK]"
_LONGEST_WORD = 100
_KNOWN_WORDS = 20_000
# Chinese characters are words of their own, and so are marks; in ASCII those are all but letters and digits.
_IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
_IDEOGRAPH = re.compile(f"([{_IDEOGRAPHS}])")
_ASCII_MARKS = frozenset(chr(code) for code in range(33, 127) if not chr(code).isalnum())


class WordPiece:
    """Texts to the numbers of their pieces, start and end included."""

    def __init__(self) -> None:
        lines = files(__package__).joinpath("bert_vocabulary.txt").read_text(encoding="utf-8").split("\n")
        self._numbers = {piece: number for number, piece in enumerate(lines) if piece}
        self._cached = lru_cache(_KNOWN_WORDS)(self._pieces)

    def encode(self, text: str, limit: int) -> list[int]:
        """At most `limit` numbers; what is too long loses its end."""
        pieces = (piece for word in _words(text) for piece in self._cached(word))
        return [self._numbers[_START], *islice(pieces, limit - 2), self._numbers[_END]]

    def _pieces(self, word: str) -> tuple[int, ...]:
        if len(word) > _LONGEST_WORD:
            return (self._numbers[_UNKNOWN],)
        found: list[int] = []
        at = 0
        while at < len(word):
            prefix = "##" if at else ""
            ends = (end for end in range(len(word), at, -1) if prefix + word[at:end] in self._numbers)
            end = next(ends, None)
            if end is None:
                return (self._numbers[_UNKNOWN],)
            found.append(self._numbers[prefix + word[at:end]])
            at = end
        return tuple(found)


def _words(text: str) -> Iterator[str]:
    visible = "".join(" " if c.isspace() else c for c in text if c.isspace() or not _is_control(c))
    spaced = unicodedata.normalize("NFD", _IDEOGRAPH.sub(r" \1 ", visible).lower())
    plain = "".join(c for c in spaced if unicodedata.category(c) != "Mn")
    return (word for chunk in plain.split() for word in _split_marks(chunk))


def _split_marks(chunk: str) -> Iterator[str]:
    begin = 0
    for at, character in enumerate(chunk):
        if _is_mark(character):
            if at > begin:
                yield chunk[begin:at]
            yield character
            begin = at + 1
    if begin < len(chunk):
        yield chunk[begin:]


def _is_mark(character: str) -> bool:
    return character in _ASCII_MARKS or unicodedata.category(character).startswith("P")


def _is_control(character: str) -> bool:
    return character in "\0\ufffd" or unicodedata.category(character).startswith("C")
