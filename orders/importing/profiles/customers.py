"""Who the customer of an export without customers' ids is."""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5


def customer_id(*, email: str, otherwise: str) -> str:
    """The same for the same e-mail address, which it does not tell: ids stand in events, and addresses must not.

    A name-based UUID (RFC 9562 §5.5) of the address as an URL (RFC 6068). Without an address it is `otherwise`.
    """
    address = email.strip().lower()
    return str(uuid5(NAMESPACE_URL, f"mailto:{address}")) if address else otherwise
