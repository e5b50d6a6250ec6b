"""Databases that are out of order, for a test's while."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _database() -> str:
    return connection.ops.quote_name(connection.settings_dict["NAME"])


@contextmanager
def read_only_database() -> Iterator[None]:
    """As an administrator does it, or as a standby is after a fail-over."""
    execute(f"alter database {_database()} set default_transaction_read_only = on")
    connection.close()
    try:
        yield
    finally:
        execute("set default_transaction_read_only = off")
        execute(f"alter database {_database()} reset default_transaction_read_only")
        connection.close()


@contextmanager
def full_disk() -> Iterator[None]:
    """What the server says when it cannot extend the orders' files any longer."""
    execute(
        "create function no_room() returns trigger language plpgsql as "
        "$$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;"
        "create trigger no_room before insert or update on orders_order for each row execute function no_room()"
    )
    try:
        yield
    finally:
        execute("drop trigger no_room on orders_order; drop function no_room")


@contextmanager
def no_room_for_files() -> Iterator[None]:
    """As on a full disk, no session of the role can make a temporary file."""
    role = connection.ops.quote_name(connection.settings_dict["USER"])
    execute(f"alter role {role} in database {_database()} set temp_file_limit = 0")
    try:
        yield
    finally:
        execute(f"alter role {role} in database {_database()} reset temp_file_limit")


@contextmanager
def no_free_connection() -> Iterator[None]:
    """The server has as many connections of this role as it takes."""
    role, user = f"crowded_{os.getpid()}", connection.settings_dict["USER"]
    execute(f"create role {role} login connection limit 0")
    connection.close()
    connection.settings_dict["USER"] = role
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["USER"] = user
        execute(f"drop role {role}")


@contextmanager
def unreachable_database() -> Iterator[None]:
    """Nothing listens where this process looks for it."""
    port = connection.settings_dict["PORT"]
    connection.close()
    connection.settings_dict["PORT"] = "1"
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["PORT"] = port
