from remote_calls.breaker import CircuitBreaker


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def _record(breaker: CircuitBreaker, *, faults: int = 0, good: int = 0) -> None:
    for fault in [False] * good + [True] * faults:
        assert breaker.admit() == 0.0
        breaker.record(fault=fault)


def test_stays_closed_below_twenty_calls():
    breaker = CircuitBreaker(Clock())

    _record(breaker, faults=19)

    assert breaker.admit() == 0.0


def test_opens_when_half_of_twenty_calls_were_faults():
    breaker = CircuitBreaker(Clock())

    _record(breaker, good=10, faults=10)

    assert breaker.admit() == 5.0


def test_stays_closed_when_fewer_than_half_were_faults():
    breaker = CircuitBreaker(Clock())

    _record(breaker, good=12, faults=11)

    assert breaker.admit() == 0.0


def test_forgets_what_is_ten_seconds_old():
    clock = Clock()
    breaker = CircuitBreaker(clock)
    _record(breaker, faults=19)

    clock.seconds += 10
    _record(breaker, faults=1)

    assert breaker.admit() == 0.0


def test_lets_three_probes_through_after_five_seconds_and_closes_when_they_are_well():
    clock = Clock()
    breaker = CircuitBreaker(clock)
    _record(breaker, faults=20)
    clock.seconds += 5

    admitted = [breaker.admit() for _ in range(4)]
    for _ in range(3):
        breaker.record(fault=False)

    assert admitted == [0.0, 0.0, 0.0, 1.0]
    _record(breaker, faults=19)
    assert breaker.admit() == 0.0


def test_one_bad_probe_opens_it_again():
    clock = Clock()
    breaker = CircuitBreaker(clock)
    _record(breaker, faults=20)
    clock.seconds += 5

    _record(breaker, good=1, faults=1)

    assert breaker.admit() == 5.0


def test_a_call_that_began_before_the_opening_is_no_probe():
    breaker = CircuitBreaker(Clock())
    breaker.admit()
    _record(breaker, faults=20)

    breaker.record(fault=False)

    assert breaker.admit() == 5.0


def test_probes_that_never_ended_are_replaced():
    clock = Clock()
    breaker = CircuitBreaker(clock)
    _record(breaker, faults=20)
    clock.seconds += 5
    for _ in range(3):
        breaker.admit()

    clock.seconds += 5

    assert [breaker.admit() for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]


def test_a_probe_that_tells_nothing_leaves_its_place_to_another():
    clock = Clock()
    breaker = CircuitBreaker(clock)
    _record(breaker, faults=20)
    clock.seconds += 5
    for _ in range(3):
        breaker.admit()

    breaker.record(fault=None)

    assert [breaker.admit() for _ in range(2)] == [0.0, 1.0]


def test_what_tells_nothing_is_no_call():
    breaker = CircuitBreaker(Clock())
    _record(breaker, faults=19)
    breaker.admit()

    breaker.record(fault=None)

    assert breaker.admit() == 0.0
