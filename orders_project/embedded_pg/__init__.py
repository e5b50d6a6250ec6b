"""A real PostgreSQL for a machine that has none, used only while DATABASE_URL is unset.

A wheel supplies the programs, the life cycle is ours: one cluster per checkout, started by the first
connection of any process (`engine/base.py`) and stopped only by `manage.py embedded_pg stop`. It listens on
a Unix socket in a private directory and nowhere else. POSIX only.
"""

from orders_project.embedded_pg.cluster import Cluster
from orders_project.embedded_pg.errors import EmbeddedPgError

__all__ = ["Cluster", "EmbeddedPgError"]
