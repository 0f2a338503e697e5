"""Whole traces in bounded memory."""

import numpy as np
import pytest

from akeso.domain.telemetry.batches import LogBlock, SpanBlock, SpanKind
from akeso.stages.features.code_places import code_place, tags_behind
from akeso.stages.features.log_features import Pattern
from akeso.stages.features.traces.trace_book import TraceBook
from akeso.testing.recorded.traces import second

PATTERN = Pattern(0, "acme", "cart", "kept <*>", 9, "kept 7")


def spans(traces: list[int], at: int = 0, service: str = "cart") -> SpanBlock:
    count = len(traces)
    start = np.full(count, at, np.int64)
    ids = np.array(traces, np.uint64) * np.uint64(2) + np.uint64(1)
    none = np.zeros(count, np.int32)
    return SpanBlock(
        service, ("GET /",), ("",), np.array(traces, np.uint64), ids, np.zeros(count, np.uint64), none, none,
        np.full(count, SpanKind.SERVER, np.uint8), start, np.full(count, 1_000, np.int64), np.zeros(count, np.bool_),
    )  # fmt: skip


def lines(traces: list[int], body: str, at: int = 0) -> LogBlock:
    count = len(traces)
    time, ids = np.full(count, at, np.int64), np.array(traces, np.uint64)
    return LogBlock("cart", time, np.full(count, 9, np.uint8), (body,) * count, ids, span=ids)


def test_spans_and_lines_of_a_tenant_come_back_with_their_places() -> None:
    book = TraceBook(second(60))
    book.add_spans("acme", spans([1, 2]))
    book.add_spans("other", spans([3]))
    book.add_lines("acme", lines([1], "12:00 INFO c.Cart#31 [keep][Kept it] 7"), [PATTERN])
    book.add_lines("acme", lines([2], "kept 7"), [PATTERN])
    found = book.between("acme", 0, second(1))
    assert sorted(found.spans["trace"].tolist()) == [1, 2]
    assert [found.places[i].name for i in found.lines["place"]] == ["c.Cart#31 [keep][Kept it]", "kept <*>"]
    assert found.lines["span"].tolist() == [1, 2]
    assert len(book.between("acme", 1, second(1)).spans) == 0


def test_lines_without_a_trace_are_not_kept_and_a_span_told_twice_counts_once() -> None:
    book = TraceBook(second(60))
    book.add_lines("acme", lines([0], "kept 7"), [PATTERN])
    book.add_spans("acme", spans([1]))
    book.add_spans("acme", spans([1]))
    found = book.between("acme", 0, second(1))
    assert (len(found.lines), len(found.spans)) == (0, 1)


def test_when_there_is_no_room_whole_traces_go_and_the_rest_is_an_even_draw() -> None:
    book = TraceBook(second(600), room=5_000)
    for i in range(40):
        traces = list(range(1 + i * 500, 501 + i * 500))
        book.add_spans("acme", spans(traces, at=second(i)))
        book.add_lines("acme", lines(traces, "kept 7", at=second(i)), [PATTERN] * 500)
    found = book.between("acme", 0, second(600))
    assert 1_000 < len(found) <= 5_000
    assert set(found.spans["trace"].tolist()) == set(found.lines["trace"].tolist())
    early = float((found.spans["start"] < second(20)).mean())
    assert 0.4 < early < 0.6


def test_room_is_made_up_to_the_age_first() -> None:
    book = TraceBook(second(10), room=6_000)
    for i in range(40):
        book.add_spans("acme", spans(list(range(1 + i * 400, 401 + i * 400)), at=second(i)))
    found = book.between("acme", 0, second(60))
    assert int((found.spans["start"] >= second(30)).sum()) == 10 * 400


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("16:48:42.424 INFO  t.s.TravelServiceImpl#532 TraceID: 49a5 [get][Get]", "t.s.TravelServiceImpl#532"),
        ("ERROR o.a.c.C.[.[.[.[dispatcherServlet]#175 no", "o.a.c.C.[.[.[.[dispatcherServlet]#175"),
        ("INFO order/handler.go:84 placed", "order/handler.go:84"),
        ('File "/app/shop/cart.py:12" broke', "/app/shop/cart.py:12"),
        ("ERROR com.shop.Cart$Inner#7 no", "com.shop.Cart$Inner#7"),
        ("connected to db.local:5432 with cpu#1", ""),
        ("nothing to see", ""),
    ],
)
def test_the_place_that_a_line_names(line: str, place: str) -> None:
    assert code_place(line) in {place, place.removeprefix("/")}


def test_the_words_in_brackets_behind_a_place_say_what_went_on() -> None:
    line = "INFO d.Receive#44 TraceID: 5d [process][Receive delivery object][object: {}] [id=7]"
    assert tags_behind(line, "d.Receive#44") == "[process][Receive delivery object]"
