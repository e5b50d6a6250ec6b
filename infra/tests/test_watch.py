"""Alarms: for every dead-letter queue, and all of them tell somebody."""

from __future__ import annotations

from typing import Any

from tests.conftest import Read, resources


def alarms(template: Read, stage: str) -> dict[str, dict[str, Any]]:
    found = resources(template(stage, "Watch"), "AWS::CloudWatch::Alarm").values()
    return {alarm["Properties"]["AlarmName"].removeprefix(f"orders-{stage}-"): alarm["Properties"] for alarm in found}


def test_these_are_watched(template: Read, stage: str) -> None:
    assert sorted(alarms(template, stage)) == [
        "5xx",
        "database-capacity",
        "database-connections",
        "database-cpu",
        "dead-letters-analytics",
        "dead-letters-checkout",
        "dead-letters-fulfilment",
        "dead-letters-incoming",
        "incoming-late",
        "p99",
        "parked-events",
        "relay-lag",
        "web-away",
    ]


def test_every_dead_letter_queue_rings_at_the_first_message(template: Read, stage: str) -> None:
    queues = [name for name in resources(template(stage, "Events"), "AWS::SQS::Queue") if "Dead" in name]

    rings = {name: alarm for name, alarm in alarms(template, stage).items() if name.startswith("dead-letters-")}

    watched = sorted(str(alarm["Dimensions"][0]["Value"]["Fn::ImportValue"]) for alarm in rings.values())
    assert len(watched) == len(queues)
    for queue in queues:
        assert any(queue in name for name in watched)
    for alarm in rings.values():
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
        assert alarm["EvaluationPeriods"] == 1


def test_every_alarm_tells_when_it_rings_and_when_it_is_over(template: Read, stage: str) -> None:
    for alarm in alarms(template, stage).values():
        assert "Alarms" in alarm["AlarmActions"][0]["Ref"]
        assert alarm["OKActions"] == alarm["AlarmActions"]


def test_a_relay_that_says_nothing_rings_too(template: Read, stage: str) -> None:
    lag, parked = alarms(template, stage)["relay-lag"], alarms(template, stage)["parked-events"]

    assert (lag["Namespace"], lag["MetricName"], lag["TreatMissingData"]) == (
        f"Orders/{stage}",
        "RelayLagSeconds",
        "breaching",
    )
    assert (parked["Namespace"], parked["MetricName"]) == (f"Orders/{stage}", "ParkedEvents")
    # The total of all sinks.
    assert "Dimensions" not in lag
    assert "Dimensions" not in parked
