"""Evidence from resources: processor, memory, connections, locks and queues that ran out or piled up."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import CauseKind, Evidence, FaultClass, InnerCause
from akeso.domain.telemetry.signal import Signal
from akeso.stages.diagnosis.calls.blame_propagation import effects
from akeso.stages.diagnosis.calls.call_effects import Blame
from akeso.stages.diagnosis.queues import consumers
from akeso.stages.diagnosis.service_signs import locked, pool_exhausted, starved, throughput
from akeso.stages.diagnosis.symptoms import SeriesDeviation, Symptoms, read

_CLIMB_SHARE = 0.12
_CLIMB_BYTES = 8e6
_ON_THE_WAY = 0.1  # of the whole rise, seen since the onset
_ONE_STEP = 0.7  # of that, in one step at most
_MESSAGING = ("messaging", "kafka", "rabbitmq", "sqs", "pubsub")


class Resources:
    """What a service ran out of explains both that it is the cause and what kind of fault it is."""

    name = "resources"

    def __init__(self, weight: float = 1.0) -> None:
        self._weight = weight

    def gather(self, case: Case) -> Sequence[Evidence]:
        symptoms = read(case)
        found: list[Evidence] = []
        for service in sorted(symptoms.services):
            found.extend(self._processor(symptoms, service))
            found.extend(self._memory(symptoms, service))
            found.extend(self._pool(case, symptoms, service))
            found.extend(self._locks(symptoms, service))
            found.extend(self._queue(case, symptoms, service))
        return found

    def _evidence(
        self, service: str, statement: str, weight: float, classes: dict[str, float], **numbers: float
    ) -> Evidence:
        return Evidence(self.name, service, statement, self._weight * weight, classes, numbers)

    def _measured(self, deviation: SeriesDeviation, found: Evidence) -> Evidence:
        return replace(found, cause=InnerCause(CauseKind.METRIC, deviation.key.metric))

    def _processor(self, symptoms: Symptoms, service: str) -> Iterator[Evidence]:
        if (cpu := starved(symptoms, service)) is not None:
            words = f"{service} uses {cpu.last:.2f} of a processor core instead of {cpu.past:.2f}"
            classes = {FaultClass.CPU_SATURATION: 4.0}
            found = self._evidence(service, words, 2.0, classes, past=cpu.past, last=cpu.last)
            yield self._measured(cpu, found)

    def _memory(self, symptoms: Symptoms, service: str) -> Iterator[Evidence]:
        climbs = [d for d in symptoms.signal(service, Signal.MEMORY) if _climbs(symptoms, d)]
        for memory in climbs[:1]:
            limit = max((d.last for d in symptoms.metric(service, "process.memory.limit")), default=float("nan"))
            share = memory.last / limit if limit > 0 else float("nan")
            near = f", {share:.0%} of its limit" if np.isfinite(share) else ""
            found = self._evidence(
                service,
                f"memory of {service} climbs without a pause from {memory.past / 1e6:.0f} MB"
                f" to {memory.last / 1e6:.0f} MB{near}",
                3.0 if share >= 0.8 else 2.4,
                {FaultClass.MEMORY_LEAK: 5.0 if share >= 0.8 else 3.5},
                past=memory.past,
                last=memory.last,
                share_of_limit=share,
            )
            yield self._measured(memory, found)

    def _pool(self, case: Case, symptoms: Symptoms, service: str) -> Iterator[Evidence]:
        full = pool_exhausted(symptoms, service)
        if full is None:
            return
        used, pending = full
        words = f"all {used:.0f} connections of {service}'s pool are taken and {pending:.0f} requests wait for one"
        callees = [e.callee for e in case.topology.callees(service)]
        waiting = [c for c in callees if locked(symptoms, c) is not None]
        crowded = [s for c in callees for s in _sharing(case, symptoms, c) if s != service]
        if waiting:
            yield self._evidence(service, f"{words}, because {waiting[0]} waits for locks", -0.5, {}, pending=pending)
            return
        classes = {FaultClass.CONNECTION_POOL_EXHAUSTION: 4.5}
        yield self._evidence(service, words, 0.8 if crowded else 2.5, classes, used=used, pending=pending)

    def _locks(self, symptoms: Symptoms, service: str) -> Iterator[Evidence]:
        if (locks := locked(symptoms, service)) is not None:
            words = f"{locks.key.metric} of {service} rose from {locks.past:.3g} to {locks.level:.3g}"
            classes = {FaultClass.LOCK_CONTENTION: 5.0}
            found = self._evidence(service, words, 4.0, classes, past=locks.past, level=locks.level)
            yield self._measured(locks, found)

    def _queue(self, case: Case, symptoms: Symptoms, service: str) -> Iterator[Evidence]:
        queue = max((d for d in symptoms.signal(service, Signal.BACKLOG) if _grows(d)), key=_size, default=None)
        if queue is None:
            return
        grown = f"{queue.key.metric} at {service} grew from {queue.past:.3g} to {queue.last:.3g}"
        emptying = consumers(case, symptoms, queue)
        for consumer in emptying:
            yield self._consumer(case, symptoms, consumer, grown)
        classes = {} if emptying else {FaultClass.QUEUE_BACKLOG: 3.0}
        words = f"{grown}: a queue fills because its consumers do not empty it"
        yield self._evidence(service, words, -2.0 if emptying else 1.0, classes, past=queue.past, last=queue.last)

    def _consumer(self, case: Case, symptoms: Symptoms, consumer: str, grown: str) -> Evidence:
        effect = effects(case).get(consumer)
        past, now = throughput(symptoms, consumer)
        stopped = now < 0.6 * past or (effect is not None and effect.down)
        waits = [c for c in effect.calls if c.blame is Blame.CALLEE] if effect is not None else []
        words = f"{grown}, and {consumer}, which consumes it, processes {now:.1f}/s instead of {past:.1f}/s"
        if waits:
            return self._evidence(consumer, f"{words}, waiting for {waits[0].callee}", -0.5, {}, past=past, now=now)
        weight = 4.0 if stopped else 1.5
        return self._evidence(consumer, words, weight, {FaultClass.QUEUE_BACKLOG: 5.5}, past=past, now=now)


def _size(deviation: SeriesDeviation) -> float:
    return deviation.size


def _climbs(symptoms: Symptoms, memory: SeriesDeviation) -> bool:
    """Well above its past, still near its highest, hardly ever down from one value to the next, and on the way up: what
    made one step and stays there (a cache that was filled, a restart with larger heaps) leaks nothing."""
    values = symptoms.values(memory)[symptoms.during]
    values = values[np.isfinite(values)]
    rise = memory.last - memory.past
    if len(values) < 3 or not rise >= max(_CLIMB_BYTES, _CLIMB_SHARE * memory.past):
        return False
    steps, grown = np.diff(values), values[-1] - values[0]
    climbing = grown >= _ON_THE_WAY * rise and steps.max() <= _ONE_STEP * grown
    return bool(climbing and (steps >= -0.01 * memory.past).mean() >= 0.8 and memory.last >= 0.97 * values.max())


def _sharing(case: Case, symptoms: Symptoms, callee: str) -> list[str]:
    callers = {e.caller for e in case.topology.callers(callee)}
    return [c for c in sorted(callers) if pool_exhausted(symptoms, c) is not None]


def _grows(queue: SeriesDeviation) -> bool:
    names = (queue.key.metric, *(name for name, _ in queue.key.attributes))
    messaging = any(word in name.lower() for name in names for word in (*_MESSAGING, "consumer", "topic"))
    return messaging and queue.last - queue.past > 3.0 * queue.spread and queue.last >= queue.level
