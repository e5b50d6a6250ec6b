from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.contrib.auth.models import User

from audit.models import Entry
from audit.operator import operator_of
from audit.recording import record
from orders.models.audited import USER


class Command(createsuperuser.Command):
    """Django's own, and the log of changes tells of it."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        before = set(User.objects.filter(is_superuser=True).values_list("pk", flat=True))
        answer = super().handle(*args, **options)
        # It asks for the name itself and tells nobody. Whoever was made in another way meanwhile is logged already.
        for user in User.objects.filter(is_superuser=True).exclude(pk__in=before):
            if not Entry.objects.about(User, user.pk).exists():
                by = operator_of("createsuperuser")
                record(user, USER, by=by, action="Made", before={}, after=USER.values_of(user))
        return answer
