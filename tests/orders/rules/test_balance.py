"""What is still to be done about an order's money, in one sentence."""

import pytest

from orders.rules.balance import Account, Reduction, balance_of

CUP_BACK = Reduction("returned", 1299, [(1, "cup")])
PLATES_CANCELED = Reduction("canceled", 1000, [(2, "plate")])


def told(due, **kwargs):
    return str(balance_of(Account("AUD", due, **kwargs)))


def test_what_has_not_been_paid_is_to_be_paid():
    assert told(5900) == "59.00 AUD to pay"
    assert told(5900, captured=4700) == "12.00 AUD to pay: 47.00 AUD of 59.00 AUD paid"
    assert told(5900, authorized=2000) == "59.00 AUD to pay: 20.00 AUD authorized"
    assert told(5900, captured=5900, refunded=5900) == "59.00 AUD to pay: 59.00 AUD given back"


def test_what_is_authorized_is_to_be_captured():
    assert told(5900, authorized=5900) == "59.00 AUD to capture: 59.00 AUD authorized"
    assert told(5900, authorized=5900, captured=4700) == "12.00 AUD to capture: 12.00 AUD authorized"


def test_what_was_charged_back_is_to_be_paid_again():
    assert told(5900, captured=5900, charged_back=5900) == "59.00 AUD to pay: 59.00 AUD charged back"


def test_more_items_after_it_was_paid_are_to_be_paid():
    assert told(7200, captured=5900) == "13.00 AUD to pay: 59.00 AUD of 72.00 AUD paid"


def test_what_is_paid_in_full_is_settled():
    assert balance_of(Account("AUD", 5900, captured=5900)) == ("Settled", "", False)
    assert told(0) == "Settled: nothing was to be paid"
    assert told(4601, captured=5900, refunded=1299, reductions=[CUP_BACK]) == "Settled"


@pytest.mark.parametrize(
    ("reductions", "kwargs", "why"),
    [
        ([CUP_BACK], {"captured": 7199}, "1 × cup came back"),
        ([PLATES_CANCELED, CUP_BACK], {"captured": 7199}, "1 × cup came back"),
        ([CUP_BACK, Reduction("canceled", 1299, [(1, "cup")])], {"captured": 7199}, "1 × cup canceled"),
        ([CUP_BACK], {"captured": 7199, "canceled": True}, "1 × cup came back"),
        ([Reduction("canceled", 1299, [(1, "cup")])], {"captured": 7199, "canceled": True}, "the order was canceled"),
        ([Reduction("canceled", 1299)], {"captured": 7199}, "shipping taken off"),
        ([Reduction("goodwill", 1299)], {"captured": 7199}, "12.99 AUD goodwill"),
        ([Reduction("amended", 1299)], {"captured": 7199}, "other prices for canceled units"),
        ([], {"captured": 7199}, "12.99 AUD paid too much"),
        ([], {"captured": 9199, "charged_back": 2000}, "12.99 AUD paid too much; 20.00 AUD charged back"),
        ([Reduction("returned", 1000, [(1, "cup")])], {"captured": 7199}, "1 × cup came back; 2.99 AUD paid too much"),
        ([CUP_BACK], {"captured": 7199, "refund_failed": True}, "1 × cup came back; the last refund failed"),
        ([CUP_BACK], {"captured": 7199, "requested": 1299}, "1 × cup came back; waits for approval"),
        ([CUP_BACK], {"captured": 7199, "approved": 1299}, "1 × cup came back; approved, to be paid out"),
        ([CUP_BACK], {"captured": 7199, "requested": 500}, "1 × cup came back; 5.00 AUD waits for approval"),
        (
            [CUP_BACK],
            {"captured": 7199, "requested": 500, "approved": 799},
            "1 × cup came back; 5.00 AUD waits for approval; 7.99 AUD approved, to be paid out",
        ),
    ],
)
def test_what_is_kept_too_much_is_to_be_refunded_and_it_says_why(reductions, kwargs, why):
    assert told(5900, reductions=reductions, **kwargs) == f"12.99 AUD to refund: {why}"


def test_several_reductions_are_added_up_by_product():
    cups = [Reduction("returned", 1299, [(1, "cup")]), Reduction("returned", 1799, [(1, "cup"), (1, "plate")])]

    assert told(2802, captured=5900, reductions=cups) == "30.98 AUD to refund: 2 × cup, 1 × plate came back"


def test_a_cancellation_that_was_taken_back_is_no_reason():
    ended, taken_back = Reduction("canceled", 5900, [(3, "cup")]), Reduction("reinstated", -5900, [(3, "cup")])

    assert told(5900, captured=6400, reductions=[ended, taken_back]) == "5.00 AUD to refund: 5.00 AUD paid too much"
    assert told(4601, captured=5900, reductions=[CUP_BACK, ended, taken_back]) == (
        "12.99 AUD to refund: 1 × cup came back"
    )


def test_what_was_charged_back_is_not_refunded_as_well():
    canceled = {"captured": 5900, "canceled": True, "reductions": [Reduction("canceled", 5900, [(3, "cup")])]}

    assert told(0, charged_back=5900, approved=5900, **canceled) == (
        "59.00 AUD not to be refunded: 59.00 AUD charged back; let the approved refund fail"
    )
    assert told(0, charged_back=5900, requested=5900, **canceled) == (
        "59.00 AUD not to be refunded: 59.00 AUD charged back; reject the refund that waits for approval"
    )
    assert told(0, charged_back=2000, approved=5900, **canceled) == (
        "20.00 AUD not to be refunded: 20.00 AUD charged back; 39.00 AUD still to be given back; "
        "let the approved refund fail"
    )
    assert told(5900, captured=7900, charged_back=2000, requested=500) == (
        "5.00 AUD to refund: 20.00 AUD charged back; waits for approval"
    )


def test_a_refund_out_of_goodwill_that_nobody_has_agreed_to():
    assert told(5900, captured=5900, requested=500) == "5.00 AUD to refund: waits for approval"


def test_what_is_authorized_on_a_canceled_order_is_to_be_released():
    assert told(0, authorized=5900, canceled=True) == ("59.00 AUD authorized, to be released: the order was canceled")


def test_without_prices_nobody_knows():
    assert told(None) == "Nobody knows what is to be paid: the order has no prices"
    assert told(None, captured=5900) == "59.00 AUD received: the order has no prices"
    assert told(None, captured=5900, approved=900) == "9.00 AUD to refund: approved, to be paid out"
