from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base

from orders_project.embedded_pg import Cluster


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own PostgreSQL backend, which brings the embedded server up at the first connection."""

    def get_connection_params(self) -> dict[str, Any]:
        cluster = _cluster()
        self.settings_dict["HOST"] = cluster.ensure_once()
        params: dict[str, Any] = super().get_connection_params()
        if cluster.owner is not None:
            params["requirepeer"] = cluster.owner  # libpq sends nothing to a server of anybody else
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        try:
            return super().get_new_connection(conn_params)
        except self.Database.OperationalError:
            # The server may have been stopped, killed or replaced since this process last looked.
            if _cluster().ready():
                raise
            conn_params["host"] = self.settings_dict["HOST"] = _cluster().ensure()
            return super().get_new_connection(conn_params)


def _cluster() -> Cluster:
    cluster: Cluster | None = settings.EMBEDDED_PG
    if cluster is None:
        raise ImproperlyConfigured("This database engine needs EMBEDDED_PG, the cluster, in the settings.")
    return cluster
