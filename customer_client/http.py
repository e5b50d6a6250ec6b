"""The CustomerService over HTTP."""

import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import quote, urlencode

from customer_client.answers import read_standing
from customer_client.client import CustomerAnswer, CustomersUnavailable
from customer_client.remembered import RememberedAnswers
from remote_calls.breaker import CircuitBreaker
from remote_calls.retry_budget import RetryBudget
from remote_calls.service import TRY_SECONDS, Failures, RemoteService, outgoing_headers
from remote_calls.transactions import refuse_open_transaction

BATCH_CALLS_AT_ONCE = 8

# Asking changes nothing, so a call never has an outcome that matters and is unknown.
_FAILURES: Final = Failures(CustomersUnavailable, CustomersUnavailable, CustomersUnavailable)


class HttpCustomers:
    """Safe to use from many threads; keep one per process: answers, pool, breaker and retry budget are its memory.

    `timeout_seconds` bounds each call with its retry, and all customers asked for at once.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        timeout_seconds: float,
        cache_seconds: float,
        breaker: CircuitBreaker | None = None,
        retry_budget: RetryBudget | None = None,
        try_seconds: float = TRY_SECONDS,
    ) -> None:
        self._service = RemoteService(
            "CustomerService",
            url,
            setting="CUSTOMER_URL",
            token=token,
            timeout_seconds=timeout_seconds,
            failures=_FAILURES,
            breaker=breaker,
            retry_budget=retry_budget,
            try_seconds=try_seconds,
        )
        self._timeout_seconds = timeout_seconds
        self._remembered = RememberedAnswers(time.monotonic, seconds=cache_seconds)
        self._threads = ThreadPoolExecutor(BATCH_CALLS_AT_ONCE, thread_name_prefix="customers")

    def close(self) -> None:
        """Close connections and threads; the client cannot be used afterwards."""
        self._service.close()
        self._threads.shutdown()

    def ask(self, customer_ids: Collection[str], *, storefront: str) -> dict[str, CustomerAnswer]:
        refuse_open_transaction("customers.ask")
        deadline = time.monotonic() + self._timeout_seconds
        headers = outgoing_headers.get({})
        answers: dict[str, CustomerAnswer] = {}
        unknown = []
        for customer_id in dict.fromkeys(customer_ids):
            if remembered := self._remembered.get(storefront, customer_id):
                answers[customer_id] = remembered
            else:
                unknown.append(customer_id)

        def ask_one(customer_id: str) -> CustomerAnswer:
            return self._ask_one(customer_id, storefront, deadline, headers)

        # A pool of threads is not worth its hand-over for one call.
        found = map(ask_one, unknown) if len(unknown) == 1 else self._threads.map(ask_one, unknown)
        return answers | dict(zip(unknown, found, strict=True))

    def _ask_one(
        self, customer_id: str, storefront: str, deadline: float, headers: Mapping[str, str]
    ) -> CustomerAnswer:
        path = f"/customers/{quote(customer_id, safe='')}?{urlencode({'storefront': storefront})}"
        try:
            standing = self._service.call(
                "GET",
                path,
                lambda answer: read_standing(answer, customer_id),
                deadline=deadline,
                headers=headers,
            )
        except CustomersUnavailable as failure:
            return failure
        self._remembered.put(storefront, customer_id, standing)
        return standing
