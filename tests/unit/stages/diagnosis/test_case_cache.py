"""What is worked out once for a case is kept as long as the case."""

import gc
import weakref

from akeso.stages.diagnosis.bridging import chains
from akeso.stages.diagnosis.calls.blame_propagation import effects
from akeso.stages.diagnosis.calls.network_latency import network_delays
from akeso.stages.diagnosis.calls.per_operation_latency import borne_out
from akeso.stages.diagnosis.case_cache import cached_per_case
from akeso.stages.diagnosis.knowledge_file import shipped_knowledge
from akeso.stages.diagnosis.paths import turns_of
from akeso.stages.diagnosis.symptoms import read
from akeso.testing.recorded.cases import Scene


def test_what_was_worked_out_is_told_again() -> None:
    numbers = iter(range(1, 10))
    count = cached_per_case(lambda _: next(numbers))
    case = Scene().case()
    assert (count(case), count(case), count(Scene().case())) == (1, 1, 2)


def test_a_case_that_was_diagnosed_is_forgotten() -> None:
    case = Scene().case()
    for work in (read, effects, turns_of, network_delays):
        work(case)
    chains(case, shipped_knowledge())
    borne_out(case, "door", 10.0)
    left = weakref.ref(case)
    del case
    gc.collect()
    assert left() is None
