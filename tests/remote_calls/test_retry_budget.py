from remote_calls.retry_budget import RetryBudget


def test_ten_retries_are_saved_up_at_the_start():
    budget = RetryBudget()

    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]


def test_calls_earn_retries():
    budget = RetryBudget(per_call=0.125)
    while budget.spend():
        pass

    for _ in range(8):
        budget.earn()

    assert [budget.spend(), budget.spend()] == [True, False]


def test_no_more_than_ten_are_saved():
    budget = RetryBudget()

    for _ in range(1000):
        budget.earn()

    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]
