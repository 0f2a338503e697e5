"""Where requests newly take another way."""

import pytest

from akeso.domain.telemetry.traces import Traces
from akeso.stages.diagnosis.paths import Turn, turns
from akeso.testing.recorded.traces import TraceWriter, second

ONSET = second(100)
SHOP, STORE = "shop", "store"


def request(writer: TraceWriter, at_s: float, *, shop: list[str], store: list[str], store_error: str = "") -> None:
    """One request to the shop that calls the store, with the lines that each writes; times a millisecond apart."""
    trace, at = writer.trace(), 1000.0 * at_s
    above = writer.span(trace, (SHOP, "buy"), (at, at + 50))
    below = writer.span(trace, (STORE, "keep"), (at + 10, at + 30), above)
    for i, name in enumerate(store):
        writer.line(trace, (STORE, name), at + 12 + i, below)
    if store_error:
        writer.line(trace, (STORE, store_error), at + 20, below, severity=17)
    for i, name in enumerate(shop):
        writer.line(trace, (SHOP, name), at + (2 if i == 0 else 40 + i), above)


def story(calm: int = 20, broken: int = 10, **now: object) -> Traces:
    """Calm requests before the onset, others after it."""
    writer = TraceWriter()
    usual = {"shop": ["asked", "kept", "done"], "store": ["found", "written"]}
    for i in range(calm):
        request(writer, 50 + i, **usual)  # type: ignore[arg-type]
    for i in range(broken):
        request(writer, 101 + i, **(usual | now))  # type: ignore[arg-type]
    return writer.traces()


def roots(traces: Traces) -> list[Turn]:
    return [turn for turn in turns(traces, ONSET) if not turn.explained]


def test_an_early_return_is_the_way_from_the_last_line_to_the_one_that_is_missing() -> None:
    [turn] = roots(story(store=["found"]))
    assert (turn.service, turn.at, turn.usual, turn.taken) == (STORE, "found", "written", "keep end")
    assert (turn.before, turn.during) == ((0, 20), (10, 10))
    assert turn.share > 0.9


def test_who_fails_with_its_callee_is_explained_by_it() -> None:
    found = turns(story(store=["found"], store_error="cannot write", shop=["asked"]), ONSET)
    assert [turn.service for turn in found if not turn.explained] == [STORE]
    assert {turn.service for turn in found if turn.explained} == {SHOP}


def test_other_requests_than_usual_are_no_news() -> None:
    writer = TraceWriter()
    for i in range(40):
        kind = "order" if i % 2 else "browse"
        for at in ([50 + i] * (3 if kind == "browse" else 1), [101 + i] * (1 if kind == "browse" else 6)):
            for each in at:
                trace = writer.trace()
                span = writer.span(trace, (SHOP, kind), (1000.0 * each, 1000.0 * each + 9))
                writer.line(trace, (SHOP, f"{kind} asked"), 1000.0 * each + 1, span)
    assert turns(writer.traces(), ONSET) == []


def test_an_error_that_goes_away_is_hardly_a_finding() -> None:
    writer = TraceWriter()
    for i in range(24):
        request(
            writer, 50 + i, shop=["asked", "done"], store=["found"], store_error="" if i % 4 == 0 else "cannot write"
        )
    for i in range(20):
        request(writer, 101 + i, shop=["asked", "done"], store=["found", "written"])
    assert all(turn.nats <= 2.5 for turn in turns(writer.traces(), ONSET))


def test_a_fault_that_began_before_it_was_noticed_is_found_all_the_same() -> None:
    writer = TraceWriter()
    for i in range(20):
        request(writer, 20 + i, shop=["asked"], store=["found", "written"])
    for i in range(40):
        request(writer, 75 + i, shop=["asked"], store=["found"])
    assert [turn.service for turn in roots(writer.traces())] == [STORE]


def test_lines_without_a_span_are_followed_in_their_trace() -> None:
    writer = TraceWriter()
    for i in range(30):
        trace, at = writer.trace(), 1000.0 * (50 + i if i < 20 else 101 + i)
        writer.line(trace, (SHOP, "asked"), at)
        writer.line(trace, (SHOP, "done" if i < 20 else "refused"), at + 1)
    [turn] = roots(writer.traces())
    assert (turn.at, turn.usual, turn.taken) == ("asked", "done", "refused")


@pytest.mark.parametrize("broken", [0, 1])
def test_one_odd_request_is_no_finding(broken: int) -> None:
    assert turns(story(broken=broken, store=["found"]), ONSET) == []


def test_nothing_comes_of_nothing() -> None:
    assert turns(Traces(), ONSET) == []
