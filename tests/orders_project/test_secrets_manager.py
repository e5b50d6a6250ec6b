"""Against an AWS of our own on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from orders_project.secrets_manager import secret_text

pytestmark = pytest.mark.brokers


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of Secrets Manager, which the service finds, too."""
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    yield boto3.client("secretsmanager", region_name="eu-west-1")
    moto.stop()


def test_each_look_finds_the_secret_as_it_is_now(manager: Any):
    arn = manager.create_secret(Name="orders", SecretString="first")["ARN"]
    read = secret_text(arn)

    assert read() == "first"
    manager.put_secret_value(SecretId=arn, SecretString="second")
    assert read() == "second"


def test_what_aws_refuses_is_told(manager: Any):
    read = secret_text("arn:aws:secretsmanager:eu-west-1:123456789012:secret:missing-AbCdEf")

    with pytest.raises(RuntimeError, match=r"AWS Secrets Manager did not tell it .*ResourceNotFoundException"):
        read()


def test_nobody_to_ask_is_told(monkeypatch: pytest.MonkeyPatch):
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    with pytest.raises(RuntimeError, match="Could not connect"):
        secret_text("arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders-AbCdEf")()
