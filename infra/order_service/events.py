"""How events leave and come in: the topic, the bus, and a queue with a dead-letter queue for every consumer.

The sinks (`events/sinks/sns.py`, `events/sinks/eventbridge.py`) send what is filtered here: to the topic the attribute
`type`, to the bus the type as `detail-type` and `storefronts/CODE` as the source.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from consumers import BY_RULE, IN_ORDER, Consumer
from order_service.kept_logs import kept
from stages import Settings

_KEPT = cdk.Duration.days(14)  # the longest that SQS keeps a message
_TRIES = 5


class Events(cdk.Stack):
    """`incoming` is the queue that other services send to; `dead_letters` are all queues that somebody has to look at,
    by name.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self.dead_letters: dict[str, sqs.Queue] = {}
        self.key = self._key()
        self.topic = sns.Topic(
            self,
            "Topic",
            fifo=True,
            # The sinks give the event's id.
            content_based_deduplication=False,
            master_key=self.key,
            enforce_ssl=True,
        )
        self.bus = events.EventBus(self, "Bus", event_bus_name=f"orders-{settings.name}")
        self.bus.archive(
            "Archive",
            description="Every event, to be replayed to a rule",
            event_pattern=events.EventPattern(source=events.Match.prefix("storefronts/")),
            retention=cdk.Duration.days(settings.log_days),
        )
        for consumer in IN_ORDER:
            self._behind_the_topic(consumer)
        for consumer in BY_RULE:
            self._behind_the_bus(consumer)
        self.incoming = self._queue("Incoming", "incoming", is_fifo=False)
        cdk.CfnOutput(self, "IncomingUrl", value=self.incoming.queue_url, description="Where other services send to")

    def _key(self) -> kms.Key:
        """One for all that passes: each of these services has to read it to deliver."""
        key = kms.Key(self, "Key", enable_key_rotation=True, removal_policy=kept(self._settings))
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[
                    iam.ServicePrincipal(f"{service}.amazonaws.com") for service in ("sns", "events", "cloudwatch")
                ],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        return key

    def _behind_the_topic(self, consumer: Consumer) -> None:
        queue = self._queue(consumer.name.capitalize(), consumer.name, is_fifo=True)
        self.topic.add_subscription(
            subscriptions.SqsSubscription(
                queue,
                raw_message_delivery=True,
                filter_policy={"type": sns.SubscriptionFilter.string_filter(allowlist=list(consumer.types))},
                # What the topic cannot deliver is kept beside what the consumer could not handle.
                dead_letter_queue=self.dead_letters[consumer.name],
            )
        )

    def _behind_the_bus(self, consumer: Consumer) -> None:
        queue = self._queue(consumer.name.capitalize(), consumer.name, is_fifo=False)
        events.Rule(
            self,
            f"{consumer.name.capitalize()}Rule",
            event_bus=self.bus,
            event_pattern=events.EventPattern(
                source=events.Match.prefix("storefronts/"), detail_type=list(consumer.types)
            ),
            targets=[targets.SqsQueue(queue, dead_letter_queue=self.dead_letters[consumer.name])],
        )

    def _queue(self, construct_id: str, name: str, *, is_fifo: bool) -> sqs.Queue:
        """With a dead-letter queue for what was received `_TRIES` times in vain."""
        dead = self._encrypted(f"{construct_id}Dead", is_fifo=is_fifo, dead_letter_queue=None)
        self.dead_letters[name] = dead
        return self._encrypted(
            construct_id, is_fifo=is_fifo, dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=_TRIES)
        )

    def _encrypted(
        self, construct_id: str, *, is_fifo: bool, dead_letter_queue: sqs.DeadLetterQueue | None
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            construct_id,
            # False is refused: a standard queue is one where nothing is said.
            fifo=True if is_fifo else None,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=self.key,
            enforce_ssl=True,
            retention_period=_KEPT,
            visibility_timeout=cdk.Duration.seconds(60),
            dead_letter_queue=dead_letter_queue,
            removal_policy=kept(self._settings),
        )
