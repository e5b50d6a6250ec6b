"""Amazon SQS. What is not deleted comes again after the queue's visibility timeout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from events.inbox.sources.protocol import Message, SourceDown
from events.sinks.aws import MOST_IN_A_CALL, aws_client
from events.sinks.protocol import SinkDown
from events.sinks.sqs import queue_at

# The most that SQS keeps a call until there is a message.
_LONGEST_POLL_SECONDS: Final = 20


class SqsSource:
    """Reads one queue, ten messages at a call. Topics of SNS have to deliver raw messages to it."""

    def __init__(self, address: str) -> None:
        """`address` is the queue's URL."""
        self._queue = address
        self._region = queue_at(address).region
        self._client: Any = None

    def open(self) -> None:
        self.close()
        try:
            self._client = aws_client("sqs", region=self._region, waits_seconds=_LONGEST_POLL_SECONDS)
        except SinkDown as error:
            raise SourceDown(str(error)) from error

    def receive(self, *, limit: int, seconds: float) -> Sequence[Message]:
        if self._client is None:
            raise SourceDown("The client of SQS is closed.")
        messages: list[Message] = []
        wait = round(seconds)
        while len(messages) < limit:
            try:
                answer = self._client.receive_message(
                    QueueUrl=self._queue,
                    MaxNumberOfMessages=min(MOST_IN_A_CALL, limit - len(messages)),
                    WaitTimeSeconds=wait,
                )
            except (ClientError, BotoCoreError) as error:
                if messages:  # they must not wait for their visibility timeout
                    break
                raise SourceDown(f"SQS gives no messages: {error}.") from error
            found = answer.get("Messages", [])
            messages += [Message(each["Body"].encode(), each["ReceiptHandle"]) for each in found]
            if len(found) < MOST_IN_A_CALL:
                break
            wait = 0
        return messages

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """A message that SQS does not delete comes again, and is known by its id then."""
        if self._client is None:
            raise SourceDown("The client of SQS is closed.")
        for start in range(0, len(messages), MOST_IN_A_CALL):
            part = messages[start : start + MOST_IN_A_CALL]
            entries = [{"Id": str(at), "ReceiptHandle": message.receipt} for at, message in enumerate(part)]
            try:
                self._client.delete_message_batch(QueueUrl=self._queue, Entries=entries)
            except (ClientError, BotoCoreError) as error:
                raise SourceDown(f"SQS did not delete what was received: {error}.") from error

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
