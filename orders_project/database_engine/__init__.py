"""Django's database engine for a PostgreSQL server of somebody's, whose login may be kept in a secret."""
