"""Log groups, kept for as long as the stage says. CloudWatch encrypts all of them with a key of its own."""

from __future__ import annotations

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from stages import Settings

_RETENTION: Final = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


def log_group(scope: Construct, construct_id: str, *, settings: Settings) -> logs.LogGroup:
    return logs.LogGroup(scope, construct_id, retention=_RETENTION[settings.log_days], removal_policy=kept(settings))


def kept(settings: Settings) -> cdk.RemovalPolicy:
    """What becomes of what holds data when its stack is deleted."""
    return cdk.RemovalPolicy.RETAIN if settings.is_kept else cdk.RemovalPolicy.DESTROY
