"""Measure what events cost: relaying them, placing orders beside them, reading the feed. Interleaved, in one run.

    .venv/bin/python benchmarks/event_costs.py                 some minutes
    .venv/bin/python benchmarks/event_costs.py --seconds 10 --rounds 7 --events 20000

PostgreSQL, servers and receivers are its own. Redis, RabbitMQ and NATS are those on this machine's usual ports, under
names that are removed afterwards; those that do not run are left out.
"""

import argparse
import asyncio
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median

import aio_pika
import nats
import redis
from cpu import cpu_seconds
from nats.js.errors import NotFoundError
from service import ROOT, Bench

NAME = "order-service-benchmark"
SINKS = {
    "file": ("file:{home}/events.ndjson", None),
    "redis": (f"redis://127.0.0.1:6379/0?stream={NAME}", 6379),
    "rabbitmq": (f"amqp://guest:guest@127.0.0.1:5672/?exchange={NAME}", 5672),
    "nats": (f"nats://127.0.0.1:4222?subject={NAME}", 4222),
}

# --- relaying ----------------------------------------------------------------------------------------

# Orders with five events each.
_TELL = """
import sys, django; django.setup()
from uuid import uuid4
from django.db import connection, transaction
from orders import operations
from orders.announcing.changes import Origin
from orders.models import Order, Storefront
from orders.operations import PERFORMERS, Call, StoredAnswer
from orders.requests.placing import NewItem, NewOrder
from orders.rules.callers import system
from orders.rules.lifecycle import Operation
shop = Storefront.objects.get(pk=1)
call = Call(system("benchmark"), joins_transaction=True)
details = PERFORMERS[Operation.CHANGE_DETAILS].request
for _ in range(int(sys.argv[1]) // 500):
    new = [NewOrder(customer_id="cus1", items=[NewItem(f"p00{n}", 1, unit_amount=1299) for n in (1, 2, 3)])] * 100
    operations.place_orders(new, storefront=shop, origin=Origin("system:benchmark"),
                            render=lambda outcomes: StoredAnswer(200, b""))
    with transaction.atomic():
        for order_id in Order.objects.filter(version=1).values_list("pk", flat=True):
            for number in range(4):
                operations.perform(Operation.CHANGE_DETAILS, order_id, details(note=str(number)), call=call)
with connection.cursor() as cursor:
    cursor.execute("analyze")
"""

# What a sink has to get; then one relay, and what it took.
_RELAY = """
import json, os, sys, time, threading, django; django.setup()
from django.db import connection
from events.relay import Relay
from events.sinks import build_sink
name, most = sys.argv[1], int(sys.argv[2])
with connection.cursor() as cursor:
    cursor.execute(
        "insert into events_outbox (sink, bucket, event_id, storefront_id, stream_id, sequence)"
        " select %s, get_byte(uuid_send(stream_id), 15) & 63, id, storefront_id, stream_id, sequence"
        " from (select * from events_event where stream_id in"
        " (select stream_id from events_event where sequence = 5 limit %s)) told order by sequence",
        [name, most // 5])
    cursor.execute("vacuum analyze events_outbox")
relay = Relay(name, build_sink(name))
before, began = time.process_time(), time.perf_counter()
published = relay.drain()
print(json.dumps([published, time.perf_counter() - began, time.process_time() - before]))
"""

_WEBHOOKS = """
import json, sys, time, django; django.setup()
from django.db import connection
from events.models import WebhookDelivery, WebhookEndpoint
from events.webhooks.worker import WebhookWorker
most = int(sys.argv[1])
endpoint = WebhookEndpoint.objects.get(storefront_id=2)
WebhookDelivery.objects.all().delete()
with connection.cursor() as cursor:
    cursor.execute(
        "insert into events_webhook_delivery (endpoint_id, event_id, storefront_id, stream_id, sequence)"
        " select %s, id, storefront_id, stream_id, sequence from events_event where stream_id in"
        " (select stream_id from events_event where sequence = 5 limit %s) order by sequence",
        [endpoint.pk, most // 5])
    cursor.execute("vacuum analyze events_webhook_delivery")
worker = WebhookWorker()
before, began = time.process_time(), time.perf_counter()
worker.drain()
print(json.dumps([worker.delivered, time.perf_counter() - began, time.process_time() - before]))
WebhookDelivery.objects.all().delete()
"""

_ENDPOINT = """
import json, sys, django; django.setup()
from events.webhooks.endpoints import create_endpoint
from orders.api.keys import make_key
from orders.models import Storefront
from orders.rules.scopes import Scope
shop = Storefront.objects.create(id=2, code="ep", name="With an endpoint", number_prefix="EP", currency="AUD")
create_endpoint(2, source="/storefronts/ep", url=sys.argv[1], by="system:benchmark", ordered=True)
print(make_key(shop, name="benchmark", scopes=Scope.values)[1])
"""

