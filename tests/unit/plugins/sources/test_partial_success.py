"""Good items survive bad neighbours, in every format and encoding, and the answer says what was left out."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from akeso.domain.errors import InvalidInput
from akeso.ports.source import Intake
from akeso.testing.requests.item_batches import FORMS, JSON, Form

each_form = pytest.mark.parametrize("form", FORMS, ids=str)


@each_form
def test_a_bad_item_costs_only_itself_and_is_named(form: Form) -> None:
    first, second, third = form.good
    _, expected = form.decode(first, second, third)
    assert sum(expected.values()) == 3
    for bad, field_ in form.bad:
        intake, found = form.decode(first, bad, second, third)
        assert found == expected, bad
        assert intake.answer.status == form.status
        (rejected,) = intake.rejected
        assert (rejected.field, rejected.count) == (field_, 1)
        assert rejected.reason
        assert said(form, intake) == (1, True)


def said(form: Form, intake: Intake) -> tuple[int, bool]:
    """How many items an answer says were rejected, and whether it says why."""
    body, reason = intake.answer.body, intake.rejected[0].reason
    if form.source.startswith("otlp"):
        count, message = partial(form, body)
        return count, reason in message
    if form.status == 400:
        return len(intake.rejected), reason in body.decode()
    rejected = json.loads(body)["rejected"]
    return len(rejected), rejected[0]["reason"] == reason and set(rejected[0]) == {"item", "field", "reason"}


def partial(form: Form, body: bytes) -> tuple[int, str]:
    if form.content_type == JSON:
        success = json.loads(body)["partialSuccess"]
        return int(next(value for name, value in success.items() if name != "errorMessage")), success["errorMessage"]
    response: Any = {
        "otlp_traces": ExportTraceServiceResponse,
        "otlp_logs": ExportLogsServiceResponse,
        "otlp_metrics": ExportMetricsServiceResponse,
    }[form.source]
    told_ = response.FromString(body).partial_success
    return getattr(told_, told_.DESCRIPTOR.fields[0].name), told_.error_message


@each_form
def test_where_nothing_is_good_all_is_refused(form: Form) -> None:
    for bad, field_ in form.bad:
        with pytest.raises(InvalidInput) as refused:
            form.decode(bad)
        assert field_ in refused.value.field


# A metric's points are named by their metric.
@pytest.mark.parametrize("form", [form for form in FORMS if form.source != "otlp_metrics"], ids=str)
def test_what_is_left_out_keeps_its_place_in_the_body(form: Form) -> None:
    bad = form.bad[0][0]
    intake, _ = form.decode(bad, form.good[0], bad, form.good[1], bad)
    items = [each.item for each in intake.rejected]
    numbers = [1, 3, 5] if form.is_lines else [0, 2, 4]
    assert [f"{number}" in item for number, item in zip(numbers, items, strict=True)] == [True] * 3


@each_form
def test_of_many_bad_items_some_are_named_and_all_are_counted(form: Form) -> None:
    intake, _ = form.decode(*[form.bad[0][0]] * 50, form.good[0])
    assert sum(each.count for each in intake.rejected) == 50
    assert len(intake.rejected) <= 21


BYTES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), st.binary(max_size=4)), min_size=1, max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@each_form
@settings(max_examples=40)
@given(data=st.data())
def test_whatever_becomes_of_one_item_the_others_are_kept(form: Form, data: st.DataObject) -> None:
    assert form.keeps(mutated(form, form.good[1], data))


def mutated(form: Form, item: bytes, data: st.DataObject) -> bytes:
    if "json" not in form.content_type:
        for share, cut, piece in data.draw(BYTES):
            at = round(share * len(item))
            item = item[:at] + piece + item[at + cut :]
        return item
    value = json.loads(item)
    place = data.draw(st.sampled_from(list(value) if isinstance(value, dict) else range(len(value))))
    value[place] = data.draw(VALUES)
    return json.dumps(value).encode()
