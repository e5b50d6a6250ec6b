"""Secrets that AWS Secrets Manager keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.exceptions import ImproperlyConfigured

_CONFIG: Final = Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 2})


def secret_text(arn: str) -> Callable[[], str]:
    """A function that fetches the secret as it is now. It raises RuntimeError, with what AWS has to say.

    Credentials, and another endpoint (`AWS_ENDPOINT_URL`), are found as all tools of AWS find them.
    Raises ImproperlyConfigured when it is no secret's ARN.
    """
    parts = arn.split(":")
    if len(parts) < 7 or (parts[0], parts[2], parts[5]) != ("arn", "secretsmanager", "secret"):
        raise ImproperlyConfigured(
            f"DATABASE_SECRET_ARN is {arn!r}; expected arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME."
        )

    def read() -> str:
        try:
            # A client of its own each time: it is needed once in months.
            client = boto3.session.Session().client("secretsmanager", region_name=parts[3], config=_CONFIG)
            text: str = client.get_secret_value(SecretId=arn)["SecretString"]
        except (ClientError, BotoCoreError, KeyError, ValueError) as error:
            raise RuntimeError(f"AWS Secrets Manager did not tell it ({error}).") from error
        return text

    return read
