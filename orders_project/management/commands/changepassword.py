import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.contrib.auth.models import User

from audit.operator import operator_of
from audit.recording import record
from orders.models.audited import USER


class Command(changepassword.Command):
    """Django's own, and the log of changes tells of it."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        # As Django looks for it. No transaction is open while somebody types.
        user = User.objects.filter(username=options["username"] or getpass.getuser()).first()
        before = {} if user is None else USER.values_of(user)
        answer = super().handle(*args, **options)
        if user is not None:
            after = USER.values_of(User.objects.get(pk=user.pk))
            record(user, USER, by=operator_of("changepassword"), action="Changed", before=before, after=after)
        return answer
