"""What cdk-nag would have otherwise, and why it is as it is."""

from __future__ import annotations

from typing import Final, NamedTuple

import aws_cdk as cdk
from constructs import IConstruct

from stages import Settings


class Acknowledged(NamedTuple):
    """`at` is a path within the stage, `rules` those of AwsSolutions; a `{region}` in one is the stage's."""

    at: str
    rules: tuple[str, ...]
    reason: str


# Of the policy AWSLambdaBasicExecutionRole, which lets a function write its log and nothing else.
_WRITES_ITS_LOG: Final = "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]"
_TASKS: Final = ("Migrate", "Web", "Relay", "Sweeper", "Placer", "Consumer")

ALWAYS: Final = (
    Acknowledged(
        "Data/Cluster",
        ("RDS6",),
        "The service signs in with a password that RDS changes every seven days; tokens of IAM would have to be made "
        "for each connection.",
    ),
    Acknowledged(
        "Data/SecretKey",
        ("SMG4",),
        "Another SECRET_KEY signs everybody out: it is changed by hand, when it leaks.",
    ),
    Acknowledged("Data/MetricsToken", ("SMG4",), "Whoever reads /metrics would have to learn the new one."),
    Acknowledged(
        "Service/FrontDoor/All",
        ("APIG4",),
        "The service knows its callers itself: API keys with scopes, and staff who sign in.",
    ),
    Acknowledged(
        "Service/FrontDoor/BalancerLog", ("S1",), "It is the bucket of an access log; one of its own would never end."
    ),
    *(
        Acknowledged(f"Service/{task}Task", ("ECS2",), "The variables are no secrets; those come from Secrets Manager.")
        for task in _TASKS
    ),
    Acknowledged("Service/Migration/Start", (_WRITES_ITS_LOG,), "It writes its log."),
    Acknowledged("Service/Migration/HasEnded", (_WRITES_ITS_LOG,), "It writes its log."),
    Acknowledged(
        "Service/Migration/HasEnded",
        ("IAM5[Resource::arn:<AWS::Partition>:ecs:{region}:<AWS::AccountId>:task/<ClusterEB0386A7>/*]",),
        "It looks at a task of its own cluster whose id is not known before.",
    ),
    Acknowledged(
        "Service/Migration/Provider",
        (
            _WRITES_ITS_LOG,
            "IAM5[Resource::<MigrationStartA0FC1090.Arn>:*]",
            "IAM5[Resource::<MigrationHasEndedBF8BC9E8.Arn>:*]",
            "IAM5[Resource::<MigrationProviderframeworkisCompleteD18FDEF4.Arn>:*]",
            "IAM5[Resource::<MigrationProviderframeworkonTimeout22B578D9.Arn>:*]",
        ),
        "The CDK's own framework: it may call every version of these functions.",
    ),
    Acknowledged("Service/Migration/Provider", ("L1",), "The CDK's own framework says in what its functions run."),
    Acknowledged("Service/Migration/Provider", ("SF1", "SF2"), "Its state machine only waits; the task has a log."),
)

WHERE_NOTHING_IS_KEPT: Final = (
    Acknowledged("Data/Cluster", ("RDS10",), "The stage is to be deleted as a whole; a last snapshot stays."),
)


def acknowledge(stage: cdk.Stage, settings: Settings) -> None:
    """Raises when a path leads nowhere: what is gone needs no reason any more."""
    for at, rules, reason in (*ALWAYS, *(() if settings.is_kept else WHERE_NOTHING_IS_KEPT)):
        construct: IConstruct = stage
        for name in at.split("/"):
            construct = construct.node.find_child(name)
        for rule in rules:
            cdk.Validations.of(construct).acknowledge(
                cdk.Acknowledgment(
                    id=f"AwsSolutions::AwsSolutions-{rule.replace('{region}', settings.region)}", reason=reason
                )
            )
