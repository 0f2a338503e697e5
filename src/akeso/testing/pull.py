"""For tests of pulling: an endpoint that says what a test wants, and one that answers from a dictionary."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from akeso.domain.errors import AkesoError, InvalidInput
from akeso.domain.telemetry.batches import TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.puller import PullRequest, PullResult
from akeso.protocols.json_body import parse_json


class ScriptedPuller:
    """Implements akeso.ports.puller.Puller. pulled: makes the answer to a request; failure: raised while it is set.

    requests: all that came; taken: the hauls that were accepted.
    """

    name = "scripted"

    def __init__(self, pulled: Callable[[PullRequest], PullResult] | None = None) -> None:
        self.pulled = pulled or (
            lambda request: PullResult(TelemetryBatch(request.tenant, request.until), request.until)
        )
        self.failure: Exception | None = None
        self.requests: list[PullRequest] = []
        self.taken: list[PullResult] = []
        self.closed = False

    async def pull(self, request: PullRequest, table: SeriesTable) -> PullResult:
        del table
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure
        return self.pulled(request)

    def accepted(self, pulled: PullResult) -> None:
        self.taken.append(pulled)

    async def close(self) -> None:
        self.closed = True


class CannedEndpoint:
    """Stands in for an endpoint over HTTP. answers: path → the body, or what makes it of the query."""

    def __init__(self, answers: Mapping[str, object]) -> None:
        self.answers = dict(answers)
        self.queries: list[tuple[str, Mapping[str, Any]]] = []

    async def get(self, path: str, query: Mapping[str, Any], decoder: msgspec.json.Decoder[Any]) -> Any:
        self.queries.append((path, query))
        answer = self.answers.get(path, InvalidInput("path", f"there is no {path}"))
        if isinstance(answer, AkesoError):
            raise answer
        found = answer(query) if callable(answer) else answer
        return parse_json(decoder, found if isinstance(found, bytes) else msgspec.json.encode(found))

    async def close(self) -> None: ...
