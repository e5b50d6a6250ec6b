"""Prints what arrives at a sink of EVENT_SINKS, one event a line: `python -m deploy.brokers.show_events ADDRESS…`.

For trying out: the smallest consumer of each broker, and what the sink expects to be there (a queue that is bound, a
stream, a topic) is made. It keeps no place of its own worth speaking of, and drops no repeats.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from events.sinks.configured import ConfiguredSink, configured

_SECONDS: Final = 5


def _say(sink: ConfiguredSink, event: bytes | str) -> None:
    text = event.decode() if isinstance(event, bytes) else event
    sys.stdout.write(f"{sink.name} | {text}\n")
    sys.stdout.flush()


def _split(address: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(query="")), dict(parse_qsl(parts.query))


def _rabbitmq(sink: ConfiguredSink) -> None:
    import aio_pika

    url, options = _split(sink.address)

    async def show() -> None:
        async with await aio_pika.connect_robust(url) as connection:
            channel = await connection.channel()
            exchange = await channel.declare_exchange(
                options.get("exchange", "order-events"), aio_pika.ExchangeType.TOPIC, durable=True
            )
            queue = await channel.declare_queue("shown", durable=True)
            await queue.bind(exchange, "#")
            async with queue.iterator() as messages:
                async for message in messages:
                    async with message.process():
                        _say(sink, message.body)

    asyncio.run(show())


def _redis(sink: ConfiguredSink) -> None:
    import redis

    url, options = _split(sink.address)
    last: Any = "0"
    with redis.Redis.from_url(url) as client:
        while True:
            found: Any = client.xread({options.get("stream", "order-events"): last}, block=_SECONDS * 1000)
            for _, entries in found:
                for place, fields in entries:
                    _say(sink, fields[b"event"])
                    last = place


def _nats(sink: ConfiguredSink) -> None:
    import nats

    url, options = _split(sink.address)
    prefix = options.get("subject", "orders")

    async def show() -> None:
        stream = (await nats.connect(url)).jetstream()
        await stream.add_stream(name=prefix.upper(), subjects=[f"{prefix}.>"])
        subscription = await stream.subscribe(f"{prefix}.>", ordered_consumer=True)
        async for message in subscription.messages:
            _say(sink, message.data)

    asyncio.run(show())


def _kafka(sink: ConfiguredSink) -> None:
    from confluent_kafka import Consumer

    parts = urlsplit(sink.address)
    consumer = Consumer(
        {
            "bootstrap.servers": parts.netloc,
            "group.id": "shown",
            "auto.offset.reset": "earliest",
            "allow.auto.create.topics": True,
        }
    )
    consumer.subscribe([dict(parse_qsl(parts.query)).get("topic", "order-events")])
    while True:
        message = consumer.poll(_SECONDS)
        if message is not None and message.error() is None:
            _say(sink, message.value() or b"")


def _sqs(sink: ConfiguredSink) -> None:
    _show_queue(sink, _queue(sink.address.rpartition("/")[2]))


def _sns(sink: ConfiguredSink) -> None:
    import boto3

    region, name = sink.address.split(":")[3], sink.address.split(":")[5]
    fifo = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
    sns = boto3.client("sns", region_name=region)
    topic = sns.create_topic(Name=name, Attributes=fifo)["TopicArn"]
    queue = _queue(f"shown-of-{name}", region)
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=_arn(queue, region), Attributes={"RawMessageDelivery": "true"}
    )
    _show_queue(sink, queue, region)


def _eventbridge(sink: ConfiguredSink) -> None:
    import boto3

    region, name = sink.address.split(":")[3], sink.address.rpartition("/")[2]
    bus = boto3.client("events", region_name=region)
    with contextlib.suppress(bus.exceptions.ResourceAlreadyExistsException):
        bus.create_event_bus(Name=name)
    queue = _queue(f"shown-of-{name}", region)
    bus.put_rule(Name="shown", EventBusName=name, EventPattern='{"detail-type": [{"prefix": "order."}]}')
    bus.put_targets(Rule="shown", EventBusName=name, Targets=[{"Id": "shown", "Arn": _arn(queue, region)}])
    _show_queue(sink, queue, region)


def _queue(name: str, region: str | None = None) -> str:
    import boto3

    fifo = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
    made = boto3.client("sqs", region_name=region).create_queue(QueueName=name, Attributes=fifo)
    return str(made["QueueUrl"])


def _arn(queue: str, region: str) -> str:
    import boto3

    asked = boto3.client("sqs", region_name=region).get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    return str(asked["Attributes"]["QueueArn"])


def _show_queue(sink: ConfiguredSink, queue: str, region: str | None = None) -> None:
    import boto3

    sqs = boto3.client("sqs", region_name=region)
    while True:
        answer = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=_SECONDS, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            _say(sink, message["Body"])
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


_SHOWN: Final[dict[str, Callable[[ConfiguredSink], None]]] = {
    "eventbridge": _eventbridge,
    "kafka": _kafka,
    "nats": _nats,
    "rabbitmq": _rabbitmq,
    "redis": _redis,
    "sns": _sns,
    "sqs": _sqs,
}


def main(addresses: list[str]) -> None:
    """A thread for each; the first that fails ends them all, so that whoever runs this starts it anew."""
    failed: list[Exception] = []
    over = threading.Event()

    def run(sink: ConfiguredSink) -> None:
        try:
            _SHOWN[sink.kind](sink)
        except Exception as error:
            failed.append(error)
        finally:
            over.set()

    for sink in configured(tuple(addresses)).values():
        threading.Thread(target=run, args=(sink,), daemon=True).start()
    over.wait()
    sys.exit(f"{type(failed[0]).__name__}: {failed[0]}" if failed else "It ended.")


if __name__ == "__main__":
    main(sys.argv[1:])
