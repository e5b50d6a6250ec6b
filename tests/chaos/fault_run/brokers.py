"""Brokers of our own, on free ports, that may be killed and started again; and what each really got, as it came."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final, Protocol

import aio_pika
import nats
import redis

from tests.chaos.fault_run.audit import Told
from tests.processes import Process, running

_START_SECONDS: Final = 300.0
_QUIET_SECONDS: Final = 10.0


class Broker(Protocol):
    """`url` is what EVENT_SINKS takes. What it has acknowledged it keeps when it is killed."""

    name: str
    url: str

    def start(self) -> None:
        """Start it, or start it again, and wait until it answers."""

    def kill(self) -> None:
        """With kill -9, and everything below it."""

    def received(self) -> list[Told]:
        """In the order in which it came."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _Server:
    """A process that is there once its port takes connections."""

    def __init__(self, stack: ExitStack, command: Sequence[str], port: int, log: Path, **variables: str) -> None:
        self._stack = stack
        self._command = command
        self._port = port
        self._log = log
        self._environment = {**os.environ, **variables}
        self._process: Process | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            process = running(self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            self._process = self._stack.enter_context(process)
        give_up_at = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, self._log.read_text()[-2000:]
                assert time.monotonic() < give_up_at, f"{self._command[0]} does not answer; see {self._log}."
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class FileBroker:
    """A file is no broker, and is read like one."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path
        self.url = f"file:{path}"

    def start(self) -> None:
        """It is there."""

    def kill(self) -> None:
        """Nothing to kill."""

    def size(self) -> int:
        """In bytes."""
        return self._path.stat().st_size if self._path.exists() else 0

    def received(self) -> list[Told]:
        return [Told.read(line) for line in self._path.read_bytes().splitlines()] if self._path.exists() else []


class RedisBroker:
    name = "redis"

    def __init__(self, stack: ExitStack, directory: Path) -> None:
        port = free_port()
        command = [
            *("redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory), "--save", ""),
            *("--appendonly", "yes", "--appendfsync", "always"),
        ]
        self._server = _Server(stack, command, port, directory / "redis.log")
        self.address = f"redis://127.0.0.1:{port}/0"
        self.url = f"{self.address}?stream=fault-run&maxlen=0"

    def start(self) -> None:
        self._server.start()
        with redis.Redis.from_url(self.address) as client:
            while True:
                try:
                    client.ping()
                except redis.BusyLoadingError:
                    time.sleep(0.05)
                else:
                    return

    def kill(self) -> None:
        self._server.kill()

    def received(self) -> list[Told]:
        with redis.Redis.from_url(self.address) as client:
            entries: Any = client.xrange("fault-run")
        return [Told.read(fields[b"event"]) for _, fields in entries]


class NatsBroker:
    """It writes to the disk every two minutes only; what is killed is its process, not the machine."""

    name = "nats"

    def __init__(self, stack: ExitStack, directory: Path) -> None:
        port = free_port()
        command = ["nats-server", "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(directory / "nats")]
        self._server = _Server(stack, command, port, directory / "nats.log")
        self.address = f"nats://127.0.0.1:{port}"
        self.url = f"{self.address}?subject=faultrun"

    def start(self) -> None:
        self._server.start()
        asyncio.run(self._make_stream())

    def kill(self) -> None:
        self._server.kill()

    def received(self) -> list[Told]:
        return asyncio.run(self._read())

    async def _make_stream(self) -> None:
        client = await nats.connect(self.address)
        await client.jetstream().add_stream(name="faultrun", subjects=["faultrun.>"])
        await client.close()

    async def _read(self) -> list[Told]:
        client = await nats.connect(self.address)
        stream = client.jetstream()
        count = (await stream.stream_info("faultrun")).state.messages
        told: list[Told] = []
        for first in range(1, count + 1, 200):
            numbers = range(first, min(first + 200, count + 1))
            messages = await asyncio.gather(*(stream.get_msg("faultrun", seq=number) for number in numbers))
            told += [Told.read(message.data or b"") for message in messages]
        await client.close()
        return told


class RabbitQueue:
    """A queue of a server that runs already, which `bind` and `unbind` tie to the exchange of its name."""

    name = "rabbitmq"

    def __init__(self, address: str, queue: str) -> None:
        """`address` is `amqp://guest:guest@127.0.0.1:5672/`."""
        self.address = address
        self._queue = queue
        self.url = f"{address}?exchange={queue}"

    def start(self) -> None:
        self.bind()

    def kill(self) -> None:
        """It is not ours."""

    def bind(self) -> None:
        asyncio.run(self._bind())

    def unbind(self) -> None:
        """From now on no queue takes anything."""
        asyncio.run(self._unbind())

    def remove(self) -> None:
        asyncio.run(self._remove())

    def received(self) -> list[Told]:
        return asyncio.run(self._read())

    async def _declared(self, connection: aio_pika.abc.AbstractConnection) -> tuple[Any, Any]:
        channel = await connection.channel()
        exchange = await channel.declare_exchange(self._queue, aio_pika.ExchangeType.TOPIC, durable=True)
        return exchange, await channel.declare_queue(self._queue, durable=True, arguments={"x-queue-type": "quorum"})

    async def _bind(self) -> None:
        async with await aio_pika.connect(self.address) as connection:
            exchange, queue = await self._declared(connection)
            await queue.bind(exchange, "#")

    async def _unbind(self) -> None:
        async with await aio_pika.connect(self.address) as connection:
            exchange, queue = await self._declared(connection)
            await queue.unbind(exchange, "#")

    async def _remove(self) -> None:
        async with await aio_pika.connect(self.address) as connection:
            channel = await connection.channel()
            await channel.queue_delete(self._queue)
            await channel.exchange_delete(self._queue)

    async def _read(self) -> list[Told]:
        told: list[Told] = []
        async with await aio_pika.connect(self.address) as connection:
            _, queue = await self._declared(connection)
            with suppress(TimeoutError):  # nothing more has come
                async with queue.iterator(timeout=_QUIET_SECONDS) as messages:
                    async for message in messages:
                        told.append(Told.read(message.body))  # noqa: PERF401 - silence ends it by an error
        return told


class RabbitBroker(RabbitQueue):
    """A server of our own with one such queue."""

    def __init__(self, stack: ExitStack, directory: Path) -> None:
        port, distribution = free_port(), free_port()
        home = directory / "rabbitmq"
        home.mkdir()
        variables = {
            "HOME": str(home),
            "RABBITMQ_NODENAME": f"faultrun{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(home / "none"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        # Not the one in the path, which becomes another user.
        program = shutil.which("rabbitmq-server", path="/usr/lib/rabbitmq/bin") or "rabbitmq-server"
        self._server = _Server(stack, [program], port, directory / "rabbitmq.log", **variables)
        super().__init__(f"amqp://guest:guest@127.0.0.1:{port}/", "fault-run")

    def start(self) -> None:
        self._server.start()
        give_up_at = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.bind()
            except (OSError, aio_pika.exceptions.AMQPError):
                assert time.monotonic() < give_up_at
                time.sleep(0.2)
            else:
                return

    def kill(self) -> None:
        self._server.kill()
