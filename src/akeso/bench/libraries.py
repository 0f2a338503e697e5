"""`akeso bench libraries`: what is written by hand beside the library that could do it: time, size, same answers.

The libraries are no dependencies of Akeso. What is to be measured is installed beside it first:
pip install bm25s tokenizers cloudevents pyarrow matplotlib
"""

import importlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, distribution, requires
from importlib.resources import files
from io import BytesIO, StringIO
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from akeso.adapters import embedders
from akeso.adapters.buses.codec import PayloadCodec
from akeso.adapters.embedders.wordpiece import WordPiece
from akeso.adapters.memory.bags import Bags
from akeso.domain.detection.vote import Vote
from akeso.domain.messages import Prediction
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureFrame, SeriesKey
from akeso.domain.telemetry.series import SeriesTable
from akeso.offline.drawing.svg import BLUE, Page
from akeso.ports.source import IngestRequest
from akeso.protocols.cloud_event import events_of
from akeso.protocols.rejections import Rejections

_LINES, _POINTS = 12, 200
_WORDS = ("latency", "cart", "orders", "timeout", "deploy", "pool", "refused", "lock", "queue", "retry", "memory")


@dataclass(frozen=True, slots=True)
class Compared:
    """Milliseconds for the same work by hand and by a library (None: it is not installed). mb: of the library and of
    what it needs beyond Akeso's own dependencies; alike: share of equal answers."""

    what: str
    library: str
    by_hand_ms: float
    library_ms: float | None = None
    mb: float | None = None
    alike: float | None = None


