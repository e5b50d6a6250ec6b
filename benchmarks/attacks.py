"""What a hostile client does to everybody else: `.venv/bin/python benchmarks/attacks.py`, against a running service.

`script/run` has to run on this machine with its demo. Each attack goes on for some seconds; meanwhile `/healthz` is
asked, and an order is read with the key of another storefront. Only ever against 127.0.0.1.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

DEMO = Path(__file__).resolve().parent.parent / ".demo.json"
HOST = "127.0.0.1"
GIVE_UP_SECONDS = 60.0
H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"

Attack = Callable[["Target"], Awaitable[None]]


class Target:
    def __init__(self, port: int) -> None:
        self.port = port
        storefronts = json.loads(DEMO.read_text())["storefronts"]
        self.attacker, self.other = (storefront["api_key"] for storefront in storefronts[:2])

    def head(self, method: str, path: str, *lines: str, key: str = "") -> bytes:
        own = [f"X-API-Key: {key}"] if key else []
        return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *own, *lines, "", ""]).encode()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection(HOST, self.port)
        try:
            yield reader, writer
        finally:
            writer.close()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        async with self.connection() as (reader, writer):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r")[0])
            return int(head[9:12]), await reader.readexactly(length)

    def json(self, method: str, path: str, body: object, key: str) -> bytes:
        content = json.dumps(body).encode()
        head = self.head(method, path, "Content-Type: application/json", f"Content-Length: {len(content)}", key=key)
        return head + content


# --- attacks: each goes on until it is canceled ------------------------------------------------------


def crowd(clients: int) -> Callable[[Attack], Attack]:
    """So many clients do it at once, and begin again whenever the server hangs up."""

    def decorate(one: Attack) -> Attack:
        async def again(target: Target) -> None:
            while True:
                with suppress(OSError, asyncio.IncompleteReadError):
                    await one(target)
                await asyncio.sleep(0.05)

        async def attack(target: Target) -> None:
            async with asyncio.TaskGroup() as group:
                for _ in range(clients):
                    group.create_task(again(target))

        attack.__doc__ = one.__doc__
        return attack

    return decorate


@crowd(24)
async def http2_without_bodies(target: Target) -> None:
    """24 × HTTP/2 with a POST that has no body, closed after 2 s"""
    async with target.connection() as (_, writer):
        writer.write(H2_PREFACE)
        await asyncio.sleep(2)


@crowd(64)
async def bodies_that_never_come(target: Target) -> None:
    """64 × POST with a valid key, whose body never comes"""
    async with target.connection() as (reader, writer):
        writer.write(target.head("POST", "/api/v1/orders", "Content-Length: 1000", key=target.attacker))
        await reader.read(1)


@crowd(64)
async def dripping_bodies(target: Target) -> None:
    """64 × POST whose body comes a byte a second"""
    async with target.connection() as (reader, writer):
        writer.write(target.head("POST", "/api/v1/orders", "Content-Length: 1000"))
        while not reader.at_eof():
            writer.write(b" ")
            await writer.drain()
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), 1)


@crowd(1200)
async def idle_connections(target: Target) -> None:
    """1,200 idle connections"""
    async with target.connection() as (reader, _):
        await reader.read(1)


@crowd(1200)
async def slow_headers(target: Target) -> None:
    """1,200 × headers that come a line every 3 s"""
    async with target.connection() as (reader, writer):
        writer.write(b"GET /api/v1/orders HTTP/1.1\r\nHost: localhost\r\n")
        while not reader.at_eof():
            writer.write(b"X-Line: 1\r\n")
            await writer.drain()
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), 3)


@crowd(1200)
async def answers_nobody_reads(target: Target) -> None:
    """1,200 × 20 long lists asked for at once, no answer read"""
    async with target.connection() as (reader, writer):
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(target.head("GET", "/api/v1/orders?limit=200", key=target.attacker) * 20)
        await asyncio.sleep(3600)


@crowd(8)
async def batches(target: Target) -> None:
    """8 × batches of 500 orders of 60 items, one key"""
    order = {"customer_id": "c", "items": [{"product_id": f"p{n}", "quantity": 1} for n in range(60)]}
    await target.ask(target.json("POST", "/api/v1/orders/batch", {"orders": [order] * 500}, target.attacker))


@crowd(16)
async def logins(target: Target) -> None:
    """16 × anonymous logins"""
    async with target.connection() as (reader, writer):
        writer.write(target.head("GET", "/admin/login/"))
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        token = head.split("csrftoken=")[1].split(";")[0]
    body = f"csrfmiddlewaretoken={token}&username=nobody{time.monotonic_ns()}&password=wrong".encode()
    form = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}"
    await target.ask(target.head("POST", "/admin/login/", form, f"Cookie: csrftoken={token}") + body)


@crowd(16)
async def schemas(target: Target) -> None:
    """16 × GET /api/schema/"""
    await target.ask(target.head("GET", "/api/schema/"))


ATTACKS: dict[str, Attack] = {
    "http2": http2_without_bodies,
    "bodies": bodies_that_never_come,
    "drip": dripping_bodies,
    "idle": idle_connections,
    "headers": slow_headers,
    "unread": answers_nobody_reads,
    "batches": batches,
    "logins": logins,
    "schemas": schemas,
}


# --- what others see of it -----------------------------------------------------------------------------


async def observe(target: Target, path: str, seconds: float) -> tuple[float, float, float]:
    """p50 and worst milliseconds of a health check, and p50 of the other storefront's read of `path`."""
    health: list[float] = []
    reads: list[float] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for request, taken in (
            (target.head("GET", "/healthz"), health),
            (target.head("GET", path, key=target.other), reads),
        ):
            begun = time.perf_counter()
            try:
                status, _ = await asyncio.wait_for(target.ask(request), GIVE_UP_SECONDS)
                assert status == 200, status
            except TimeoutError:
                pass
            taken.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(0.02)
    return statistics.median(health), max(health), statistics.median(reads)


async def measure(target: Target, names: list[str], seconds: float) -> None:
    order = {"customer_id": "cus1", "items": [{"product_id": "abc123", "quantity": 1}]}
    for _ in range(200):
        await target.ask(target.json("POST", "/api/v1/orders", order, target.attacker))
    _, placed = await target.ask(target.json("POST", "/api/v1/orders", order, target.other))
    path = f"/api/v1/orders/{json.loads(placed)['id']}"
    quiet = await observe(target, path, seconds)
    print(f"{'quiet':<60} healthz worst {quiet[1]:8.1f} ms   read p50 {quiet[2]:8.1f} ms")
    for name in names:
        attack = ATTACKS[name]
        going_on = asyncio.create_task(attack(target))
        await asyncio.sleep(2)
        during = await observe(target, path, seconds)
        going_on.cancel()
        with suppress(asyncio.CancelledError):
            await going_on
        after = await observe(target, path, seconds / 2)
        print(
            f"{attack.__doc__!s:<60} healthz worst {during[1]:8.1f} ms   read p50 {during[2]:8.1f} ms "
            f"({during[2] / quiet[2]:.1f} ×), afterwards {after[2]:.1f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("attacks", nargs="*", default=list(ATTACKS), help="which ones; default: all")
    given = parser.parse_args()
    asyncio.run(measure(Target(given.port), given.attacks, given.seconds))


if __name__ == "__main__":
    main()
