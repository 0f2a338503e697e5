import pytest

from akeso.lab.load.verdict import Band, Visit, judge, learn, quantile

NOW = 1000.0
BAND = Band({"browse": 0.2}, fulfilment_s=2.5)


def visits(count: int, *, latency: float = 0.1, failed: int = 0, journey: str = "browse") -> list[Visit]:
    due = [NOW - 2.5 + 2.0 * n / count for n in range(count)]
    return [Visit(journey, at, at + latency, failed=n < failed) for n, at in enumerate(due)]


def test_a_quick_shop_without_errors_is_healthy() -> None:
    verdict = judge(visits(20), 0.3, BAND, NOW)
    assert verdict.healthy
    assert verdict.journeys["browse"].requests == 20


def test_one_error_among_few_requests_is_no_ratio_but_two_are() -> None:
    assert judge(visits(20, failed=1), 0.0, BAND, NOW).healthy
    assert judge(visits(20, failed=2), 0.0, BAND, NOW).reasons == ("2 of 20 requests failed",)


def test_errors_up_to_two_percent_are_tolerated() -> None:
    assert judge(visits(200, failed=4), 0.0, BAND, NOW).healthy
    assert not judge(visits(200, failed=5), 0.0, BAND, NOW).healthy


def test_more_than_a_twentieth_of_slow_requests_is_unhealthy() -> None:
    slow = [Visit("browse", NOW - 1.0, NOW - 0.5) for _ in range(3)]
    assert judge(visits(57) + slow, 0.0, BAND, NOW).healthy
    assert not judge(visits(37) + slow, 0.0, BAND, NOW).healthy


def test_a_request_that_is_still_open_counts_as_slow_once_it_is_late() -> None:
    late = [Visit("browse", NOW - 1.0), Visit("browse", NOW - 1.2)]
    young = [Visit("browse", NOW - 0.1), Visit("browse", NOW - 0.15)]
    assert judge(young, 0.0, BAND, NOW).healthy
    assert not judge(late, 0.0, BAND, NOW).healthy


def test_requests_count_at_the_time_they_were_due_and_not_when_they_were_answered() -> None:
    answered_now = [Visit("browse", NOW - 10.0, NOW) for _ in range(5)]
    assert judge(answered_now, 0.0, BAND, NOW).journeys == {}


def test_an_order_that_waits_too_long_is_unhealthy() -> None:
    assert judge(visits(20), 2.6, BAND, NOW).reasons == ("an order waits for 2.6 s",)


def test_a_shop_that_answers_nobody_is_unhealthy() -> None:
    refused = [Visit("browse", NOW - 1.0, NOW - 1.0, failed=True) for _ in range(10)]
    assert not judge(refused, 0.0, BAND, NOW).healthy


def test_the_band_is_learnt_from_successes_with_factor_and_margin() -> None:
    seen = [Visit("browse", 0.0, 0.1) for _ in range(95)] + [Visit("browse", 0.0, 9.0, failed=True) for _ in range(50)]
    band = learn(seen, [0.5] * 20)
    assert band.bound("browse") == pytest.approx(0.2)
    assert band.fulfilment_s == pytest.approx(2.5)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 2.0), (0.95, 4.0), (1.0, 4.0)])
def test_the_quantile_is_the_nearest_rank(share: float, expected: float) -> None:
    assert quantile([3.0, 1.0, 4.0, 2.0], share) == expected


def test_the_quantile_of_nothing_is_zero() -> None:
    assert quantile([], 0.95) == 0.0
