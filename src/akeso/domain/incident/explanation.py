"""A diagnosis in words: claims, and what each stands on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Citation:
    """What a claim stands on. id: as the explanation names it; statement: what stands there; source: who found it."""

    id: str
    statement: str
    source: str


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence and its citations."""

    text: str
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Words and nothing else: no type in here can carry a confidence, a verdict, an approval or an effect.

    reasoner: who wrote it; text: the whole, to be read; proposals: what a person might look at or do; dropped: claims
    that were left out because nothing carried them; note: what the reader should know about how it came about.
    """

    reasoner: str
    text: str
    claims: tuple[Claim, ...] = ()
    proposals: tuple[Claim, ...] = ()
    dropped: int = 0
    note: str = ""
