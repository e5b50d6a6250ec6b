"""What is known of an order's money, for the one sentence about it: from its document, as it is or would become."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orders.rules.balance import Account, Reduction
from orders.rules.statuses import OrderStatus, RefundState


def account_of(document: Mapping[str, Any]) -> Account:
    """`document` is the order with all its parts."""
    names = {str(item["id"]): item["name"] or item["product_id"] for item in document["items"]}
    refunds = document["refunds"]
    return Account(
        document["currency"],
        document["due_amount"],
        captured=document["captured_amount"],
        refunded=document["refunded_amount"],
        charged_back=document["charged_back_amount"],
        authorized=document["authorized_amount"],
        requested=sum(_open_amount(refund) for refund in refunds if refund["state"] == RefundState.REQUESTED),
        approved=sum(_open_amount(refund) for refund in refunds if refund["state"] == RefundState.APPROVED),
        reductions=[_reduction(credit, names) for credit in document["credits"]],
        canceled=document["status"] == OrderStatus.CANCELED,
        refund_failed=bool(refunds) and refunds[-1]["state"] == RefundState.FAILED,
    )


def _open_amount(refund: Mapping[str, Any]) -> int:
    return max(0, int(refund["amount"]) - int(refund["settled_amount"]))


def _reduction(credit: Mapping[str, Any], names: Mapping[str, str]) -> Reduction:
    units = [
        (line["quantity"], names.get(str(line["item_id"]), "a removed item"))
        for line in credit["lines"]
        if line["quantity"]
    ]
    return Reduction(credit["cause"], credit["amount"], units)
