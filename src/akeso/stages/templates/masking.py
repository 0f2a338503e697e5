"""What is obviously variable in a log line: numbers, addresses, ids, paths, hosts, truth values, dates, amounts.

One set of rules for every system; whether a plain word is variable is for the template miner to find out. Shapes are
made a word at a time on digits that are made equal, so that words repeat and their masks can be remembered."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

WILDCARD = "<*>"
_MOST_CHARACTERS = 2_000
_MOST_TOKENS = 160
_MOST_REMEMBERED = 300
_HOLE = "\0"
# Stands between lines that are gone through as one text, as that is many times as fast.
_BETWEEN = "\x1e"
# Bytes translate ten times as fast as text does.
_EQUAL_DIGITS = bytes.maketrans(b"123456789\0", b"000000000 ")
_DIGIT = re.compile(r"[1-9]")

# A piece is what stands between spaces, punctuation and leaders of dots ("enable.........0").
_PUNCTUATION = "=:,;()[]{}\"'<>|"
_BREAK = r"""\s=:,;()\[\]{}"'<>|"""
_CHAR = rf"(?:(?!\.\.)[^{_BREAK}])"
_END = rf"(?![^{_BREAK}])"
# Without the full stop.
_WORD = rf"(?:(?!\.\.|\.{_END})[^{_BREAK}\0])+"
_TOP_DOMAIN = "com|net|org|edu|gov|mil|int|local|lan|internal|localdomain|localhost"
# In this order: what follows a URL's scheme; path; MAC address; e-mail address; host; piece with a digit that is no key
# ("r24=") and no number after # ("cpu#1"); relative path; hexadecimal; truth value; compared number ("<1").
_VARIABLE = re.compile(
    rf"""
    (?<=://) [^\s"'<>|,;)\]}}]+ (?<! [.:] )
  | (?: (?<=\.\.)(?!\.) | (?<![^{_BREAK}]) | (?<=\#)(?=\d) ) (?! (?<=:)// ) (?:
        (?: [A-Za-z]:(?=\\) | ~ | \.{{0,2}} ) [/\\] [^\s"'<>|,;:=()\[\]{{}}]* (?: \?[^\s"']* )?
      | (?: [0-9A-Fa-f]{{2}}: ){{3,}} [0-9A-Fa-f]{{2}} {_END}
      | {_CHAR}+? @ [\w-]+ (?: \.[\w-]+ )+
      | (?: [\w-]+\. )+ (?: (?:{_TOP_DOMAIN}) (?=\.?{_END}) | [A-Za-z]{{2,}} (?=:\d) )
      | (?! [A-Za-z_][A-Za-z_.]*\d{{0,2}}= | [A-Za-z]*\#\d ) {_CHAR}*? \d {_CHAR}*? (?= \.?{_END} | \.\. )
      | (?: {_CHAR}*? [/\\] ){{2}} {_CHAR}*
      | [A-Fa-f]{{8,}} {_END}
      | (?: true | false | null | True | False | None | TRUE | FALSE | NULL | nil ) {_END}
    )
  | (?<![^\s]) [<>~]=? \d {_CHAR}*+ (?!>)
    """,
    re.VERBOSE,
)
_TOKEN = re.compile(rf"(\s*)(\0[^\0]*\0|[{re.escape(_PUNCTUATION)}]|\.\.+|{_WORD}|\.)")
# ssh2, L3, jk2_init: may be a name or a number of something; it is shown until another is seen in its place.
_NAME = re.compile(
    r"(?!v\d|[A-Fa-f\d]{3,}$)(?=..$|.*[A-Za-z]{2})(?:[A-Za-z_.$-]*[A-Za-z]\d{1,3}(?!\d)){1,2}[A-Za-z_.$-]*$"
)
_NUMBERED = re.compile(r"[A-Za-z]+\.(?=\d+$)")
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_JOINING = frozenset(":,;|")
_DAY = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:[a-z]{0,6}day)?$")
_MONTH = re.compile(
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t|tember)?"
    r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)$"
)
_ZONE = re.compile(r"(?:UTC|GMT|Z|[ECMP][SD]T|CEST|CET|BST|[IJH]K?ST|HKT|[AaPp][Mm])$")
# Units that a writer picks by size; "12 requests" keeps its word.
_UNIT = re.compile(r"(?:[kKMGT]?i?B|bytes?|[nuµm]?s|secs?|seconds?|mins?|minutes?|hours?|h|days?)$")


class Token(NamedTuple):
    """word: what lines are compared by, WILDCARD for a variable. shown: how it reads in a template, with the space
    before it; a variable shows its inner punctuation ("<*>:<*>"), and one that looks like a name shows the name."""

    word: str
    shown: str

    @property
    def is_variable(self) -> bool:
        """Whether the mask stands here."""
        return self.word == WILDCARD

    @property
    def is_word(self) -> bool:
        """Whether this is neither variable nor punctuation."""
        return is_word(self.word)


def is_word(text: str) -> bool:
    """Whether a token's word is neither variable nor punctuation."""
    return text != WILDCARD and text not in _PUNCTUATION and text.strip(".") != ""


