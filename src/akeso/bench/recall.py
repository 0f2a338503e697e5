"""`akeso bench recall`: does the memory find, by what is seen of an incident, others of the same fault mechanism?

Each truth in turn is the incident, all others are the memory. Every method gets the same query and the same records.
The memory is the one that Akeso runs on, with its defaults, once for each embedder that is installed; beside it TF-IDF.
"""

import asyncio
import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from akeso.adapters.embedders.hashed import HashedEmbedder
from akeso.adapters.embedders.minilm import MiniLmEmbedder
from akeso.adapters.memory.index import MemoryIndex, words
from akeso.adapters.memory.sql import SqlMemory
from akeso.bench.datasets.ground_truths import Truth, read_truths
from akeso.domain.errors import InvalidSettings
from akeso.domain.incident.memory import Memory
from akeso.ports.embedder import Embedder

Ranking = list[tuple[str, float]]
Labels = Mapping[str, frozenset[str]]
BASELINE = "tfidf"
_AT = datetime(2000, 1, 1, tzinfo=UTC)
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Scores:
    """queries: truths with at least one other of their label; r1, r5: share of them with such a one among the first;
    mrr: mean reciprocal rank of the first such one; better, worse: queries where it comes before TF-IDF's or behind."""

    queries: int
    r1: float
    r5: float
    mrr: float
    better: int
    worse: int


