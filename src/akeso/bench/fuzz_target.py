"""One decoder under libFuzzer: `python -m akeso.bench.fuzz_target TARGET [libFuzzer's flags and folders]`.

Targets: `source:NAME:MEDIA-TYPE` (a source's decoder), `neighbours:NUMBER:NAME` (an item between two good ones, which
have to be kept; NUMBER: of the format in akeso.testing.requests.item_batches), `pull:NAME` (what a pulled endpoint
answers), `encoding:NAME` (decompression). Anything but an intake that holds together or a refusal that names its field
is a crash. A process of its own, because libFuzzer ends the one that it runs in.
"""

import asyncio
import sys
from collections.abc import Callable
from inspect import signature
from typing import Any

import msgspec

from akeso.domain.errors import InvalidInput, InvalidSettings
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.puller import Address, PullRequest

INSTRUMENTED = ["akeso.plugins.sources", "akeso.plugins.pullers"]

Target = Callable[[bytes], None]


def target(name: str) -> Target:
    """The function that takes an input. Raises InvalidSettings for a name that is none."""
    kind, _, rest = name.partition(":")
    match kind:
        case "source":
            return _source(*rest.split(":", 1))
        case "neighbours":
            return _neighbours(int(rest.partition(":")[0]))
        case "pull":
            return _pull(rest)
        case "encoding":
            return _encoding(rest)
    raise InvalidSettings("target", f"{name} is none")


def _source(name: str, media_type: str) -> Target:
    from akeso.plugins.discovery import make
    from akeso.testing.requests.sources import request_to, taken_or_refused

    source = make("sources", name, {})

    def take(data: bytes) -> None:
        for path in source.paths:
            taken_or_refused(source, request_to(path, data, media_type))

    return take


def _neighbours(number: int) -> Target:
    from akeso.testing.requests.item_batches import FORMS

    form = FORMS[number]

    def take(data: bytes) -> None:
        if "json" in form.content_type and (data := _as_value(data)) == b"":
            return
        _check(form.keeps(data))

    return take


def _as_value(data: bytes) -> bytes:
    """The input as one JSON value, so that it stays an item of its own; empty when it is none."""
    try:
        return msgspec.json.encode(msgspec.json.decode(data))
    except (ValueError, RecursionError):
        return b""


def _pull(name: str) -> Target:
    from akeso.plugins.discovery import discover, make
    from akeso.testing.pull import CannedEndpoint

    known = signature(discover("pullers")[name]).parameters
    options = {"address": Address("http://127.0.0.1"), "queries": ["up"]}
    puller = make("pullers", name, {option: value for option, value in options.items() if option in known})

    class Everywhere(CannedEndpoint):
        """Answers every path with the input."""

        def __init__(self, data: bytes) -> None:
            super().__init__({})
            self._data = data

        async def get(self, path: str, query: Any, decoder: msgspec.json.Decoder[Any]) -> Any:
            self.answers[path] = self._data
            return await super().get(path, query, decoder)

    def take(data: bytes) -> None:
        puller._endpoint = Everywhere(data)
        try:
            asyncio.run(puller.pull(PullRequest("default", 0, 10**18), SeriesTable()))
        except InvalidInput as refusal:
            _check(bool(refusal.field))

    return take


def _encoding(encoding: str) -> Target:
    from akeso.protocols.decompression import LIMIT, Refused, decompressed

    def take(data: bytes) -> None:
        try:
            _check(len(decompressed(data, encoding)) <= LIMIT)
        except Refused as refused:
            _check(refused.status in (413, 415))
        except InvalidInput as refusal:
            _check(bool(refusal.field))

    return take


def _check(holds: bool) -> None:
    if not holds:
        raise AssertionError


def main() -> None:
    """Never returns: libFuzzer ends the process with 0, or with 77 and more after a finding."""
    import atheris  # extra [fuzz]

    with atheris.instrument_imports(include=INSTRUMENTED):
        take = target(sys.argv[1])
    atheris.Setup([sys.argv[0], *sys.argv[2:]], take)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
