"""A cloud's own metrics."""

import itertools

import numpy as np

from akeso.testing.small_world import ESTATE, START, SmallWorld
from akeso.testing.telling import Ear, Heard
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.cloudwatch import Cloudwatch, CloudwatchOptions
from akeso.worlds.dialects.tally.tally import Tally


def told(ticks: int, every_s: float = 60.0, **options: object) -> tuple[Heard, list[int]]:
    """What is heard of some ticks, and when it came."""
    assignment = Assignment(ESTATE, frozenset(range(9)), START, 7, Tally(), np.random.default_rng(3), every_s)
    teller, ear, world = Cloudwatch(assignment, CloudwatchOptions.model_validate(options)), Ear(), SmallWorld(rate=2)
    arrived = []
    for _ in range(ticks):
        observation = world.tick()
        teller.observe(observation)
        found = teller.due(observation.end)
        arrived += [each.at for each in found]
        ear.hear(found)
    return ear.heard, arrived


def test_a_minute_is_told_two_minutes_later() -> None:
    heard, arrived = told(300)

    assert len(arrived) == 3
    assert {at % (60 * 10**9) for at in arrived} == {0}
    assert "amazonaws.com/AWS/RDS/DatabaseConnections" in heard.metrics


def test_sums_are_of_the_whole_period() -> None:
    heard, _ = told(200, after_s=0)

    sums = [p for k, p in heard.points("amazonaws.com/AWS/SQS/NumberOfMessagesSent").items() if k.stat == "sum"]
    assert sums[0][-1][1] == 60 * 20


def test_an_exporter_tells_averages_and_sums_by_their_names() -> None:
    heard, _ = told(130, after_s=0, way="exporter")

    assert {
        "aws_rds_cpuutilization_average",
        "aws_elasticache_cache_hits_sum",
        "aws_applicationelb_request_count_sum",
        "aws_ec2_status_check_failed_maximum",
        "aws_ecs_memory_utilization_average",
    } <= heard.metrics


def test_five_minutes_are_one_period() -> None:
    _, arrived = told(650, every_s=300.0, after_s=0)

    assert [b - a for a, b in itertools.pairwise(arrived)] == [300 * 10**9] * (len(arrived) - 1)
    assert len(arrived) == 2
