"""What kind of change free words speak of."""

import re

# The first kind one of whose words is there decides: a rollback of a configuration is no deploy.
_WORDS = (
    ("rollback", r"\broll(?:ed)?[\s_-]?back"),
    ("revert", r"\brevert"),
    ("flag", r"\bflags?\b|feature[\s_.-]?flag|\btoggled?\b"),
    ("scale", r"\b(?:auto|re|up|down)?scal(?:e|ed|ing)\b|\breplicas?\b"),
    ("config", r"\bconfig|\bsecrets?\b"),
    ("deploy", r"\b(?:re)?deploy|\breleased?\b|\brollout\b|\brolled[\s_-]out\b"),
)
_KINDS = tuple((kind, re.compile(words)) for kind, words in _WORDS)


def kind_of_change(text: str) -> str:
    """deploy, config, scale, flag, rollback (of a deploy) or revert (of a configuration); "" if nothing tells."""
    words = text.lower()
    return next((kind for kind, pattern in _KINDS if pattern.search(words)), "")