def recall(
    data: Annotated[Path, typer.Option(help="A folder with ground truths of ITBench.")],
    out: Annotated[Path, typer.Option(help="Receives recall.json.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Memory: past incidents of the same fault mechanism, found by symptoms alone, against TF-IDF."""
    truths = read_truths(data)
    rankings = {BASELINE: tfidf(truths), **asyncio.run(_remembered(truths))}
    report = {**_report(truths, rankings), "search_ms": round(search_ms(10_000), 3)}
    out.mkdir(parents=True, exist_ok=True)
    (out / "recall.json").write_text(json.dumps({**report, "rankings": _shown(truths, rankings)}, indent=1))
    if as_json:
        print(json.dumps(report))
    else:
        Console().print(_table(report))


def tfidf(truths: Sequence[Truth]) -> list[Ranking]:
    """For each truth the others, nearest first: cosine of (1 + log tf)·idf over words and signature."""
    records = [Counter((*words(t.record), *t.signature)) for t in truths]
    seen = Counter(word for record in records for word in record)
    idf = {word: math.log((1 + len(truths)) / (1 + number)) + 1 for word, number in seen.items()}
    vectors = [_unit(record, idf) for record in records]
    rankings = []
    for truth in truths:
        query = _unit(Counter((*words(truth.sight), *truth.signature)), idf)
        near = [(other.name, _dot(query, vector)) for other, vector in zip(truths, vectors, strict=True)]
        rankings.append(_others(truth, near))
    return rankings


def scores(truths: Sequence[Truth], rankings: Sequence[Ranking], baseline: Sequence[Ranking], labels: Labels) -> Scores:
    """How well rankings find those that share a label."""
    ranks, base = (np.array(_ranks(truths, each, labels)) for each in (rankings, baseline))
    counted = np.isfinite(ranks)
    own, theirs = ranks[counted], base[counted]
    return Scores(
        queries=int(counted.sum()),
        r1=round(float((own <= 1).mean()), 4),
        r5=round(float((own <= 5).mean()), 4),
        mrr=round(float((1 / own).mean()), 4),
        better=int((own < theirs).sum()),
        worse=int((own > theirs).sum()),
    )


def _ranks(truths: Sequence[Truth], rankings: Sequence[Ranking], labels: Labels) -> list[float]:
    # The place of the first that shares a label; none where no other does.
    places = []
    for truth, ranking in zip(truths, rankings, strict=True):
        alike = (place for place, (name, _) in enumerate(ranking, 1) if labels[name] & labels[truth.name])
        places.append(float(next(alike, math.inf)))
    return places


def _unit(bag: Counter[str], idf: Mapping[str, float]) -> dict[str, float]:
    weights = {word: (1 + math.log(number)) * idf[word] for word, number in bag.items() if word in idf}
    length = math.sqrt(sum(weight**2 for weight in weights.values())) or 1.0
    return {word: weight / length for word, weight in weights.items()}


def _dot(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    return sum(weight * other.get(word, 0.0) for word, weight in one.items())


def _others(truth: Truth, ranking: Ranking) -> Ranking:
    return sorted(((name, score) for name, score in ranking if name != truth.name), key=lambda each: -each[1])


async def _remembered(truths: Sequence[Truth]) -> dict[str, list[Ranking]]:
    found = {}
    makers: dict[str, Callable[[], Embedder]] = {"hashed": HashedEmbedder, "minilm": MiniLmEmbedder}
    for name, maker in makers.items():
        try:
            embedder = maker()
        except InvalidSettings as missing:
            typer.echo(f"without {name}: {missing}", err=True)
            continue
        found[f"akeso-{name}"] = await _recalled(truths, embedder)
    return found


async def _recalled(truths: Sequence[Truth], embedder: Embedder) -> list[Ranking]:
    with tempfile.TemporaryDirectory(prefix="akeso-recall-") as folder:
        memory = await SqlMemory.open(f"sqlite+aiosqlite:///{folder}/memory.db", embedder)
        for truth in truths:
            await memory.remember(_memory(truth))
        rankings = []
        for truth in truths:
            found = await memory.recall("bench", truth.sight, truth.signature, len(truths))
            near = {r.memory.id: r.similarity for r in found}
            # What has nothing in common is not recalled: it comes last.
            rankings.append(_others(truth, [(other.name, near.get(other.name, 0.0)) for other in truths]))
        await memory.close()
    return rankings


def search_ms(memories: int) -> float:
    """Median time of finding the ten nearest of so many made memories of 20 words, ms."""
    random = np.random.default_rng(1)
    vocabulary = np.array(["".join(chr(97 + c) for c in random.integers(0, 26, 6)) for _ in range(2000)])
    texts = [" ".join(chosen) for chosen in vocabulary[random.zipf(1.3, (memories, 20)) % 2000]]
    vectors = random.random((memories, 64), np.float32)
    index = MemoryIndex(64)
    for n, text in enumerate(texts):
        index.put(Memory(f"m{n}", "bench", f"m{n}", _AT, "cart", "", (f"s{n % 50}:cpu",), text), vectors[n])
    took = []
    for text, vector in zip(texts[:30], vectors, strict=False):
        began = time.perf_counter()
        index.nearest("bench", (text, vector), ("s1:cpu",), 0.5, 10)
        took.append(time.perf_counter() - began)
    return float(np.median(took)) * 1000.0


def _memory(truth: Truth) -> Memory:
    return Memory(truth.name, "bench", truth.name, _AT, truth.service, "", truth.signature, truth.record)


def _report(truths: Sequence[Truth], rankings: Mapping[str, list[Ranking]]) -> dict[str, object]:
    kinds: dict[str, Labels] = {
        "mechanism": {t.name: t.mechanisms for t in truths},
        "category": {t.name: t.categories for t in truths},
    }
    return {
        "truths": len(truths),
        "methods": {name: _row(truths, each, rankings[BASELINE], kinds) for name, each in rankings.items()},
        "chance_r1": {kind: round(_chance(truths, labels), 4) for kind, labels in kinds.items()},
    }


def _row(truths: Sequence[Truth], own: list[Ranking], base: list[Ranking], kinds: Mapping[str, Labels]) -> object:
    done = {kind: scores(truths, own, base, labels) for kind, labels in kinds.items()}
    return {kind: {name: getattr(each, name) for name in each.__slots__} for kind, each in done.items()}


def _chance(truths: Sequence[Truth], labels: Labels) -> float:
    alike = [sum(bool(labels[t.name] & labels[o.name]) for o in truths if o is not t) for t in truths]
    shares = [number / (len(truths) - 1) for number in alike if number]
    return sum(shares) / max(1, len(shares))


def _shown(truths: Sequence[Truth], rankings: Mapping[str, list[Ranking]]) -> list[dict[str, object]]:
    return [
        {
            "case": truth.name,
            "mechanism": sorted(truth.mechanisms),
            "ranked": {
                name: [{"case": other, "similarity": round(score, 4)} for other, score in each[place][:_SHOWN]]
                for name, each in rankings.items()
            },
        }
        for place, truth in enumerate(truths)
    ]


def _table(report: Mapping[str, object]) -> Table:
    table = Table("method", "label", "queries", "R@1", "R@5", "MRR", "before", "behind")
    table.caption = (
        "before, behind: queries where the first hit comes before TF-IDF's or behind it; "
        f"a search among 10,000 memories took {report['search_ms']} ms"
    )
    methods = report["methods"]
    assert isinstance(methods, dict)
    for name, kinds in methods.items():
        for kind, s in kinds.items():
            shares = (f"{s[share]:.3f}" for share in ("r1", "r5", "mrr"))
            table.add_row(name, kind, str(s["queries"]), *shares, str(s["better"]), str(s["worse"]))
    return table
