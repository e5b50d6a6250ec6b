"""Sentences as pages show them."""

import re

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

_NAMES = re.compile(r"`([^`]+)`")


@register.filter
def prose(text: str) -> SafeString:
    """What stands between backticks is a name."""
    return mark_safe(_NAMES.sub(r"<code>\1</code>", escape(text)))  # noqa: S308 - escaped first
