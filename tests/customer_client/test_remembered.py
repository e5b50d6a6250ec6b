from customer_client.client import Standing
from customer_client.remembered import RememberedAnswers


def test_an_answer_is_forgotten_after_its_seconds():
    clock = [100.0]
    answers = RememberedAnswers(lambda: clock[0], seconds=10)
    answers.put("au", "c", Standing.INACTIVE)

    clock[0] = 109.9
    assert answers.get("au", "c") is Standing.INACTIVE
    clock[0] = 110.0
    assert answers.get("au", "c") is None


def test_a_newer_answer_takes_the_place_of_the_older():
    answers = RememberedAnswers(lambda: 0.0, seconds=10)
    answers.put("au", "c", Standing.ACTIVE)
    answers.put("au", "c", Standing.UNKNOWN)

    assert answers.get("au", "c") is Standing.UNKNOWN


def test_the_oldest_answer_makes_room():
    answers = RememberedAnswers(lambda: 0.0, seconds=10, most=2)
    for customer_id in ("a", "b", "a", "c"):
        answers.put("au", customer_id, Standing.ACTIVE)

    assert [answers.get("au", customer_id) for customer_id in "abc"] == [Standing.ACTIVE, None, Standing.ACTIVE]
