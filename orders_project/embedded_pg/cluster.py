import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from orders_project.embedded_pg.account import ServerAccount
from orders_project.embedded_pg.errors import EmbeddedPgError
from orders_project.embedded_pg.programs import copy_programs, find_programs

NAME = "orders"  # role, database, and prefix of directories

_START_SECONDS = 120
_POLL_SECONDS = 0.05
_SOCKET_NAME = ".s.PGSQL.5432"
_LARGE_LOG_BYTES = 20_000_000
# Rewritten at every start; ALTER SYSTEM overrides it. Durability stays at PostgreSQL's safe defaults.
_CONFIGURATION = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Neither a tiny /dev/shm (containers) nor systemd's RemoveIPC at log-out can then break it.
    "dynamic_shared_memory_type": "mmap",
}


class Cluster:
    """The PostgreSQL cluster of one checkout. Making the object touches nothing on disk.

    Any number of processes may start, use and stop it at once. Whether it runs is never judged by a process
    id (ids are recycled, and mean nothing in another container): every postgres process inherits a lock on
    the file `alive`, which the kernel drops with the last of them.
    """

    def __init__(self, base_dir: Path) -> None:
        self._account = ServerAccount.of_this_process()
        self.home = _home(base_dir.resolve(), self._account)
        self.data = self.home / "data"
        self.log = self.home / "postgres.log"
        self._known_host: str | None = None

    def settings(self) -> dict[str, object]:
        """What DATABASES["default"] needs to know. Starts nothing."""
        return {"ENGINE": "orders_project.embedded_pg.engine", "NAME": NAME, "USER": NAME}

    @property
    def host(self) -> str:
        """Directory of the server's socket.

        Short, because a socket path has at most 104 bytes; in /tmp, because shared folders cannot hold
        sockets; another one for each new cluster, so that an old server in its last moments disturbs nothing.
        """
        return f"/tmp/{NAME}-pg-{(self.data / 'cluster_id').read_text()}"  # noqa: S108 - made 0700, owner checked

    @property
    def owner(self) -> str | None:
        """Name of the account the server runs as, for libpq's `requirepeer`; None when it has no name."""
        return self._account.name

    def ready(self) -> bool:
        """Whether our server takes connections now; whoever else listens in its place is not asked."""
        if not (self._says_ready() and self._has_own_socket()):
            return False
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(f"{self.host}/{_SOCKET_NAME}")
        except OSError:
            return False
        return True

    def ensure(self) -> str:
        """Bring the server up, creating the cluster if there is none; return its host.

        Raises EmbeddedPgError when that is impossible.
        """
        if not self.ready():
            with self._lock() as lock:
                if not self.data.exists():
                    self._create(lock)
                if not self.ready():
                    self._start()
        self._known_host = self.host
        return self._known_host

    def ensure_once(self) -> str:
        """As `ensure`, but looks only once per process: for the path of every connection."""
        return self._known_host or self.ensure()

    def stop(self) -> bool:
        """Stop the server; return False when it was not running."""
        with self._lock():
            return self._stop()

    def reset(self) -> None:
        """Stop the server and remove the cluster with all its data."""
        with self._lock():
            self._stop()
            with contextlib.suppress(OSError):
                if self._is_ours(Path(self.host), stat.S_ISDIR):
                    shutil.rmtree(self.host)
            # The lock file stays: others may be waiting for it.
            for path in self.home.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name != "lock":
                    path.unlink()

    @contextlib.contextmanager
    def _lock(self) -> Iterator[TextIO]:
        """Let one process at a time create, start or stop the cluster; the kernel lets go if it is killed."""
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._require_ours(self.home)
            if self._account.is_borrowed:
                os.chown(self.home, self._account.uid, self._account.gid)
                if not self._account.can_reach(self.home.parent):
                    raise PermissionError("PostgreSQL does not run as root, and others may not enter this path")
            lock = (self.home / "lock").open("a")
        except OSError as error:
            raise EmbeddedPgError(
                f"The embedded PostgreSQL cannot use {self.home} ({error}). Set EMBEDDED_PG_HOME to a "
                "directory it can own, or DATABASE_URL to a server."
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield lock

    @contextlib.contextmanager
    def _settled(self) -> Iterator[TextIO | None]:
        """Wait until the server is ready (gives None) or no process of it is left (gives the locked `alive`).

        In between it is starting, stopping, or finishing the last query of a server that was killed. One whose
        socket has been removed, as when /tmp is cleared, cannot be reached any more: it is stopped.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not self.ready():
            with (self.data / "alive").open("a") as alive:
                try:
                    fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    pass
                else:
                    yield alive
                    return
            if self._says_ready() and not self._has_own_socket() and self._runs_here():
                self._run(["pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop"])
            if time.monotonic() > deadline:
                raise EmbeddedPgError(
                    f"Another process or container runs the cluster in {self.data} but does not answer. "
                    f"Stop that one; {self.log} may say more."
                )
            time.sleep(_POLL_SECONDS)
        yield None

    def _create(self, lock: TextIO) -> None:
        """Made under another name and renamed when complete, so that a kill leaves no half-made cluster.

        The children inherit the lock: an initdb that outlives us still keeps others out.
        """
        sys.stderr.write(f"Embedded PostgreSQL: creating {self.data} (DATABASE_URL selects another server).\n")
        unfinished = self.home / "data.tmp"
        shutil.rmtree(unfinished, ignore_errors=True)
        # The builtin provider sorts alike on every machine; releases before 17 do not have it.
        collation = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if self._major() >= 17 else []
        steps: list[tuple[list[str | Path], str]] = [
            (
                [
                    "initdb",
                    "-D",
                    unfinished,
                    "-U",
                    NAME,
                    "-A",
                    "trust",
                    "-E",
                    "UTF8",
                    "--locale=C",
                    *collation,
                    "-k",
                ],
                "",
            ),
            (["postgres", "--single", "-D", unfinished, "postgres"], f'create database "{NAME}"\n'),
        ]
        for command, standard_input in steps:
            result = self._run(command, standard_input=standard_input, inherited=lock)
            if result.returncode != 0:
                raise EmbeddedPgError(
                    f"{command[0]} could not create the embedded PostgreSQL cluster in {unfinished}; set "
                    f"DATABASE_URL to use a server instead. It said: {result.stdout.strip()}"
                )
        with (unfinished / "postgresql.conf").open("a") as configuration:
            configuration.write("\ninclude_if_exists = 'embedded.conf'\n")
        (unfinished / "cluster_id").write_text(secrets.token_hex(4))
        unfinished.rename(self.data)

    def _start(self) -> None:
        created_by = int((self.data / "PG_VERSION").read_text())
        if created_by != self._major():
            raise EmbeddedPgError(
                f"{self.data} was made by PostgreSQL {created_by}, but release {self._major()} is installed. "
                "Dump it with the earlier package, or remove it and its data: manage.py embedded_pg reset."
            )
        with self._settled() as alive:
            if alive is None:
                return
            said = self._launch(alive)
        with self._settled() as alive:
            if alive is not None:
                raise EmbeddedPgError(f"The embedded PostgreSQL did not start; see {self.log}. pg_ctl said: {said}")

    def _launch(self, alive: TextIO) -> str:
        host = self._make_socket_directory()
        # No process is left, so whatever has the recorded process id by now is not ours.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        (host / f"{_SOCKET_NAME}.lock").unlink(missing_ok=True)
        lines = {**_CONFIGURATION, "unix_socket_directories": str(host)}
        configuration = self.data / "embedded.conf"
        configuration.write_text("".join(f"{name} = '{value}'\n" for name, value in lines.items()))
        configuration.chmod(0o644)
        if self.log.exists() and self.log.stat().st_size > _LARGE_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.old"))
        start: list[str | Path] = ["pg_ctl", "-D", self.data, "-l", self.log, "-w", "-t", str(_START_SECONDS), "start"]
        return self._run(start, inherited=alive).stdout.strip()

    def _make_socket_directory(self) -> Path:
        """Anew when it is gone, and elsewhere when somebody else has taken its place."""
        while True:
            host = Path(self.host)
            with contextlib.suppress(FileExistsError):
                host.mkdir(mode=0o700)
            if self._is_ours(host, stat.S_ISDIR):
                host.chmod(0o700)
                os.chown(host, self._account.uid, self._account.gid)
                return host
            (self.data / "cluster_id").write_text(secrets.token_hex(4))

    def _stop(self) -> bool:
        self._known_host = None
        if not self.data.exists():
            return False
        with self._settled() as alive:
            # Nothing runs: pg_ctl would signal whatever process has the recorded id now.
            if alive is not None:
                return False
            result = self._run(["pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop"])
        if result.returncode != 0:
            raise EmbeddedPgError(f"The embedded PostgreSQL in {self.data} does not stop: {result.stdout.strip()}")
        return True

    def _major(self) -> int:
        return int(self._run(["postgres", "--version"]).stdout.split()[2].split(".")[0])

    def _run(
        self,
        command: Sequence[str | Path],
        *,
        standard_input: str = "",
        inherited: TextIO | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the server's account, where and how it can always work.

        The account may not enter our directory; a LANG without its locale stops initdb, no language at all
        stops postgres on macOS.
        """
        programs = find_programs()
        if not self._account.can_reach(programs):
            programs = copy_programs(programs, into=self.home)
        borrowed = self._account.is_borrowed
        return subprocess.run(  # noqa: S603 - our own programs and arguments
            [programs / command[0], *command[1:]],
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            input=standard_input,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            pass_fds=[inherited.fileno()] if inherited else [],
            user=self._account.uid if borrowed else None,
            group=self._account.gid if borrowed else None,
            extra_groups=[] if borrowed else None,
        )

    def _says_ready(self) -> bool:
        """What the server has noted of itself; it may have been killed since."""
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
        except (OSError, IndexError):
            return False

    def _has_own_socket(self) -> bool:
        """Whether its directory and its socket are there, and nobody else's."""
        host = Path(self.host)
        return (
            self._is_ours(self.home, stat.S_ISDIR)
            and self._is_ours(host, stat.S_ISDIR)
            and self._is_ours(host / _SOCKET_NAME, stat.S_ISSOCK)
        )

    def _runs_here(self) -> bool:
        """Whether the recorded process is our server: ids are recycled, and another container has its own."""
        try:
            command = _command_of((self.data / "postmaster.pid").read_text().split()[0])
        except (OSError, IndexError):
            return False
        return os.fsencode(f" -D {self.data}") in command

    def _require_ours(self, directory: Path) -> None:
        if not self._is_ours(directory, stat.S_ISDIR):
            raise PermissionError(f"{directory} belongs to another user or is no directory")

    def _is_ours(self, path: Path, is_right_kind: Callable[[int], bool]) -> bool:
        """Not a link, not missing, and not something that someone else put where ours belongs."""
        try:
            found = path.lstat()
        except OSError:
            return False
        return is_right_kind(found.st_mode) and found.st_uid in (os.geteuid(), self._account.uid)


def _command_of(process_id: str) -> bytes:
    """The words of its command line. Raises OSError when there is no such process, or nobody to ask."""
    if Path("/proc/self").exists():
        return Path(f"/proc/{process_id}/cmdline").read_bytes().replace(b"\0", b" ")
    ps = ["/bin/ps", "-ww", "-o", "args=", "-p", process_id]
    return subprocess.run(ps, capture_output=True, check=False).stdout  # noqa: S603 - a number


def _home(base_dir: Path, account: ServerAccount) -> Path:
    if chosen := os.environ.get("EMBEDDED_PG_HOME"):
        return Path(chosen).absolute()
    if not account.is_borrowed:
        return base_dir / ".pg"
    if account.can_reach(base_dir):
        return base_dir / ".pg-root"
    checkout = hashlib.sha256(os.fsencode(base_dir)).hexdigest()[:8]
    return Path(f"/var/tmp/{NAME}-pg-{checkout}")  # noqa: S108 - made 0700, owner checked
