"""What a synthesised template declares for events, made in an AWS of our own: topic, queues, filters, bus, rules.

Nothing of it is written here once more: names, filters and who gets what are read from the template. What the template
says about keys, policies and alarms is left out; moto checks none of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

Aws = Callable[[str], Any]

# Types in the order in which they need each other.
_MADE_IN_THIS_ORDER: Final = (
    "AWS::SQS::Queue",
    "AWS::SNS::Topic",
    "AWS::Events::EventBus",
    "AWS::SNS::Subscription",
    "AWS::Events::Rule",
)
# What moto cannot be given: a key that is not there.
_LEFT_OUT: Final = frozenset({"KmsMasterKeyId"})


class Declared:
    """What has been made, by logical id: `arns`, and the URLs of `queues`; `types` is which of them is what."""

    def __init__(self, aws: Aws, template: Mapping[str, Any]) -> None:
        self._aws = aws
        self.arns: dict[str, str] = {}
        self.queues: dict[str, str] = {}
        self.types: dict[str, str] = {}
        resources = template["Resources"]
        # Dead-letter queues first: the others name them.
        waiting = {
            name: resource
            for kind in _MADE_IN_THIS_ORDER
            for name, resource in sorted(resources.items(), key=lambda item: "RedrivePolicy" in str(item[1]))
            if resource["Type"] == kind
        }
        for name, resource in waiting.items():
            make = getattr(self, "_make_" + resource["Type"].rpartition("::")[2].lower())
            self.types[name] = resource["Type"]
            make(name, resource["Properties"])

    def only(self, type_name: str) -> str:
        """The ARN of the only one of its type."""
        (name,) = [name for name, kind in self.types.items() if kind == type_name]
        return self.arns[name]

    def queue(self, beginning: str) -> str:
        """The URL of the queue whose logical id begins so, a hash after it."""
        (url,) = [url for name, url in self.queues.items() if name[:-8] == beginning]
        return url

    def _make_queue(self, name: str, properties: Mapping[str, Any]) -> None:
        given = {key: self._resolved(value) for key, value in properties.items() if key not in _LEFT_OUT}
        is_fifo = given.get("FifoQueue") is True
        sqs = self._aws("sqs")
        url = sqs.create_queue(
            QueueName=given.pop("QueueName", name) + (".fifo" if is_fifo else ""),
            Attributes={key: _text(value) for key, value in given.items() if key != "Tags"},
        )["QueueUrl"]
        self.queues[name] = url
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        self.arns[name] = attributes["QueueArn"]

    def _make_topic(self, name: str, properties: Mapping[str, Any]) -> None:
        given = {key: _text(value) for key, value in properties.items() if key not in {*_LEFT_OUT, "Tags"}}
        topic = given.pop("TopicName", name)
        is_named_fifo = given.get("FifoTopic") == "true" and not topic.endswith(".fifo")
        answer = self._aws("sns").create_topic(Name=topic + (".fifo" if is_named_fifo else ""), Attributes=given)
        self.arns[name] = answer["TopicArn"]

    def _make_eventbus(self, name: str, properties: Mapping[str, Any]) -> None:
        self.arns[name] = self._aws("events").create_event_bus(Name=properties["Name"])["EventBusArn"]

    def _make_subscription(self, name: str, properties: Mapping[str, Any]) -> None:
        given = {key: self._resolved(value) for key, value in properties.items()}
        topic, protocol, endpoint = (given.pop(key) for key in ("TopicArn", "Protocol", "Endpoint"))
        given.pop("RedrivePolicy", None)  # moto delivers always
        self.arns[name] = self._aws("sns").subscribe(
            TopicArn=topic,
            Protocol=protocol,
            Endpoint=endpoint,
            Attributes={key: _text(value) for key, value in given.items()},
        )["SubscriptionArn"]

    def _make_rule(self, name: str, properties: Mapping[str, Any]) -> None:
        events = self._aws("events")
        bus = self._resolved(properties["EventBusName"])
        self.arns[name] = events.put_rule(
            Name=name, EventBusName=bus, EventPattern=json.dumps(properties["EventPattern"]), State=properties["State"]
        )["RuleArn"]
        targets = [
            {"Id": target["Id"], "Arn": self._resolved(target["Arn"])}
            for target in self._resolved(properties["Targets"])
        ]
        events.put_targets(Rule=name, EventBusName=bus, Targets=targets)

    def _resolved(self, value: Any) -> Any:
        """With what Ref and GetAtt stand for. An ARN does for what a bus is called, too."""
        match value:
            case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
                return self.arns[name]
            case dict():
                return {key: self._resolved(part) for key, part in value.items()}
            case list():
                return [self._resolved(part) for part in value]
            case _:
                return value


def _text(value: Any) -> str:
    """As AWS takes attributes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)
