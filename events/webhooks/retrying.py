"""When an attempt that failed is made again, and when an endpoint is left alone."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from events.webhooks.sending import Answer

_MINUTE = 60
_HOUR = 60 * _MINUTE
# Those of Standard Webhooks: with the first attempt ten in 75.6 hours.
PAUSES = (5, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR)
MOST_ATTEMPTS = len(PAUSES) + 1
DISABLED_AFTER = timedelta(days=5)
GONE = 410
_JITTER = 0.2
_LONGEST_WISH = 24.0 * _HOUR
# One request after the other tells whether it is back: half to all of 1, 2, 4 … 300 seconds apart.
_LONGEST_PAUSE = 300.0


def pause_before(attempts: int, answer: Answer) -> float | None:
    """Seconds until the next attempt when so many were made; None when there is to be none.

    At least what the endpoint asks for by Retry-After, at most a day of that.
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    usual = PAUSES[attempts - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
    return max(usual, retry_after(answer.headers) or 0.0)


def is_down(answer: Answer) -> bool:
    """Whether another event would hardly have been taken either."""
    return answer.status is None or answer.status in (408, 429) or answer.status >= 500


def wished_pause(answer: Answer) -> float | None:
    """For how long the endpoint wants to be left alone as a whole."""
    return retry_after(answer.headers) if answer.status in (429, 503) else None


def pause_of_endpoint(down_rounds: int) -> float:
    """For how long an endpoint is left alone that was found down so many times in a row."""
    return min(_LONGEST_PAUSE, 2.0 ** min(down_rounds - 1, 20)) * random.uniform(0.5, 1.0)  # noqa: S311


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from either form of the header; None where it says nothing that can be followed."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), _LONGEST_WISH)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(seconds, _LONGEST_WISH) if seconds > 0 else None
