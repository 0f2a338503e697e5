"""Workers that take orders from the stream and mark them fulfilled."""

import time

from opentelemetry.trace import SpanKind, Status, StatusCode

from akeso.lab.chassis.database import Statement
from akeso.lab.chassis.floor import Floor, Service
from akeso.lab.chassis.stream import Message
from akeso.lab.chassis.telemetry import PROPAGATOR
from akeso.lab.errors import RequestFailed
from akeso.lab.shop.blueprint import CONSUMER_GROUP, STREAM

FULFIL = Statement("UPDATE", "orders", "UPDATE orders SET fulfilled_at = now() WHERE id = $1 AND fulfilled_at IS NULL")
RETRY_AFTER_S = 0.3
LABELS = {
    "messaging.system": "valkey",
    "messaging.operation.type": "process",
    "messaging.destination.name": STREAM,
    "messaging.consumer.group.name": CONSUMER_GROUP,
}


async def consume(floor: Floor) -> None:
    """Take messages until told to stop: after a start, and after any failure, first those already held."""
    await floor.valkey.ensure_group()
    own = True
    while not floor.stopping.is_set():
        await floor.conditions.before_message()
        try:
            messages = await floor.valkey.read(floor.identity.instance, own=own)
            own = own and bool(messages)
            for message in messages:
                await _process(floor, message)
        except RequestFailed as exc:
            floor.telemetry.log.failed(f"order could not be fulfilled: {exc}", exc)
            own = True
            await floor.pause(RETRY_AFTER_S)


async def _process(floor: Floor, message: Message) -> None:
    await floor.conditions.before_message()
    started = time.perf_counter()
    labels = dict(LABELS)
    with floor.telemetry.tracer.start_as_current_span(
        f"process {STREAM}",
        context=PROPAGATOR.extract(message.carrier),
        kind=SpanKind.CONSUMER,
        attributes={**LABELS, "messaging.message.id": message.id, "peer.service": "order-queue"},
        set_status_on_exception=False,
    ) as span:
        try:
            await floor.conditions.during_request()
            await floor.work()
            await floor.database.rows(FULFIL, int(message.order))
            await floor.valkey.done(message)
        except RequestFailed as exc:
            labels["error.type"] = type(exc).__name__
            span.set_status(Status(StatusCode.ERROR, str(exc)))
            raise
        finally:
            floor.instruments.process_duration.record(time.perf_counter() - started, labels)


SERVICE = Service(tasks=(consume,))
