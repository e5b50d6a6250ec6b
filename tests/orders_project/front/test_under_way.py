"""What one caller may have under way at once."""

from orders_project.front.under_way import UnderWay


def test_so_many_requests_of_each_caller():
    under_way = UnderWay(requests=2, size=1000)

    assert [under_way.begin(caller, 0) for caller in ("a", "a", "a", "b")] == [True, True, False, True]

    under_way.end("a", 0)
    under_way.end("a", 0)
    assert [under_way.begin("a", 0) for _ in range(2)] == [True, False]


def test_so_many_bytes_of_each_caller():
    under_way = UnderWay(requests=100, size=1000)

    assert [under_way.begin(caller, 400) for caller in ("a", "a", "a", "b")] == [True, True, False, True]

    under_way.end("a", 400)
    assert under_way.begin("a", 200)
    assert not under_way.begin("a", 1)


def test_nothing_is_kept_of_a_caller_that_has_gone():
    under_way = UnderWay(requests=1, size=10)

    for number in range(1000):
        under_way.begin(number, 10)
        under_way.end(number, 10)

    assert not under_way._requests
    assert not under_way._bytes
