"""How much a caller may ask: ten seconds' worth at once, then at its rate."""

from __future__ import annotations

from pathlib import Path

from orders_project.front.dues import Due, Dues

WRITES = Due("writes", 2)


class Clock:
    """Monotonic seconds that pass when the test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_ten_seconds_worth_may_come_at_once():
    dues = Dues(None, clock=Clock())

    remaining = [dues.count("key:a", WRITES).remaining for _ in range(20)]

    assert remaining == list(range(19, -1, -1))
    refused = dues.count("key:a", WRITES)
    assert (refused.remaining, refused.wait_seconds, refused.reset_seconds) == (0, 0.5, 10.0)


def test_what_is_refused_is_not_counted_and_time_gives_it_back():
    clock = Clock()
    dues = Dues(None, clock=clock)
    for _ in range(20):
        dues.count("key:a", WRITES)

    assert [dues.count("key:a", WRITES).wait_seconds for _ in range(3)] == [0.5, 0.5, 0.5]
    clock.now += 1
    assert [dues.count("key:a", WRITES).wait_seconds for _ in range(3)] == [0.0, 0.0, 0.5]
    clock.now += 3600
    assert dues.count("key:a", WRITES).remaining == 19


def test_callers_reads_and_writes_are_counted_apart():
    dues = Dues(None, clock=Clock())
    for _ in range(20):
        dues.count("key:a", WRITES)

    assert dues.count("key:a", WRITES).wait_seconds == 0.5
    assert dues.count("key:b", WRITES).remaining == 19
    assert dues.count("key:a", Due("reads", 2)).remaining == 19


def test_all_workers_of_a_host_count_together(tmp_path: Path):
    clock = Clock()
    workers = [Dues(str(tmp_path), clock=clock) for _ in range(2)]

    remaining = [workers[number % 2].count("key:a", WRITES).remaining for number in range(6)]

    assert remaining == [19, 18, 17, 16, 15, 14]


def test_what_was_counted_before_the_host_started_anew_is_no_debt(tmp_path: Path):
    for _ in range(20):
        Dues(str(tmp_path), clock=Clock(5_000_000.0)).count("key:a", WRITES)

    assert Dues(str(tmp_path), clock=Clock(3.0)).count("key:a", WRITES).remaining == 19


def test_less_than_one_a_second_is_a_limit_too():
    clock = Clock()
    dues = Dues(None, clock=clock)
    seldom = Due("writes", 0.01)

    assert dues.count("key:a", seldom).wait_seconds == 0.0
    assert dues.count("key:a", seldom).wait_seconds == 100.0
    clock.now += 100
    assert dues.count("key:a", seldom).wait_seconds == 0.0


def test_the_headers_are_those_of_the_draft():
    standing = Dues(None, clock=Clock()).count("key:a", WRITES)

    assert standing.headers() == [
        (b"ratelimit-policy", b'"writes";q=20;w=10'),
        (b"ratelimit", b'"writes";r=19;t=1'),
    ]


def test_where_nothing_can_be_shared_each_worker_counts_by_itself(tmp_path: Path):
    dues = Dues(str(tmp_path / "missing"), clock=Clock())

    assert [dues.count("key:a", WRITES).remaining for _ in range(2)] == [19, 18]
