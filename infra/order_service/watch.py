"""What wakes somebody, and what they look at then. docs/operating.md says what to do about each."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from order_service.data import Data
from order_service.events import Events
from order_service.service import Service
from order_service.tasks import metrics_namespace
from stages import Settings

_MINUTE = cdk.Duration.minutes(1)
_BREACHING = cloudwatch.TreatMissingData.BREACHING
_QUIET = cloudwatch.TreatMissingData.NOT_BREACHING


class Watch(cdk.Stack):
    """Every alarm is named `orders-STAGE-…`: `infra/bin/bake` finds them by that."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        data: Data,
        events: Events,
        service: Service,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._alarms: list[cloudwatch.Alarm] = []
        self._topic = self._alarm_topic(events)
        self._dead_letters(events)
        self._requests(service)
        self._database(data)
        self._relay()
        self._look(data, events, service)

    def _alarm_topic(self, events: Events) -> sns.Topic:
        topic = sns.Topic(self, "Alarms", master_key=events.key, enforce_ssl=True)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        if self._settings.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(self._settings.alarm_email))
        return topic

    def _dead_letters(self, events: Events) -> None:
        for name, queue in events.dead_letters.items():
            self._alarm(
                f"dead-letters-{name}",
                queue.metric_approximate_number_of_messages_visible(period=_MINUTE, statistic="Maximum"),
                above=0,
                minutes=1,
                told=f"{name}: messages that were received five times in vain, or could not be delivered.",
            )
        self._alarm(
            "incoming-late",
            events.incoming.metric_approximate_age_of_oldest_message(period=_MINUTE),
            above=300,
            minutes=5,
            told="Events of other services wait: does consume_events run?",
        )

    def _requests(self, service: Service) -> None:
        api, targets = service.front_door.api, service.front_door.targets
        self._alarm(
            "5xx",
            api.metric_server_error(period=_MINUTE, statistic="Sum"),
            above=5,
            minutes=3,
            told="Requests are answered 5xx; API Gateway counts its own as well.",
        )
        self._alarm(
            "p99",
            api.metric_latency(period=_MINUTE, statistic="p99"),
            above=2_000,
            minutes=5,
            told="One request in a hundred takes more than two seconds.",
        )
        self._alarm(
            "web-away",
            targets.metrics.healthy_host_count(period=_MINUTE, statistic="Minimum"),
            below=1,
            minutes=3,
            missing=_BREACHING,
            told="No web task is ready: /readyz says why.",
        )

    def _database(self, data: Data) -> None:
        self._alarm(
            "database-cpu",
            data.cluster.metric_cpu_utilization(period=_MINUTE),
            above=80,
            minutes=15,
            told="The database is busy.",
        )
        self._alarm(
            "database-capacity",
            data.cluster.metric_acu_utilization(period=_MINUTE),
            above=90,
            minutes=15,
            told="The database is nearly as large as stages.py lets it become.",
        )
        self._alarm(
            "database-connections",
            data.cluster.metric_database_connections(period=_MINUTE, statistic="Maximum"),
            # Aurora allows about a hundred for each unit of the largest size.
            above=int(self._settings.most_units * 80),
            minutes=5,
            told="The database has nearly as many connections as it takes.",
        )

    def _relay(self) -> None:
        self._alarm(
            "relay-lag",
            self._relay_metric("RelayLagSeconds"),
            above=60,
            minutes=5,
            # A relay that says nothing does not run.
            missing=_BREACHING,
            told="Events are late, or no relay tells how they stand.",
        )
        self._alarm(
            "parked-events",
            self._relay_metric("ParkedEvents"),
            above=0,
            minutes=1,
            told="A sink refused events, and their orders wait: manage.py outbox status tells which.",
        )

    def _relay_metric(self, name: str) -> cloudwatch.Metric:
        """The total of all sinks, which has no dimension."""
        return cloudwatch.Metric(
            namespace=metrics_namespace(self._settings), metric_name=name, period=_MINUTE, statistic="Maximum"
        )

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.Metric,
        *,
        above: float | None = None,
        below: float | None = None,
        minutes: int,
        told: str,
        missing: cloudwatch.TreatMissingData = _QUIET,
    ) -> None:
        """Rings when it was above or below for so many minutes, and when it is well again."""
        threshold = above if above is not None else below
        assert threshold is not None  # noqa: S101 - one of the two is given
        alarm = metric.create_alarm(
            self,
            "".join(part.capitalize() for part in name.split("-")),
            alarm_name=f"orders-{self._settings.name}-{name}",
            alarm_description=told,
            threshold=threshold,
            comparison_operator=(
                cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
                if above is not None
                else cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
            ),
            evaluation_periods=minutes,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))
        alarm.add_ok_action(actions.SnsAction(self._topic))
        self._alarms.append(alarm)

    def _look(self, data: Data, events: Events, service: Service) -> None:
        api, cluster = service.front_door.api, data.cluster
        dashboard = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=f"orders-{self._settings.name}")
        dashboard.add_widgets(cloudwatch.AlarmStatusWidget(alarms=self._alarms, width=24, height=4))
        rows: list[dict[str, list[cloudwatch.Metric]]] = [
            {
                "Requests": [
                    api.metric_count(period=_MINUTE, statistic="Sum"),
                    api.metric_client_error(period=_MINUTE, statistic="Sum"),
                    api.metric_server_error(period=_MINUTE, statistic="Sum"),
                ],
                "Milliseconds": [
                    api.metric_latency(period=_MINUTE, statistic=statistic) for statistic in ("p50", "p95", "p99")
                ],
                "Web": [
                    service.web.metric_cpu_utilization(period=_MINUTE),
                    service.web.metric_memory_utilization(period=_MINUTE),
                ],
            },
            {
                "Database": [
                    cluster.metric_cpu_utilization(period=_MINUTE),
                    cluster.metric_acu_utilization(period=_MINUTE),
                ],
                "Connections": [cluster.metric_database_connections(period=_MINUTE)],
                "Events": [self._relay_metric("RelayLagSeconds"), self._relay_metric("ParkedEvents")],
            },
            {
                "Dead letters": [
                    queue.metric_approximate_number_of_messages_visible(period=_MINUTE, label=name)
                    for name, queue in events.dead_letters.items()
                ],
            },
        ]
        for row in rows:
            dashboard.add_widgets(
                *(cloudwatch.GraphWidget(title=title, left=left, width=24 // len(row)) for title, left in row.items())
            )
