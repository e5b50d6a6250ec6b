"""What an e-mail address is: what browsers take where a form asks for one."""

from __future__ import annotations

import re
from typing import Final

_LABEL: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
# The WHATWG HTML standard's "valid e-mail address": laxer and stricter than RFC 5322, on purpose.
EMAIL_PATTERN: Final = rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})*"
_EMAIL: Final = re.compile(EMAIL_PATTERN)


def is_email(text: str) -> bool:
    """A domain in other scripts is looked at as it is asked for in DNS (IDNA), as browsers do."""
    local, _, domain = text.rpartition("@")
    if not domain.isascii():
        try:
            text = f"{local}@{domain.encode('idna').decode('ascii')}"
        except UnicodeError:
            return False
    return _EMAIL.fullmatch(text) is not None
