"""What the model may answer, and what of it is kept: claims that cite what exists."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pydantic import BaseModel, Field

from akeso.domain.incident.explanation import Citation, Claim

_CLAIMS, _PROPOSALS, _TEXT = 12, 5, 500
# Confidence and approval are not the model's to give: a sentence that states them is not shown.
_CONFIDENCE = re.compile(
    r"\b(confiden\w*|probabilit\w*|certaint\w*|likelihood|sure|certain)\b.{0,30}\d|\d\s*(%|percent|per cent).{0,20}"
    r"\b(confiden|probab|certain|sure|likel)",
    re.IGNORECASE,
)
_APPROVAL = re.compile(
    r"\b(is|are|was|were|been|hereby|i|auto\w*)\s+(now\s+|fully\s+)?(pre-?)?(approv|authoriz|authoris|permitt)\w*|"
    r"\bapproval (is )?(granted|given|not (needed|required))|\bno (approval|human)\b.{0,20}(needed|required)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.<-])\d+(?:\.\d+)?(?![\w>]*>)")
_LINK = re.compile(r"!?\[[^\]]*\]\([^)]*\)|\b(?:https?|ftp|file|data|javascript):\S+", re.IGNORECASE)
_SMALL = 12.0  # counts and list numbers are words
_SCALES = (1.0, 100.0, 0.01, 1000.0, 0.001, 60.0, 1 / 60.0, 1e6, 1e-6)


class Sentence(BaseModel):
    """One sentence and the ids of what it stands on."""

    text: str = Field(description="one sentence, in plain words")
    cites: list[str] = Field(description="ids of the findings it stands on, such as E1 or O3; at least one")


class Answer(BaseModel):
    """The explanation of an incident."""

    claims: list[Sentence] = Field(description="why it happened, cause first; at most 12")
    proposals: list[Sentence] = Field(default=[], description="what a person may check or do; at most 5")


@dataclass(frozen=True, slots=True)
class Kept:
    """What of an answer is shown. dropped: why → how many sentences were not."""

    claims: tuple[Claim, ...]
    proposals: tuple[Claim, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)


def keep(answer: Answer, exhibits: Mapping[str, Citation]) -> Kept:
    """The sentences that cite something that exists, state no number that is not there, and neither a confidence nor an
    approval. Citations of what does not exist are taken away."""
    dropped: dict[str, int] = {}
    claims = tuple(_kept(answer.claims, exhibits, dropped))
    proposals = tuple(_kept(answer.proposals, exhibits, dropped))
    for sentences, most in ((claims, _CLAIMS), (proposals, _PROPOSALS)):
        if len(sentences) > most:
            dropped["too many"] = dropped.get("too many", 0) + len(sentences) - most
    return Kept(claims[:_CLAIMS], proposals[:_PROPOSALS], dropped)


def _kept(sentences: list[Sentence], exhibits: Mapping[str, Citation], dropped: dict[str, int]) -> Iterator[Claim]:
    for sentence in sentences:
        claim = _claim(sentence, exhibits)
        why = _wrong(claim)
        if why:
            dropped[why] = dropped.get(why, 0) + 1
        else:
            yield replace(claim, text=claim.text[:_TEXT])


def _claim(sentence: Sentence, exhibits: Mapping[str, Citation]) -> Claim:
    ids = dict.fromkeys(cited.strip().strip("[]") for cited in sentence.cites)
    return Claim(plain(sentence.text), tuple(exhibits[i] for i in ids if i in exhibits))


def _wrong(claim: Claim) -> str:
    if not claim.text:
        return "empty"
    if not claim.citations:
        return "uncited"
    if _CONFIDENCE.search(claim.text):
        return "confidence"
    if _APPROVAL.search(claim.text):
        return "approval"
    return "" if _grounded(claim) else "numbers"


def _grounded(claim: Claim) -> bool:
    """Whether every larger number stands in what is cited, in whatever unit and rounded to five per cent."""
    there = [float(n) for citation in claim.citations for n in re.findall(r"\d+(?:\.\d+)?", citation.statement)]
    stated = [float(n) for n in _NUMBER.findall(claim.text)]
    return all(any(abs(n - s * t) <= 0.05 * n for t in there for s in _SCALES) for n in stated if n > _SMALL)


def plain(text: str) -> str:
    """One line of visible characters without links: it will stand on terminals, pages and in chats."""
    text = _LINK.sub("<link>", unicodedata.normalize("NFKC", text))
    visible = (c if unicodedata.category(c)[0] != "C" else " " for c in text)
    return " ".join("".join(visible).split())
