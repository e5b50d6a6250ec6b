"""`manage.py dbshell` with the login of DATABASE_SECRET."""

from collections.abc import Iterable
from typing import Any

from django.db.backends.postgresql import client


class DatabaseClient(client.DatabaseClient):
    def runshell(self, parameters: Iterable[str]) -> None:
        login = self.connection.get_connection_params()
        shown: dict[str, Any] = self.connection.settings_dict
        # For this process alone, which is psql's from here on.
        self.connection.settings_dict = shown | {"USER": login.get("user"), "PASSWORD": login.get("password")}
        super().runshell(parameters)