def libraries(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """What is written by hand beside the library that could do it."""
    found = [_search(), _pieces(), _events(), _frames(), _pictures()]
    if as_json:
        print(json.dumps({"compared": [asdict(each) for each in found]}))
        return
    table = Table("what", "library", "by hand, ms", "library, ms", "library, MB", "alike")
    for each in found:
        numbers = (each.by_hand_ms, each.library_ms, each.mb, each.alike)
        table.add_row(each.what, each.library, *("–" if number is None else f"{number:.3g}" for number in numbers))
    Console().print(table)


def _search(memories: int = 5_000) -> Compared:
    # An incident is remembered, and the next one looks for it: the index changes with each question.
    random = np.random.default_rng(1)
    texts = [list(random.choice(_WORDS, 30)) for _ in range(memories)]
    bags, question = Bags(), ["timeout", "pool", "orders"]
    for row, text in enumerate(texts):
        bags.put(row, text)

    def by_hand() -> Any:
        bags.put(0, texts[0])
        return bags.bm25(question, 3)

    ours, best = _timed(by_hand)
    bm25s = _library("bm25s")
    if bm25s is None:
        return Compared("remember, then BM25 of 5,000", "bm25s", ours)

    def theirs() -> Any:
        retriever = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
        retriever.index(texts, show_progress=False)
        return retriever.get_scores(question)

    took, scores = _timed(theirs)
    alike = float(np.corrcoef(best, scores)[0, 1])
    return Compared("remember, then BM25 of 5,000", "bm25s", ours, took, _size("bm25s"), alike)


def _pieces() -> Compared:
    text = "Incident on orders-service: connection refused (ECONNREFUSED) by the pool of Café№7, retry in 250ms. " * 4
    pieces = WordPiece()
    ours, numbers = _timed(lambda: pieces.encode(text, 256))
    tokenizers = _library("tokenizers")
    if tokenizers is None:
        return Compared("tokens of a text of 400 characters", "tokenizers", ours)
    lines = (files(embedders) / "bert_vocabulary.txt").read_text(encoding="utf-8").split("\n")
    made = tokenizers.BertWordPieceTokenizer({piece: number for number, piece in enumerate(lines) if piece})
    made.enable_truncation(256)
    took, found = _timed(lambda: made.encode(text).ids)
    alike = float(np.mean([one == other for one, other in zip(numbers, found, strict=False)]))
    return Compared("tokens of a text of 400 characters", "tokenizers", ours, took, _size("tokenizers"), alike)


def _events() -> Compared:
    event = {
        "specversion": "1.0", "id": "7", "source": "/ci", "type": "dev.deployed", "time": "2030-01-01T00:00:00Z",
        "subject": "cart", "data": {"service": "cart", "version": "v7"},
    }  # fmt: skip
    headers = {"content-type": "application/cloudevents+json"}
    body = json.dumps(event).encode()
    request = IngestRequest("/api/v1/events", headers, body, "acme", 1)
    ours, _ = _timed(lambda: events_of(request, Rejections()))
    http = _library("cloudevents.core.bindings.http")
    if http is None:
        return Compared("a structured CloudEvent", "cloudevents", ours)
    message = http.HTTPMessage(headers, body)
    took, read = _timed(lambda: http.from_http_event(message))
    alike = float(read.get_id() == event["id"] and read.get_data() == event["data"])
    return Compared("a structured CloudEvent", "cloudevents", ours, took, _size("cloudevents"), alike)


def _frames(series: int = 1_000, detectors: int = 19) -> Compared:
    # A prediction is the largest of what travels between agents all the time.
    table = SeriesTable(SeriesKey("t", f"s{n // 10}", "m", (("n", str(n)),)) for n in range(series))
    random, codec = np.random.default_rng(1), PayloadCodec(features=table)
    frame = FeatureFrame(NANOSECONDS, NANOSECONDS, random.random(series), np.zeros(series, np.uint8))
    names, votes = tuple(f"d{n}" for n in range(detectors)), (Vote.SHARED,) * detectors
    column = random.random(series)
    made = Prediction(frame, names, votes, random.random((detectors, series)), column, column, "1", 1.0, column)
    ours, _ = _timed(lambda: codec.decode(codec.encode(made)))
    arrow = _library("pyarrow")
    if arrow is None:
        return Compared("a prediction there and back", "pyarrow", ours)
    columns = {"value": frame.values, "expected": column, "spread": column, "p_value": column}
    columns |= dict(zip(names, made.score, strict=True))

    def there_and_back() -> Any:
        batch = arrow.RecordBatch.from_pydict(columns)
        out = BytesIO()
        with arrow.ipc.new_stream(out, batch.schema) as stream:
            stream.write_batch(batch)
        return arrow.ipc.open_stream(out.getvalue()).read_all()["value"].to_numpy()

    took, values = _timed(there_and_back)
    alike = float(np.mean(values == frame.values))
    return Compared("a prediction there and back", "pyarrow", ours, took, _size("pyarrow"), alike)


def _pictures() -> Compared:
    values = np.random.default_rng(1).random((_LINES, _POINTS)).cumsum(axis=1)

    def by_hand() -> str:
        page = Page(700, 20 + 60 * _LINES, "lines")
        for row, line in enumerate(values):
            page.path([(3.0 * x, 60 * row + 50 - 0.5 * float(y)) for x, y in enumerate(line)], BLUE)
            page.words((610, 60 * row + 30), f"series {row}")
        return page.text()

    ours, _ = _timed(by_hand)
    pyplot = _library("matplotlib.pyplot")
    if pyplot is None:
        return Compared("a picture of 12 lines as SVG", "matplotlib", ours)

    def theirs() -> str:
        figure, axes = pyplot.subplots(_LINES, figsize=(7, 7))
        for row, line in enumerate(values):
            axes[row].plot(line)
            axes[row].set_title(f"series {row}")
        figure.savefig(out := StringIO(), format="svg")
        pyplot.close(figure)
        return out.getvalue()

    took, _ = _timed(theirs)
    return Compared("a picture of 12 lines as SVG", "matplotlib", ours, took, _size("matplotlib"))


def _timed(work: Callable[[], Any], least_s: float = 0.5) -> tuple[float, Any]:
    # The fastest of several runs: what else the machine does only ever adds.
    result, fastest, began = work(), float("inf"), perf_counter()
    while perf_counter() - began < least_s:
        start = perf_counter()
        result = work()
        fastest = min(fastest, perf_counter() - start)
    return fastest * 1000, result


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _size(name: str) -> float:
    own = set(_needed("akeso"))
    parts = (part for each in {*_needed(name)} - own for part in distribution(each).files or ())
    return sum(path.stat().st_size for part in parts if (path := Path(str(part.locate()))).is_file()) / 1e6


def _needed(name: str, known: frozenset[str] = frozenset()) -> Iterator[str]:
    # A distribution and what it requires without extras, as far as that is installed.
    try:
        wanted = requires(name) or []
    except PackageNotFoundError:
        return
    yield name
    for line in wanted:
        plain, _, condition = line.partition(";")
        other = re.split(r"[^\w.-]", plain.strip())[0].lower().replace("_", "-")
        if "extra" not in condition and other not in known:
            yield from _needed(other, known | {name, other})
