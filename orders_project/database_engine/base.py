"""Django's own PostgreSQL backend, which takes the login from DATABASE_SECRET and survives a change of the password.

Every connection of the service is made here: those of requests, of commands, of the relay and of /readyz.
"""

from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base

from orders_project.database_engine.client import DatabaseClient
from orders_project.database_secret import DatabaseSecret

# 28P01 is a wrong password, 28000 a user whom the server does not let in.
_REFUSED = frozenset({"28P01", "28000"})


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        secret = _secret()
        if secret is None:
            params: dict[str, Any] = super().get_connection_params()
            return params
        login = secret.login()
        # What the URL names goes before what the secret does. Neither is secret, and all connections share them.
        for part, told in {"HOST": login.host, "PORT": login.port, "NAME": login.name}.items():
            self.settings_dict[part] = self.settings_dict[part] or told
        return super().get_connection_params() | {"user": login.user, "password": login.password}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        try:
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError as error:
            secret = _secret()
            login = None
            if secret is not None and _is_refused(error):
                login = secret.login_instead_of(conn_params["user"], conn_params["password"])
            if login is None:
                raise
        return super().get_new_connection(conn_params | {"user": login.user, "password": login.password})


def _secret() -> DatabaseSecret | None:
    secret: DatabaseSecret | None = settings.DATABASE_SECRET
    return secret


def _is_refused(error: psycopg.OperationalError) -> bool:
    """Whether the server may have refused the login.

    libpq tells no SQLSTATE of a connection that failed, and the server's sentence may be in any language. It does tell
    whether a password was asked for: what failed after that is worth a look at the secret, which costs little.
    """
    if error.sqlstate is not None:
        return error.sqlstate in _REFUSED
    connection = error.pgconn
    return connection is not None and (connection.used_password or connection.needs_password)