def shapes(lines: Sequence[str]) -> list[str]:
    """Each line with its variable pieces as holes and its digits equal: what lines of one template mostly share."""
    found = _equalled(_BETWEEN.join(lines)).split(_BETWEEN) if lines else []
    if len(found) != len(lines):
        found = list(map(_equalled, lines))
    return [_known_shape(line) if len(line) <= _MOST_REMEMBERED else _shape_of(line) for line in found]


def masked(line: str) -> str:
    """The line with each variable piece as WILDCARD; spaces are made single."""
    return " ".join(_VARIABLE.sub(WILDCARD, word) for word in _words(line))


def tokens(line: str) -> list[Token]:
    """A line in words and punctuation; lines of one shape have the same words. Dates, amounts with units and lists are
    one variable; brackets with nothing in them hold an empty one. 1 to 160; what follows is cut off."""
    marked = " ".join(_VARIABLE.sub(_marked, word) for word in _words(line.replace(_HOLE, " ")))
    found = [_token(space, text) for space, text in _TOKEN.findall(marked)[:_MOST_TOKENS]]
    for step in (_brackets_filled, _amounts_joined, _variables_joined, _collections_joined):
        found = step(found)
    return found or [Token("", "")]


def _words(line: str) -> list[str]:
    words = line[:_MOST_CHARACTERS].split()
    # Half a word is another word.
    return words[:-1] if len(line) > _MOST_CHARACTERS and len(words) > 1 else words


def _equalled(text: str) -> str:
    return text.encode(errors="replace").translate(_EQUAL_DIGITS).decode()


def _shape_of(line: str) -> str:
    return " ".join(map(_shape, _words(line)))


# Lines of a statement differ in how many digits their numbers have, and most of them have the same few lengths.
_known_shape = lru_cache(maxsize=8_192)(_shape_of)


# Slightly more than the words of the log statements of a large system; numbers differ in length only by then.
@lru_cache(maxsize=16_384)
def _shape(word: str) -> str:
    # Ids never repeat: the rule for pieces with a digit is told in short for those without any punctuation.
    if "0" in word and word.isascii() and word.replace("-", "").replace("_", "").isalnum():
        return _HOLE
    return _VARIABLE.sub(_HOLE, word)


def _marked(found: re.Match[str]) -> str:
    return f"{_HOLE}{found[0]}{_HOLE}"


def _token(space: str, text: str) -> Token:
    if not text.startswith(_HOLE):
        return Token(_DIGIT.sub("0", text), space + text)
    value = text.strip(_HOLE)
    if _NAME.match(value):
        return Token(WILDCARD, space + value)
    numbered = _NUMBERED.match(value)
    return Token(WILDCARD, space + (numbered[0] if numbered else "") + WILDCARD)


def _brackets_filled(found: list[Token]) -> list[Token]:
    filled: list[Token] = []
    for token in found:
        opening = filled[-1] if filled else None
        # Without a space before it, it is a call: "init()".
        if opening and opening.shown.startswith(" ") and _CLOSING.get(opening.word) == token.word:
            filled.append(Token(WILDCARD, WILDCARD))
        filled.append(token)
    return filled


def _amounts_joined(found: list[Token]) -> list[Token]:
    """Dates and amounts: names of days and months before numbers, units and time zones behind them."""
    joined: list[Token] = []
    for token, following in pairwise([*found, Token("", "")]):
        before = joined[-1] if joined else None
        if before and before.is_variable and (_UNIT.match(token.word) or _ZONE.match(token.word)):
            joined[-1] = Token(WILDCARD, before.shown + token.shown)
        elif not _starts_date(token.word, following):
            joined.append(token)
    return joined


def _starts_date(word: str, following: Token) -> bool:
    if following.is_variable:
        return bool(_MONTH.match(word) or _DAY.match(word))
    return bool(_DAY.match(word) and _MONTH.match(following.word))


def _variables_joined(found: list[Token]) -> list[Token]:
    """Variables with at most commas and the like between them; and an amount with the same in brackets behind it,
    which stands there for large ones only: "2048 bytes (2 KB)"."""
    joined: list[Token] = []
    for token in found:
        joined.append(token)
        start = len(joined) - 2
        while start >= 0 and joined[start].word in _JOINING:
            start -= 1
        if token.is_variable and start >= 0 and joined[start].is_variable:
            joined[start:] = [Token(WILDCARD, "".join(each.shown for each in joined[start:]))]
        elif token.word == ")" and start >= 2 and joined[-3].word == "(" and _are_amounts(joined[-2], joined[-4]):
            del joined[-3:]
    return joined


def _are_amounts(*found: Token) -> bool:
    return all(token.is_variable and _UNIT.match(token.shown.split()[-1]) for token in found)


def _collections_joined(found: list[Token]) -> list[Token]:
    """Lists of words in brackets, as collections print themselves: "[red, green]"."""
    joined: list[Token] = []
    start = 0
    for token in found:
        joined.append(token)
        if token.word in ("[", "{"):
            start = len(joined)
        elif start and token.word in ("]", "}"):
            if _is_listing(joined[start:-1]):
                joined[start:-1] = [Token(WILDCARD, "".join(each.shown for each in joined[start:-1]))]
            start = 0
    return joined


def _is_listing(found: list[Token]) -> bool:
    items, signs = found[::2], found[1::2]
    return (
        bool(signs) and len(items) > len(signs) and all(i.is_word for i in items) and all(s.word == "," for s in signs)
    )
