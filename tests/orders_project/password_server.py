"""A PostgreSQL of our own that asks for passwords, which the embedded one does not."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from orders_project.embedded_pg.account import ServerAccount
from orders_project.embedded_pg.programs import copy_programs, find_programs

ADMIN_PASSWORD = "admin-password"


class PasswordServer:
    """Listens on 127.0.0.1; `admin` is a superuser, whom it knows by the same means as everybody."""

    def __init__(self, port: int) -> None:
        self.port = port

    def connect(self, **others: Any) -> psycopg.Connection:
        login = {"user": "admin", "password": ADMIN_PASSWORD, "dbname": "postgres"}
        return psycopg.connect(host="127.0.0.1", port=self.port, autocommit=True, **{**login, **others})

    def execute(self, statement: str) -> None:
        with self.connect() as admin:
            admin.execute(statement)


@contextmanager
def password_server() -> Iterator[PasswordServer]:
    account = ServerAccount.of_this_process()
    home = Path(tempfile.mkdtemp(prefix="passwords-", dir="/var/tmp"))
    home.chmod(0o755)
    os.chown(home, account.uid, account.gid)
    programs = find_programs()
    if not account.can_reach(programs):
        programs = copy_programs(programs, into=home)
    given = home / "password"
    given.write_text(ADMIN_PASSWORD)
    given.chmod(0o644)
    as_account: dict[str, Any] = {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C"}, "check": True}
    as_account |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if account.is_borrowed:
        as_account |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    subprocess.run(
        [programs / "initdb", "-D", home / "data", "-U", "admin", "-A", "scram-sha-256", "--pwfile", given],
        **as_account,
    )
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c fsync=off"
    options += " -c dynamic_shared_memory_type=mmap -c shared_buffers=16MB"
    start: list[str | Path] = [
        programs / "pg_ctl",
        "-D",
        home / "data",
        "-l",
        home / "log",
        "-w",
        "-o",
        options,
        "start",
    ]
    subprocess.run(start, **as_account)
    try:
        yield PasswordServer(port)
    finally:
        subprocess.run([programs / "pg_ctl", "-D", home / "data", "-m", "immediate", "-w", "stop"], **as_account)
        shutil.rmtree(home)
