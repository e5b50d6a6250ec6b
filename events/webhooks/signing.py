"""The headers by which a receiver knows that a webhook is ours: Standard Webhooks, symmetric (`v1`)."""

import base64
import hmac
from collections.abc import Sequence
from uuid import UUID


def signed_headers(event_id: UUID, body: bytes, *, timestamp: int, secrets: Sequence[bytes]) -> dict[str, str]:
    """`timestamp` is in seconds since 1970. One signature for each live secret: the receiver needs to know one."""
    content = f"{event_id}.{timestamp}.".encode() + body
    signatures = [f"v1,{base64.b64encode(hmac.digest(secret, content, 'sha256')).decode()}" for secret in secrets]
    return {
        "webhook-id": str(event_id),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
