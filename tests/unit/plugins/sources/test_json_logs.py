import json

import pytest

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import LogBlock
from akeso.domain.telemetry.series import SeriesTable
from akeso.plugins.sources.json_logs import JsonLogs
from akeso.testing.requests.sources import RECEIVED_AT, request_to

LINES = (
    b'{"service":"cart","level":"ERROR","message":"lost","timestamp":"2023-11-14T22:13:20Z","thread":7}\n'
    b"\r\n"
    b'{"service":"web","level":"warning","message":"slow","trace_id":"000102030405060708090a0b0c0d0e0f"}\n'
    b'{"service":"cart","message":"hm","timestamp":1700000000.5}'
)


def blocks_of(body: bytes, count: int) -> dict[str, LogBlock]:
    intake = JsonLogs().decode(request_to("/api/v1/logs", body, "application/x-ndjson"), SeriesTable())
    assert intake.answer.status == 202
    assert json.loads(intake.answer.body) == {"status": "accepted", "accepted": count}
    return {block.service: block for block in intake.batch.logs}


def test_lines_become_a_block_a_service() -> None:
    blocks = blocks_of(LINES, 3)
    assert blocks["cart"].body == ("lost", "hm")
    assert blocks["cart"].severity.tolist() == [17, 0]
    assert blocks["cart"].time.tolist() == [1_700_000_000_000_000_000, 1_700_000_000_500_000_000]
    assert blocks["web"].severity.tolist() == [13]
    assert blocks["web"].time.tolist() == [RECEIVED_AT]
    assert blocks["web"].trace.tolist() == [0x08090A0B0C0D0E0F]


def test_an_array_says_the_same_as_lines() -> None:
    array = b"[" + b",".join(line for line in LINES.split(b"\n") if line.strip()) + b"]"
    blocks, expected = blocks_of(array, 3), blocks_of(LINES, 3)
    assert {name: block.body for name, block in blocks.items()} == {n: b.body for n, b in expected.items()}


@pytest.mark.parametrize(
    ("level", "severity"), [('"info"', 9), ('"Fatal"', 21), ('"odd"', 0), ('"17"', 17), ("13", 13), ('""', 0)]
)
def test_levels_are_names_or_numbers(level: str, severity: int) -> None:
    body = f'{{"service":"a","message":"m","level":{level}}}'.encode()
    assert blocks_of(body, 1)["a"].severity.tolist() == [severity]


@pytest.mark.parametrize(
    ("fields", "severity"),
    [
        ({"level": 30}, 9),
        ({"level": 20}, 5),
        ({"level": 60}, 21),
        ({"level": 3}, 17),
        ({"level": 7}, 5),
        ({"level": 0}, 0),
        ({"level": 17}, 17),
        ({"level": 99}, 0),
        ({"level": 12.5}, 0),
        ({"levelno": 40, "levelname": "ERROR"}, 17),
        ({"levelno": 20}, 9),
        ({"level": 20, "lineno": 7}, 9),
        ({"severity": "CRITICAL"}, 18),
        ({"severity_number": 5, "level": 3}, 5),
        ({"severity_text": "WARN"}, 13),
    ],
)
def test_a_number_is_read_by_the_scale_that_the_line_shows(fields: dict[str, object], severity: int) -> None:
    body = json.dumps({"service": "a", "message": "m"} | fields).encode()
    assert blocks_of(body, 1)["a"].severity.tolist() == [severity]


def test_a_level_that_is_none_costs_only_itself() -> None:
    body = b'{"service":"a","message":"m","level":[]}\n{"service":"a","message":"n","level":true}'
    intake = JsonLogs().decode(request_to("/api/v1/logs", body), SeriesTable())
    assert (len(intake.batch), intake.omitted) == (2, {"level": 2})


def test_nothing_is_an_empty_list_of_lines() -> None:
    assert blocks_of(b"", 0) == blocks_of(b"[]", 0) == {}


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (b'{"service":"a","message":5}', "line 4: message"),
        (b'{"service":"a"}', "line 4: message"),
        (b'{"service":"a","message":"m","timestamp":"noon"}', "line 4: timestamp"),
        (b"{broken", "line 4"),
    ],
)
def test_a_bad_line_is_named_and_costs_only_itself(bad: bytes, field: str) -> None:
    body = b"\n".join([*LINES.split(b"\n")[:3], bad, b'{"service":"z","message":"after"}'])
    intake = JsonLogs().decode(request_to("/api/v1/logs", body), SeriesTable())
    assert sorted(line for block in intake.batch.logs for line in block.body) == ["after", "lost", "slow"]
    answer = json.loads(intake.answer.body)
    assert (answer["status"], answer["accepted"]) == ("partial", 3)
    assert [(each["item"], each["field"]) for each in answer["rejected"]] == [(field[:6], field[8:])]


@pytest.mark.parametrize(
    ("told", "trace", "omitted"),
    [
        (b'"xyz"', 0, 1),
        (b'"4bf92f35-77b3-4da6-a3ce-929d0e0e4736"', 0xA3CE929D0E0E4736, 0),
        (b'"1-5759e988-bd862e3fe1be46a994272793"', 0xE1BE46A994272793, 0),
        (b"null", 0, 0),
        (b"7", 0, 1),
    ],
)
def test_a_trace_id_that_is_none_costs_only_itself(told: bytes, trace: int, omitted: int) -> None:
    body = b'{"service":"a","message":"m","trace_id":' + told + b"}"
    intake = JsonLogs().decode(request_to("/api/v1/logs", body), SeriesTable())
    (block,) = intake.batch.logs
    assert (block.trace.tolist(), intake.omitted.get("trace_id", 0)) == ([trace], omitted)


@pytest.mark.parametrize("field", ["level", "timestamp", "trace_id"])
def test_null_is_absent(field: str) -> None:
    blocks = blocks_of(f'{{"service":"a","message":"m","{field}":null}}'.encode(), 1)
    assert (blocks["a"].severity.tolist(), blocks["a"].time.tolist()) == ([0], [RECEIVED_AT])


def test_a_bad_item_of_an_array_is_named() -> None:
    with pytest.raises(InvalidInput) as refused:
        blocks_of(b'[{"service":"a","message":[]}]', 0)
    assert refused.value.field == "[0].message"
