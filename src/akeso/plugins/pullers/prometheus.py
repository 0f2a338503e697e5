"""Prometheus, and whatever answers its query API (Thanos, Mimir, VictoriaMetrics)."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta

from akeso.domain.errors import InvalidInput, Unavailable
from akeso.domain.telemetry.batches import NANOSECONDS, Floats, Ids, MetricBlock, SeriesKey, TelemetryBatch
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.pullers._endpoint import Endpoint, Query
from akeso.ports.puller import Address, PullRequest, PullResult
from akeso.protocols.json_body import parse_json
from akeso.protocols.json_items import read_items
from akeso.protocols.labels import SERVICE_LABELS
from akeso.protocols.prometheus.answered_histogram import AnsweredHistogram, answered_parts
from akeso.protocols.prometheus.exposition import intern_mended, prometheus_key
from akeso.protocols.prometheus.metadata import Families, Kind, kind_named
from akeso.protocols.prometheus.native_histogram import part_key
from akeso.protocols.rejections import Rejections

_TYPES_EVERY = 600 * NANOSECONDS
# A metric's name, label matchers, or both: what can be asked for as it was scraped.
_SELECTOR = re.compile(r"\s*(?:[a-zA-Z_:][a-zA-Z0-9_:]*\s*(?:\{[^{}]*\})?|\{[^{}]*\})\s*")

_Time: TypeAlias = Annotated[float, Meta(ge=0, lt=9e9)]


class _Series(msgspec.Struct, frozen=True):
    metric: dict[str, str] = {}
    values: list[tuple[_Time, str]] | None = None
    histograms: list[msgspec.Raw] | None = None


class _Data(msgspec.Struct, frozen=True, rename="camel"):
    result_type: str
    result: list[msgspec.Raw]


class _Answer(msgspec.Struct, frozen=True):
    status: Literal["success"]
    data: _Data


class _Metadata(msgspec.Struct, frozen=True):
    type: str = ""


class _Types(msgspec.Struct, frozen=True):
    data: dict[str, list[_Metadata]] = {}


class Prometheus:
    """Asks for the samples of each selector as they were scraped, and for the values of each expression step by step;
    now and then for `/api/v1/metadata`, the types of the metrics. Where that is not answered, their names tell. Native
    histograms are read as those that are pushed.

    queries: PromQL; a name before it names what an expression without a metric name yields ("checkout_errors":
    "sum by (service) (rate(…))"); a plain list is fine for selectors. step: seconds between the values of expressions;
    take at least the scrape interval, because Prometheus repeats the last value in between and the growth of a counter
    would all fall into one step.
    """

    name = "prometheus"
    example_options: ClassVar[Mapping[str, object]] = {"queries": ["up"]}

    def __init__(
        self,
        address: Address,
        queries: Mapping[str, str] | list[str],
        step: float = 15.0,
        service_labels: tuple[str, ...] = SERVICE_LABELS,
    ) -> None:
        if not queries:
            raise InvalidInput("queries", "has to hold at least one query")
        if step <= 0:
            raise InvalidInput("step", "has to be more than 0 seconds")
        self._endpoint = Endpoint(address)
        self._queries = dict(queries) if isinstance(queries, Mapping) else {query: query for query in queries}
        self._step = round(step * NANOSECONDS)
        self._labels = tuple(service_labels)
        self._decoder, self._series = msgspec.json.Decoder(_Answer), msgspec.json.Decoder(_Series)
        self._histogram = msgspec.json.Decoder(tuple[_Time, AnsweredHistogram])
        self._types, self._families, self._asked_at = msgspec.json.Decoder(_Types), Families(), -_TYPES_EVERY

    async def pull(self, request: PullRequest, table: SeriesTable) -> PullResult:
        """See akeso.ports.puller.Puller. Asks for no expression while no step has ended."""
        blocks, rejections = [MetricBlock.empty()], Rejections()
        await self._learn_types(request)
        for name, query in self._queries.items():
            if (asked := self._asked(query, request)) is not None:
                found = await self._ask(name, *asked, rejections)
                self._families.see(request.tenant, [each.metric.get("__name__", name) for each in found])
                blocks.extend(self._block(each, name, request.tenant, table, rejections) for each in found)
        metrics = MetricBlock(
            np.concatenate([block.series for block in blocks]),
            np.concatenate([block.time for block in blocks]),
            np.concatenate([block.value for block in blocks]),
        )
        batch = TelemetryBatch(request.tenant, request.until, metrics=metrics)
        return PullResult(batch, request.until, rejected=rejections.rejected, step=self._in_steps)

    def accepted(self, pulled: PullResult) -> None:
        """Nothing is remembered."""

    async def close(self) -> None:
        """See akeso.ports.puller.Puller."""
        await self._endpoint.close()

    async def _learn_types(self, request: PullRequest) -> None:
        if request.until - self._asked_at < _TYPES_EVERY:
            return
        self._asked_at = request.until
        with suppress(Unavailable, InvalidInput):
            found = await self._endpoint.get("/api/v1/metadata", {}, self._types)
            told = ((family, kind_named(each[0].type)) for family, each in found.data.items() if each)
            self._families.learn(request.tenant, told)

    @property
    def _in_steps(self) -> int:
        return 0 if any(map(_SELECTOR.fullmatch, self._queries.values())) else self._step

    def _asked(self, query: str, request: PullRequest) -> tuple[str, Query] | None:
        """Path and query, None while there is nothing to ask for."""
        until = request.until / NANOSECONDS
        if _SELECTOR.fullmatch(query):
            milliseconds = -(-(request.until - request.since) // 1_000_000)
            return "/api/v1/query", {"query": f"{query}[{milliseconds}ms]", "time": until}
        first = (request.since // self._step + 1) * self._step
        if first > request.until:
            return None
        times = {"start": first / NANOSECONDS, "end": until, "step": self._step / NANOSECONDS}
        return "/api/v1/query_range", {"query": query, **times}

    async def _ask(self, name: str, path: str, asked: Query, rejections: Rejections) -> list[_Series]:
        answer = await self._endpoint.get(path, asked, self._decoder)
        if answer.data.result_type != "matrix":
            raise InvalidInput(f"queries.{name}", f"yields a {answer.data.result_type}; a matrix is needed")
        return read_items(answer.data.result, self._series, f"queries.{name}", rejections)

    def _block(self, found: _Series, name: str, tenant: str, table: SeriesTable, rejections: Rejections) -> MetricBlock:
        labels = {label: value for label, value in found.metric.items() if label != "__name__"}
        metric = found.metric.get("__name__", name)
        key = prometheus_key(tenant, metric, labels, self._families.shape(tenant, metric), self._labels)
        series, at, value = self._parts(found, key, name, table, rejections)
        if found.values:
            plain = intern_mended(table, key)
            series = np.concatenate((series, np.full(len(found.values), plain, np.int32)))
            at = np.concatenate((at, np.array([each for each, _ in found.values], np.float64)))
            value = np.concatenate((value, _numbers([told for _, told in found.values], f"queries.{name}", rejections)))
        # Milliseconds are all that Prometheus knows; as floats of seconds they are exact to a microsecond.
        time = np.round(at * 1e3).astype(np.int64) * 1_000_000
        return MetricBlock(series, time, value).where(np.isfinite(value))

    def _parts(
        self, found: _Series, key: SeriesKey, name: str, table: SeriesTable, rejections: Rejections
    ) -> tuple[Ids, Floats, Floats]:
        """Series, instants in seconds and values of native histograms. What an expression yields is a level: a rate,
        or something that is put together anew each time."""
        is_level = "__name__" not in found.metric or self._families.kind(key.tenant, key.metric) is Kind.GAUGEHISTOGRAM
        place = f"queries.{name}.histograms"

        def read(body: bytes) -> list[tuple[int, float, float]]:
            at, told = parse_json(self._histogram, body)
            parts = list(answered_parts(told, is_level=is_level))
            return [(table.intern(part_key(key, part)), at, value) for part, value in parts]

        items = ((f"{place}[{index}]", bytes(each)) for index, each in enumerate(found.histograms or ()))
        rows = list(chain.from_iterable(rejections.sift(items, read)))
        series, at, value = zip(*rows, strict=True) if rows else ((), (), ())
        return np.array(series, np.int32), np.array(at, np.float64), np.array(value, np.float64)


def _numbers(told: Sequence[str], place: str, rejections: Rejections) -> Floats:
    """float64[n], NaN for what is no number."""
    try:
        return np.array(told, np.float64)
    except ValueError:
        return np.array([_number(each, place, rejections) for each in told], np.float64)


def _number(told: str, place: str, rejections: Rejections) -> float:
    try:
        return float(told)
    except ValueError:
        rejections.reject(place, InvalidInput("values", f"{told[:40]!r} is no number"))
        return float("nan")
