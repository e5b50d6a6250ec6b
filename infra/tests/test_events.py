"""Topics, bus and queues: encrypted, and nothing is lost without somebody being told.

That events get through them is tried in tests/events/test_declared_on_aws.py.
"""

from __future__ import annotations

from tests.conftest import Read, resources


def test_every_queue_is_encrypted(template: Read, stage: str) -> None:
    for queue in resources(template(stage, "Events"), "AWS::SQS::Queue").values():
        assert "Fn::GetAtt" in queue["Properties"]["KmsMasterKeyId"]


def test_every_queue_but_the_dead_letters_has_dead_letters_that_are_kept_for_two_weeks(
    template: Read, stage: str
) -> None:
    queues = resources(template(stage, "Events"), "AWS::SQS::Queue")
    dead = {name for name in queues if "Dead" in name}

    for name in queues.keys() - dead:
        redrive = queues[name]["Properties"]["RedrivePolicy"]
        assert redrive["deadLetterTargetArn"]["Fn::GetAtt"][0] in dead
        assert redrive["maxReceiveCount"] == 5
    for name in dead:
        assert queues[name]["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 60 * 60


def test_what_the_topic_cannot_deliver_goes_to_dead_letters_and_the_rest_goes_as_it_is(
    template: Read, stage: str
) -> None:
    for subscription in resources(template(stage, "Events"), "AWS::SNS::Subscription").values():
        assert subscription["Properties"]["RawMessageDelivery"] is True
        assert "Dead" in subscription["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]


def test_what_the_bus_cannot_deliver_goes_to_dead_letters(template: Read, stage: str) -> None:
    for rule in resources(template(stage, "Events"), "AWS::Events::Rule").values():
        for target in rule["Properties"]["Targets"]:
            assert "Dead" in target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]


def test_the_topic_is_encrypted_and_keeps_an_orders_events_in_order(template: Read, stage: str) -> None:
    (topic,) = resources(template(stage, "Events"), "AWS::SNS::Topic").values()

    assert topic["Properties"]["FifoTopic"] is True
    assert "Fn::GetAtt" in topic["Properties"]["KmsMasterKeyId"]


def test_the_bus_has_an_archive(template: Read, stage: str) -> None:
    (archive,) = resources(template(stage, "Events"), "AWS::Events::Archive").values()

    assert archive["Properties"]["EventPattern"] == {"source": [{"prefix": "storefronts/"}]}
