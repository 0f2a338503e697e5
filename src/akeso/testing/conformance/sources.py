"""What every source has to keep to."""

from collections.abc import Iterable

from akeso.ports.source import Intake, Source
from akeso.testing.conformance.plugins import says_who_it_is
from akeso.testing.requests.sources import refuses_when_full, request_to, taken_or_refused

# No sender's body: empty, no text, no JSON, JSON of another kind, nested beyond reason.
_NOISE = (b"", b"\xff\xfe\x00", b"{", b"null", b"[]", b"7", b'{"no": "such"}', b"[" * 100_000, b'{"a":' * 100_000)


class SourceConformance:
    """Checks that hold for every source. One that shows an `example_request` (content type, body) has to take it."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def describes_itself(self) -> None:
        """Name and paths are what the port says."""
        assert isinstance(self.source, Source)
        says_who_it_is(self.source)
        assert self.source.paths
        assert all(path.startswith("/") for path in self.source.paths)

    def takes_or_refuses_whatever_comes(self) -> None:
        """Noise is taken or refused with the field, never anything else."""
        for path in self.source.paths:
            for body in self._bodies():
                taken_or_refused(self.source, request_to(path, body))

    def takes_its_example(self) -> None:
        """What it shows as an example leads to telemetry, changes or alerts."""
        example: tuple[str, bytes] | None = getattr(self.source, "example_request", None)
        if example is None:
            return
        content_type, body = example
        taken = taken_or_refused(self.source, request_to(self.source.paths[0], body, content_type))
        assert isinstance(taken, Intake), taken
        assert len(taken.batch) + len(taken.alerts) > 0

    def sends_away_when_there_is_no_room(self) -> None:
        """A sender that comes at a bad time is told so in its own protocol."""
        assert refuses_when_full(self.source, request_to(self.source.paths[0], b""))

    def _bodies(self) -> Iterable[bytes]:
        _, body = getattr(self.source, "example_request", ("", b""))
        cuts = (body[: round(len(body) * share)] for share in (0.25, 0.5, 0.75, 0.95)) if body else ()
        return (*_NOISE, *cuts)
