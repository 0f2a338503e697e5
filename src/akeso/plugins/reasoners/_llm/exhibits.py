"""The exhibits of a case: everything the model is shown, by the id that it can cite."""

from collections.abc import Iterable
from typing import Any

from akeso.domain.incident.explanation import Citation
from akeso.stages.diagnosis.redaction import Redactor

_SHOWN = 320  # characters of one exhibit
_MOST = 300  # exhibits of one case


class Exhibits:
    """Gives out ids, remembers what stands behind each, and lets nothing out that was not redacted."""

    def __init__(self, redact: Redactor | None = None) -> None:
        self._redact = redact or Redactor()
        self._known: dict[str, Citation] = {}
        self._ids: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    @property
    def known(self) -> dict[str, Citation]:
        """Id → what stands there, as people see it."""
        return dict(self._known)

    def add(self, letter: str, statement: str, source: str) -> dict[str, str] | None:
        """The exhibit as the model sees it: its id and the redacted statement; the same statement has one id. None when
        there are too many."""
        known = self._ids.get((source, statement))
        if known is None:
            if len(self._known) >= _MOST:
                return None
            self._counts[letter] = self._counts.get(letter, 0) + 1
            known = f"{letter}{self._counts[letter]}"
            self._ids[source, statement] = known
            self._known[known] = Citation(known, statement, source)
        return {"id": known, "text": self.shown(statement), "by": self.shown(source)}

    def all(self, letter: str, statements: Iterable[str], source: str) -> list[dict[str, str]]:
        """Several of one source."""
        return [shown for s in statements if (shown := self.add(letter, s, source)) is not None]

    def shown(self, value: str) -> str:
        """Text as it may leave the machine."""
        text = self._redact(value)
        return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"

    def redacted(self, value: Any) -> Any:
        """The same for all text in lists and mappings."""
        match value:
            case str():
                return self.shown(value)
            case dict():
                return {self.shown(str(k)): self.redacted(v) for k, v in value.items()}
            case list() | tuple():
                return [self.redacted(v) for v in value]
        return value
