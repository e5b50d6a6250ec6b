from typing import Any

from django.contrib.staticfiles.management.commands import runserver
from django.core.management.base import CommandError

from orders_project.exposure import Exposed, refuse_exposure


class Command(runserver.Command):
    """Django's own, which loads the application before it binds an address: so the address is looked at here."""

    def run(self, **options: Any) -> None:
        try:
            refuse_exposure([self.addr])  # type: ignore[attr-defined]
        except Exposed as error:
            raise CommandError(str(error)) from error
        super().run(**options)
