"""Where versions of the detection model are kept."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from akeso.domain.detection.detection_model import Alias, Artefact, ModelDraft, ModelVersion


class ModelRegistry(Protocol):
    """Versions are numbered "1", "2", … and never change; aliases point to them and move. Raises Unavailable when the
    store does not answer."""

    async def register(self, draft: ModelDraft) -> ModelVersion:
        """Keep a new version durably. No alias moves."""
        ...

    async def versions(self) -> Sequence[ModelVersion]:
        """All that are kept, the newest first."""
        ...

    async def get(self, version: str) -> ModelVersion:
        """Raises NotFound."""
        ...

    async def load(self, version: str) -> Artefact:
        """What the version consists of. Raises NotFound."""
        ...

    async def aliases(self) -> Mapping[Alias, str]:
        """Alias → version, of those that point somewhere."""
        ...

    async def point(self, alias: Alias, version: str | None) -> None:
        """Let an alias point to a version; None removes it. Raises NotFound."""
        ...

    async def promote(self, version: str) -> None:
        """The version becomes champion, the champion until now previous; a challenger of that version is one no more.
        Promoting the champion changes nothing. Raises NotFound."""
        ...

    async def prune(self, keep: int) -> int:
        """Forget the oldest versions beyond `keep`, none that an alias points to; how many were forgotten."""
        ...

    async def close(self) -> None: ...