_SWITCH = """
import sys, django; django.setup()
from events.models import WebhookEndpoint
from django.utils import timezone
WebhookEndpoint.objects.update(disabled_at=None if sys.argv[1] == "on" else timezone.now())
"""

# Answers every POST at once; one process of its own.
_RECEIVER = """
import asyncio, re, sys
async def answer(reader, writer):
    try:
        head = await reader.readuntil(b"\\r\\n\\r\\n")
        await reader.readexactly(int(re.search(rb"(?i)content-length: (\\d+)", head)[1]))
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
        await writer.drain()
    finally:
        writer.close()
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[1]), backlog=1000)
    await server.serve_forever()
asyncio.run(main())
"""


class Relaying:
    """Events a second of one relay, and the milliseconds of CPU of each, in the relay and in the database."""

    def __init__(self, bench: Bench, events: int) -> None:
        self._bench = bench
        self._events = events

    def sink(self, name: str) -> tuple[float, float, float]:
        return self._measured(_RELAY, name, self._events)

    def webhook(self) -> tuple[float, float, float]:
        return self._measured(_WEBHOOKS, max(500, self._events // 5))

    def _measured(self, code: str, *arguments: object) -> tuple[float, float, float]:
        postmaster = self._bench.facts["postmaster"]
        before = cpu_seconds(postmaster)
        published, seconds, own = json.loads(self._bench.python(code, *arguments))
        database = cpu_seconds(postmaster) - before
        return published / seconds, own / published * 1000, database / published * 1000


# --- brokers -----------------------------------------------------------------------------------------


async def prepare_rabbitmq(*, remove: bool) -> None:
    async with await aio_pika.connect("amqp://guest:guest@127.0.0.1:5672/") as connection:
        channel = await connection.channel()
        await channel.queue_delete(NAME)
        await channel.exchange_delete(NAME)
        if not remove:
            exchange = await channel.declare_exchange(NAME, aio_pika.ExchangeType.TOPIC, durable=True)
            queue = await channel.declare_queue(NAME, durable=True, arguments={"x-queue-type": "quorum"})
            await queue.bind(exchange, "#")


async def prepare_nats(*, remove: bool) -> None:
    client = await nats.connect("nats://127.0.0.1:4222")
    stream = client.jetstream()
    with suppress(NotFoundError):
        await stream.delete_stream(NAME)
    if not remove:
        await stream.add_stream(name=NAME, subjects=[f"{NAME}.>"])
    await client.close()


def prepare(name: str, *, remove: bool = False) -> None:
    """Make what the sink needs at its broker, empty; or take it away."""
    if name == "redis":
        with redis.Redis.from_url("redis://127.0.0.1:6379/0") as client:
            client.delete(NAME)
    elif name == "rabbitmq":
        asyncio.run(prepare_rabbitmq(remove=remove))
    elif name == "nats":
        asyncio.run(prepare_nats(remove=remove))


def running(port: int | None) -> bool:
    if port is None:
        return True
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


# --- all of it ---------------------------------------------------------------------------------------


def placing(bench: Bench, seconds: float, *, relay: subprocess.Popen[bytes] | None = None) -> tuple[float, float]:
    """Orders a second, and the milliseconds of CPU of each: of server, database, and the relay where there is one."""
    before = cpu_seconds(relay.pid) if relay else 0.0
    measured, app, database = bench.loaded(bench.placements(), 16, seconds)
    relayed = cpu_seconds(relay.pid) - before if relay else 0.0
    return measured.per_second, (app + database + relayed) / measured.good * 1000


def cursors(bench: Bench) -> list[bytes]:
    """Requests for the pages of the feed, a hundred events each."""
    path, found = "/api/v1/events?limit=100", []
    for _ in range(40):
        found.append(bench.request("GET", path))
        url = f"http://127.0.0.1:{bench.address[1]}{path}"
        asked = urllib.request.Request(url, headers={"X-API-Key": bench.facts["key"]})
        page = json.load(urllib.request.urlopen(asked))
        if not page["has_more"]:
            break
        path = "/" + page["next"].split("/", 3)[3]
    return found


def report(rates: dict[str, list[tuple[float, ...]]], names: list[str]) -> None:
    print("\n| relaying, order kept | events/s | rounds | relay CPU ms | database CPU ms | events/s of a core |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in names:
        rounds = rates[f"relay {name}"]
        rate, own, database = (median(column) for column in zip(*rounds, strict=True))
        each = " ".join(f"{one[0]:,.0f}" for one in rounds)
        print(f"| {name} | **{rate:,.0f}** | {each} | {own:.3f} | {database:.3f} | {1000 / (own + database):,.0f} |")
    print("\n| placing one order, c=16 | orders/s | CPU ms | ÷ no sink: orders/s | ÷ no sink: CPU | rounds (CPU) |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in ("no sink", "one sink", "one endpoint", "one sink, a relay at work"):
        rounds = rates[name]
        against = [
            (rate / base, cpu / base_cpu)
            for (rate, cpu), (base, base_cpu) in zip(rounds, rates["no sink"], strict=True)
        ]
        each = " ".join(f"{ratio:.2f}" for _, ratio in against)
        print(
            f"| {name} | {median(rate for rate, _ in rounds):,.0f} | {median(cpu for _, cpu in rounds):.2f} "
            f"| **{median(rate for rate, _ in against):.2f}** | **{median(cpu for _, cpu in against):.2f}** | {each} |"
        )
    pages, cpu = (median(column) for column in zip(*rates["feed"], strict=True))
    print(f"\nFeed: {pages:,.0f} pages of 100 a second, {cpu:.2f} ms of CPU each (c=8).")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each case of placing and reading in each round")
    parser.add_argument("--events", type=int, default=5000, help="relayed by each sink in each round")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="orders-bench-", dir="/var/tmp"))
    home.chmod(0o755)
    sinks = [name for name, (_, port) in SINKS.items() if running(port)]
    if left_out := SINKS.keys() - set(sinks):
        print(f"Left out, because they do not run here: {', '.join(sorted(left_out))}.")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    receiver = subprocess.Popen([sys.executable, "-c", _RECEIVER, str(port)])
    bench, others = Bench(home), []
    bench.env |= {"EVENT_SINKS": "", "WEBHOOK_ALLOW_PRIVATE": "1", "LOG_LEVEL": "ERROR"}
    every_sink = {"EVENT_SINKS": ",".join(SINKS[name][0].format(home=home) for name in sinks)}
    try:
        bench.start()
        bench.warm_up()
        bench.python(_TELL, options.events)
        key = bench.python(_ENDPOINT, f"http://127.0.0.1:{port}/").strip()
        bench.python(_SWITCH, "off")
        one_sink = bench.beside(EVENT_SINKS=f"file:{home}/placed.ndjson")
        others.append(one_sink)
        bench.env |= every_sink  # of what is run from now on
        with_endpoint = bench.beside(EVENT_SINKS="")
        with_endpoint.facts["key"] = key
        others.append(with_endpoint)
        measure(bench, one_sink, with_endpoint, sinks, options)
    finally:
        receiver.terminate()
        receiver.wait()
        for name in sinks:
            prepare(name, remove=True)
        for other in others:
            other.stop()
        bench.close()
        shutil.rmtree(home, ignore_errors=True)


def measure(bench: Bench, one_sink: Bench, with_endpoint: Bench, sinks: list[str], options: argparse.Namespace) -> None:
    relaying = Relaying(bench, options.events)
    feed = cursors(bench)

    def endpoint() -> tuple[float, float]:
        bench.python(_SWITCH, "on")
        found = placing(with_endpoint, options.seconds)
        bench.python(_SWITCH, "off")
        return found

    def beside_a_relay() -> tuple[float, float]:
        command = [sys.executable, str(ROOT / "manage.py"), "relay_events"]
        with subprocess.Popen(command, env=one_sink.env, cwd=ROOT, stderr=subprocess.DEVNULL) as relay:
            time.sleep(3)  # what has been queued before is gone then
            found = placing(one_sink, options.seconds, relay=relay)
            relay.terminate()
        return found

    def webhook() -> tuple[float, float, float]:
        bench.python(_SWITCH, "on")
        found = relaying.webhook()
        bench.python(_SWITCH, "off")
        return found

    def pages() -> tuple[float, float]:
        measured, app, database = bench.loaded(feed, 8, options.seconds)
        return measured.per_second, (app + database) / measured.good * 1000

    cases: dict[str, Callable[[], tuple[float, ...]]] = {
        "no sink": lambda: placing(bench, options.seconds),
        "one sink": lambda: placing(one_sink, options.seconds),
        "one endpoint": endpoint,
        "one sink, a relay at work": beside_a_relay,
        "feed": pages,
        "relay webhook": webhook,
    }
    rates: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for number in range(options.rounds):
        for name, once in cases.items():
            rates[name].append(once())
        for name in sinks:
            prepare(name)
            rates[f"relay {name}"].append(relaying.sink(name))
        print(f"round {number + 1} of {options.rounds}", flush=True)
    report(rates, [*sinks, "webhook"])


if __name__ == "__main__":
    main()
