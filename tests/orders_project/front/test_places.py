"""What one caller, and all together, may take at once."""

from contextlib import ExitStack

from orders_project.front.places import Places


def test_so_many_of_each_caller():
    places = Places(most_each=2)

    with ExitStack() as taken:
        assert [taken.enter_context(places.taken(caller)) for caller in ("a", "a", "a", "b")] == [
            True,
            True,
            False,
            True,
        ]

    with places.taken("a") as free:
        assert free


def test_so_much_of_each_and_of_all_together():
    room = Places(most_each=1000, most=1500)

    with ExitStack() as taken:
        asked = [("a", 400), ("a", 400), ("a", 400), ("b", 200), ("c", 200)]
        assert [taken.enter_context(room.taken(*one)) for one in asked] == [True, True, False, True, False]

    with room.taken("a", 1000) as free:
        assert free


def test_nothing_is_kept_of_a_caller_that_has_gone():
    places = Places(most_each=1)

    for number in range(100):
        with places.taken(number), places.taken(number, 0):
            pass

    assert not places._taken
